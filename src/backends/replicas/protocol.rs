//! What an engine and its replicas say to each other: one JSON document a line, a request and its
//! reply in turns.

use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::backends::{BackendError, Generation, Options, Prompt};
use crate::settings::Settings;

/// Version of these messages. Both sides are the same executable unless the build was replaced
/// while it ran.
pub(super) const PROTOCOL: u32 = 1;

/// What is asked of a replica.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// First of all: load the model.
    Load(Box<Load>),
    /// Continue the prompts of a share.
    Generate {
        /// All prompts of the request.
        prompts: Vec<Prompt>,
        /// Those to continue.
        share: Range<usize>,
        /// All settings but the number of replicas.
        settings: Settings,
    },
    /// Tell the text of a token.
    TokenText(u32),
    /// End. There is no reply.
    Quit,
}

/// What is to be loaded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Load {
    /// [`PROTOCOL`] of the engine.
    pub(super) protocol: u32,
    /// Name of the backend.
    pub(super) backend: String,
    /// Options of the backends.
    pub(super) options: Options,
    /// Model directory.
    pub(super) model: PathBuf,
    /// All settings but the number of replicas.
    pub(super) settings: Settings,
}

/// What a replica answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    /// The model is loaded.
    Loaded {
        /// The load settings in force.
        effective: Settings,
        /// `model_type` of the model.
        architecture: String,
    },
    /// The share is done.
    Generated {
        /// What was generated, without its score tables.
        generation: Generation,
        /// How many bytes of score tables follow the line.
        scores: u64,
    },
    /// The text of the token.
    Text(String),
    /// It was refused, or it failed.
    Failed(BackendError),
}

impl Request {
    /// What a replica that has this request is doing.
    pub(super) fn doing(&self) -> String {
        match self {
            Self::Load(_) => "it loaded the model".to_owned(),
            Self::Generate { share, .. } => match (share.start, share.len()) {
                (_, 0) => "it had no prompt".to_owned(),
                (prompt, 1) => format!("it continued prompt {prompt}"),
                (first, _) => format!("it continued prompts {first} to {}", share.end - 1),
            },
            Self::TokenText(token) => format!("it was asked for the text of token {token}"),
            Self::Quit => "it was to end".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_tells_what_it_is_about() {
        let share = |share: Range<usize>| {
            Request::Generate { prompts: Vec::new(), share, settings: Settings::new() }.doing()
        };
        insta::assert_snapshot!(share(2..4), @"it continued prompts 2 to 3");
        insta::assert_snapshot!(share(3..4), @"it continued prompt 3");
        insta::assert_snapshot!(share(4..4), @"it had no prompt");
    }
}
