//! What runs a model: the backends, and what the rest of the house may ask of them.

mod backend;
#[cfg(feature = "candle")]
mod candle;
#[cfg(not(feature = "candle"))]
#[path = "candle/disabled.rs"]
mod candle;
mod error;
mod registry;

pub use backend::{Availability, Backend, Engine, Generation, Prompt, PromptOutput};
pub use error::BackendError;
pub use registry::{Options, find, names};
