//! How to start this executable again.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How to start a worker or a replica: this very executable, told to call
/// [`crate::run::worker::serve`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerCommand {
    /// The executable.
    pub program: PathBuf,
    /// Environment variables that tell it to call that.
    pub environment: Vec<(String, String)>,
}
