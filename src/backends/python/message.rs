//! What is said to the Python side and what it answers: JSON both ways.

use serde::{Deserialize, Serialize};

use super::error::Raised;
use crate::settings::Settings;

/// A request.
#[derive(Debug, Serialize)]
#[serde(tag = "do", content = "with", rename_all = "snake_case")]
pub(super) enum Request<'a> {
    /// Refuses what the engine refuses without any work.
    Check { adapter: &'a str, settings: &'a Settings },
    /// Loads a model; answered by [`Loaded`].
    Load { adapter: &'a str, model: &'a str, settings: &'a Settings },
    /// Generates; answered by a generation, with its score tables as bytes beside it.
    Generate { engine: u64, prompts: &'a [crate::backends::Prompt], settings: &'a Settings },
    /// Answered by text.
    TokenText { engine: u64, token: u32 },
    /// Frees an engine.
    Close { engine: u64 },
    /// Whether the process is fit for another engine; answered by a boolean.
    KeepsProcess {},
}

/// An answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer<T> {
    /// It was done.
    Ok(T),
    /// An exception.
    Error(Raised),
}

/// A loaded engine.
#[derive(Debug, Deserialize)]
pub(super) struct Loaded {
    /// By this it is known to the Python side.
    pub(super) engine: u64,
    /// `model_type` of the model.
    pub(super) architecture: String,
    /// The load settings in force.
    pub(super) effective: Settings,
}
