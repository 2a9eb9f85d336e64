//! Bytes to records to findings. Pure.

mod finding;
mod scanner;

pub use finding::{Finding, Phase, Severity, Stream};
pub use scanner::{Scanned, Scanner};
