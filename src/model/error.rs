//! What can be wrong with a model directory.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// A model directory cannot be used, read or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ModelError {
    /// The directory lacks files or holds wrong ones: everything that was found, at once.
    #[error("model directory {} cannot be used:{}", dir.display(), bullets(problems))]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// One line each: file, what is wrong, what to do.
        problems: Vec<String>,
    },
    /// One file cannot be used.
    #[error("{}: {problem}; {remedy}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong, with line and column where there are any.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// One tensor cannot be used.
    #[error("{}, tensor `{tensor}`: {problem}; {remedy}", file.display())]
    Tensor {
        /// The file that has it, or should have it.
        file: PathBuf,
        /// Its name.
        tensor: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: String,
    },
}

impl ModelError {
    /// `file` cannot be used because of `problem`.
    pub fn file(
        file: impl Into<PathBuf>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::File { file: file.into(), problem: problem.into(), remedy: remedy.into() }
    }

    /// `tensor` of `file` cannot be used because of `problem`.
    pub fn tensor(
        file: impl Into<PathBuf>,
        tensor: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Tensor {
            file: file.into(),
            tensor: tensor.into(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    /// `file` could not be written.
    pub(crate) fn write(file: impl Into<PathBuf>, error: &std::io::Error) -> Self {
        Self::file(
            file,
            format!("cannot be written ({error})"),
            "check the path and the free space",
        )
    }

    /// This error as one line of a list about `dir`: the file by its name alone.
    pub(crate) fn within(&self, dir: &Path) -> String {
        let local = |file: &PathBuf| file.strip_prefix(dir).unwrap_or(file).to_path_buf();
        match self {
            Self::File { file, problem, remedy } => {
                Self::file(local(file), problem, remedy).to_string()
            }
            Self::Tensor { file, tensor, problem, remedy } => {
                Self::tensor(local(file), tensor, problem, remedy).to_string()
            }
            Self::Directory { problems, .. } => problems.join("\n  - "),
        }
    }
}

/// `problems` as a list under a heading, each on a line of its own.
fn bullets(problems: &[String]) -> String {
    problems.iter().map(|problem| format!("\n  - {problem}")).collect()
}
