//! What runs a model: the backends, and what the rest of the house may ask of them.

#[cfg(any(feature = "candle", feature = "torch"))]
mod assistant;
mod backend;
#[cfg(feature = "candle")]
mod candle;
#[cfg(all(test, any(feature = "candle", feature = "torch")))]
mod conformance;
mod error;
#[cfg(any(feature = "candle", feature = "torch"))]
mod first_layers;
mod guarded;
#[cfg(any(feature = "candle", feature = "torch"))]
mod kv_cache;
#[cfg(any(feature = "candle", feature = "torch"))]
mod load;
#[cfg(any(feature = "candle", feature = "torch"))]
mod memory;
#[cfg(not(all(feature = "candle", feature = "torch", feature = "python")))]
mod off;
#[cfg(any(feature = "candle", feature = "torch"))]
mod prompt;
#[cfg(feature = "python")]
mod python;
#[cfg(feature = "torch")]
mod pytorch;
mod registry;
mod replicas;
#[cfg(any(feature = "candle", feature = "torch"))]
mod rows;
pub(crate) mod score_tables;
pub mod scripted;

pub use backend::{Availability, Backend, Engine, Generation, Prompt, PromptOutput};
pub use error::BackendError;
pub(crate) use guarded::guarded;
pub use registry::{ENGINES, Options, find, interpreter, names, runs_python};
pub(crate) use replicas::{number as replica_number, serve as serve_replica};
