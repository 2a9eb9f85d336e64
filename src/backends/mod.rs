//! What runs a model: the backends, and what the rest of the house may ask of them.

#[cfg(any(feature = "candle", feature = "torch"))]
mod assistant;
mod backend;
#[cfg(feature = "candle")]
mod candle;
mod error;
#[cfg(any(feature = "candle", feature = "torch"))]
mod load;
#[cfg(any(feature = "candle", feature = "torch"))]
mod memory;
#[cfg(not(all(feature = "candle", feature = "torch")))]
mod off;
#[cfg(any(feature = "candle", feature = "torch"))]
mod prompt;
#[cfg(feature = "torch")]
mod pytorch;
mod registry;
#[cfg(any(feature = "candle", feature = "torch"))]
mod rows;
pub mod scripted;

pub use backend::{Availability, Backend, Engine, Generation, Prompt, PromptOutput};
pub use error::BackendError;
pub use registry::{Options, find, names};
