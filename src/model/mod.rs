//! A model directory in the Hugging Face layout: reading it, and writing tiny ones.
//!
//! [`ModelDir::open`] reads the small files and says all that is missing or wrong at once;
//! [`Weights`] gives the tensors of its safetensors files, [`Tokenizer`] the text side. Nothing
//! here knows a tensor library, and nothing is ever unpickled.

mod config;
mod directory;
mod error;
mod layout;
mod rope;
mod sliding;
#[cfg(test)]
mod tests;
pub mod tiny;
mod tokenizer;
mod weights;

pub use config::{Activation, Architecture, Gpt2Config, LlamaConfig, ModelConfig};
pub use directory::ModelDir;
pub use error::ModelError;
pub use layout::{TensorSpec, tensors};
pub use rope::{Rope, RopeScaling};
pub use sliding::Sliding;
pub use tokenizer::Tokenizer;
pub(crate) use weights::weight_files;
pub use weights::{TensorData, Weights};
