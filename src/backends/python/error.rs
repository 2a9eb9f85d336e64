//! What an exception of an engine is.

use serde::Deserialize;

use crate::backends::BackendError;
use crate::failure::{Failure, OutOfMemory};
use crate::refusal::Refusal;
use crate::settings::Value;

/// An exception, as `errors.py` tells it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Raised {
    /// A setting is not accepted. The parameter is empty where the message names none.
    Refused { parameter: String, value: Value, rule: String },
    /// The model directory.
    Model { message: String },
    /// Memory.
    Oom(OutOfMemory),
    /// The package is not there.
    Unavailable { reason: String },
    /// The work failed.
    Failed { message: String, frames: Vec<String> },
}

impl From<Raised> for BackendError {
    fn from(raised: Raised) -> Self {
        match raised {
            Raised::Refused { parameter, value, rule } => {
                Self::Refused(Refusal { parameter, value, rule })
            }
            Raised::Model { message } => Self::Model(message),
            Raised::Oom(short) => Self::OutOfMemory(short),
            Raised::Unavailable { reason } => {
                let remedy = "name an interpreter that has it with --python".to_owned();
                Self::Unavailable { reason, remedy }
            }
            Raised::Failed { message, frames } => Self::Failed(Failure { message, frames }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> BackendError {
        serde_json::from_str::<Raised>(text).unwrap().into()
    }

    #[test]
    fn each_kind_is_read() {
        insta::assert_snapshot!(
            read(r#"{"kind": "refused", "parameter": "top_k", "value": -2, "rule": "at least -1"}"#),
            @"top_k = -2 is refused: at least -1"
        );
        insta::assert_snapshot!(
            read(r#"{"kind": "model", "message": "no config.json"}"#),
            @"no config.json"
        );
        insta::assert_snapshot!(
            read(r#"{"kind": "oom", "message": "9 bytes wanted", "device": "cuda:0", "asked_bytes": 9, "free_bytes": null, "capacity_bytes": null, "frames": []}"#),
            @"out of memory: 9 bytes wanted"
        );
        insta::assert_snapshot!(
            read(r#"{"kind": "unavailable", "reason": "no package `vllm`"}"#),
            @"no package `vllm`; name an interpreter that has it with --python"
        );
        let failed = read(r#"{"kind": "failed", "message": "KeyError: 1", "frames": ["a", "b"]}"#);
        let BackendError::Failed(Failure { message, frames }) = failed else { panic!() };
        assert_eq!((message.as_str(), frames.len()), ("KeyError: 1", 2));
    }
}
