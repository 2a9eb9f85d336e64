//! What can go wrong in a backend.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::failure::{Failure, OutOfMemory};
use crate::generate::{GenerateError, ModelFault};
use crate::model::ModelError;
use crate::refusal::Refusal;

/// A backend could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Error)]
#[serde(tag = "kind", content = "detail", rename_all = "snake_case")]
pub enum BackendError {
    /// A setting is not accepted; nothing was done.
    #[error("{0}")]
    Refused(Refusal),
    /// The model directory lacks something or holds something wrong; the text names the file and,
    /// where there is one, the tensor or key, and what to do.
    #[error("{0}")]
    Model(String),
    /// The backend is not in this build or cannot run on this machine.
    #[error("{reason}; {remedy}")]
    Unavailable {
        /// Why.
        reason: String,
        /// The command that mends it.
        remedy: String,
    },
    /// More memory was asked for than there is.
    #[error("out of memory: {0}")]
    OutOfMemory(OutOfMemory),
    /// The work itself failed.
    #[error("{0}")]
    Failed(Failure),
}

impl From<Refusal> for BackendError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<ModelError> for BackendError {
    fn from(error: ModelError) -> Self {
        Self::Model(error.to_string())
    }
}

impl From<GenerateError> for BackendError {
    fn from(error: GenerateError) -> Self {
        match error {
            GenerateError::Refused(refusal) => Self::Refused(refusal),
            GenerateError::Model(ModelFault::OutOfMemory(short)) => Self::OutOfMemory(short),
            GenerateError::Model(ModelFault::Compute(failure)) => Self::Failed(failure),
        }
    }
}
