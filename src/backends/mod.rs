//! What runs a model: the backends, and what the rest of the house may ask of them.

mod backend;
mod candle;
mod error;
mod registry;

pub use backend::{Availability, Backend, Engine, Generation, Prompt, PromptOutput};
pub use error::BackendError;
pub use registry::{Options, find, names};
