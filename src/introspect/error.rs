//! What can go wrong when an engine is asked for its surface.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::schema::SchemaFault;

/// An engine did not tell its surface.
#[derive(Debug, Error)]
pub enum IntrospectError {
    /// There is no place for the program that asks, or for its answer.
    #[error("a temporary folder cannot be used: {0}; see TMPDIR")]
    Folder(io::Error),
    /// The interpreter does not run.
    #[error("`{python}` cannot be started: {error}; name an interpreter with --python")]
    Python {
        /// The interpreter.
        python: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The engine cannot be imported, or is laid out in another way than its versions so far.
    #[error(
        "{engine} did not tell its parameters; install it for that interpreter or name another with --python; the last lines it wrote:\n{last}"
    )]
    Engine {
        /// The engine.
        engine: String,
        /// What it wrote to standard error, the end of it.
        last: String,
    },
    /// The answer is not a surface.
    #[error("the answer is not a surface: {}", .0.first().map_or_else(String::new, ToString::to_string))]
    Answer(Vec<SchemaFault>),
}
