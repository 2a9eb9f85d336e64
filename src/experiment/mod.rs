//! An experiment file: which backend, which model, which settings, what is asked.
//!
//! ```yaml
//! backend: candle
//! model: path/to/model
//! settings:
//!   max_new_tokens: 32
//!   beam_search: {num_beams: 4}      # or beam_search.num_beams: 4
//! prompts: [The mill]                # or requests: FILE, as of `wattest run`
//! ```
//!
//! [`Experiment::load`] reads what is there, [`Experiment::resolve`] holds it against the
//! parameters of a backend. Neither runs anything, or looks for the model.

mod check;
mod problem;
mod read;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde::Serialize;

use crate::settings::{Settings, Value};

pub use problem::{Level, Problem};

/// What an experiment file says.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Experiment {
    /// The backend; none where the file names none.
    pub backend: Option<String>,
    /// The directory of the model, as it is written.
    pub model: Option<PathBuf>,
    /// The settings as they are written, nested ones not taken apart.
    pub settings: Value,
    /// What is asked.
    pub asked: Asked,
    /// Settings laid over those of the file, by the names of their parameters: what is told of them
    /// has line 0.
    #[serde(skip)]
    pub over: Settings,
    /// Lines of the keys.
    #[serde(skip)]
    lines: crate::yaml::Lines,
}

/// What is asked in an experiment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// The file says nothing.
    #[default]
    Nothing,
    /// These texts.
    Prompts(Vec<String>),
    /// The requests of a file, one JSON object a line.
    Requests(PathBuf),
}

/// An experiment by the names and types of the parameters of its backend.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Resolved {
    /// The settings by the names that the backend knows. Those that are wrong are left out.
    pub settings: Settings,
    /// All that is to be said of the file, by line.
    pub problems: Vec<Problem>,
}
