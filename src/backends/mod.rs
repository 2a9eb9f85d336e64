//! What runs a model: the backends, and what the rest of the house may ask of them.

mod backend;
#[cfg(feature = "candle")]
mod candle;
mod error;
#[cfg(not(feature = "candle"))]
mod off;
mod registry;
pub mod scripted;

pub use backend::{Availability, Backend, Engine, Generation, Prompt, PromptOutput};
pub use error::BackendError;
pub use registry::{Options, find, names};
