//! What is to be said of an experiment file, and where.

use std::fmt;

use serde::Serialize;

/// One thing that is to be said of an experiment file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// The key: `settings.top_k`.
    pub key: String,
    /// How much it weighs.
    pub level: Level,
    /// What it is, and what to do.
    pub message: String,
}

/// How much a [`Problem`] weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The backend would refuse it, or the file cannot be read so.
    Error,
    /// It may well not do what is meant.
    Warning,
    /// Good to know.
    Note,
}

impl Level {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, key, level, message } = self;
        match key.as_str() {
            "" => write!(out, "{line}: {}: {message}", level.word()),
            key => write!(out, "{line}: {}: {key}: {message}", level.word()),
        }
    }
}
