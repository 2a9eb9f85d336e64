//! What follows from outcome, relation, effect and findings. Pure.

use serde::{Deserialize, Serialize};

/// The judgement of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The judgement.
    pub status: Status,
    /// What kind of failure or error it is (`unknown-issue`, `relation`, `effect`, `refusal`,
    /// `crash`, `timeout`, `silence` ...); empty on a pass.
    pub kind: String,
    /// One line: the cause of a failure, error or skip; empty on a pass.
    pub cause: String,
    /// Whether the parameter did something; none for baselines, skips and where nothing ran.
    pub effect: Option<Effect>,
    /// On what evidence, in one line.
    pub evidence: String,
    /// Known issues that its findings matched: ID and count.
    pub known: Vec<(String, u64)>,
    /// Indices into the findings of those that no known issue covers.
    pub unknown: Vec<usize>,
}

/// Pass, fail, error or skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything that was asked holds.
    Pass,
    /// The parameter, or its output, is not as it should be.
    Fail,
    /// The backend or the harness broke before that could be said.
    Error,
    /// Not run, with a reason.
    Skip,
}

/// Whether the parameter did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The evidence shows that it is in force and does what its relation says.
    Verified,
    /// The engine took it, and changed its value.
    Normalised,
    /// The engine silently kept another value.
    Ignored,
    /// It is in force, and nothing that can be seen changed.
    NoEffect,
    /// There is no evidence either way.
    Unverified,
}

impl Verdict {
    /// Not judged yet.
    pub fn pending() -> Self {
        Self {
            status: Status::Error,
            kind: "pending".to_owned(),
            cause: "not judged yet".to_owned(),
            effect: None,
            evidence: String::new(),
            known: Vec::new(),
            unknown: Vec::new(),
        }
    }
}
