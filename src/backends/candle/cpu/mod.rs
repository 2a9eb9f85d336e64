//! Operations on the CPU that candle's own would slow down or take out of our hands.
//!
//! Candle 0.11 asks the operating system for the number of cores in every dense matrix product
//! (on Linux it reads and parses `/proc/cpuinfo` each time), runs a product with one row on one
//! thread, and runs quantised products and large element-wise operations on a pool of its own that
//! no setting limits. These run in the rayon pool that they are called in.

mod attention;
mod element;
mod elementwise;
mod product;
mod simd;

pub(super) use attention::{Attention, Past};
pub(super) use elementwise::{Pairwise, Pointwise};
pub(super) use product::{AddBias, Dense, QuantizedRows, quantize};
