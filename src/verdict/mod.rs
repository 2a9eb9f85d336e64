//! What follows from outcome, relation, effect and findings. Pure.
//!
//! [`judge`] turns a [`Record`](crate::record::Record) into a [`Verdict`]. Its parts: how the case
//! ended (`outcome`), whether what the parameter declares holds against the reference
//! (`relation`), whether the parameter did something (`effect`), which findings no known issue
//! covers (`issues`), and whether it takes more energy than in another run (`energy`).

mod answer;
mod effect;
mod energy;
mod issues;
mod judge;
mod known;
mod outcome;
mod relation;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::schema::Answer;

pub use energy::{EnergyGate, GateState, Gated};
pub use judge::judge;

/// The judgement of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The judgement.
    pub status: Status,
    /// What kind of failure or error it is (`unknown-issue`, `relation`, `effect`, `refusal`,
    /// `crash`, `timeout`, `silence`, `known-answer`, `energy-regression` ...); empty on a pass.
    pub kind: String,
    /// One line: the cause of a failure, error or skip; empty on a pass.
    pub cause: String,
    /// Further causes of the same failure, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<String>,
    /// Line, from 1, of the entry of issues.yaml that is to blame, where one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blame: Option<usize>,
    /// What the engine did with the value, where that can be said in a word: always of a negative
    /// case that ran, and of a valid one whose value was not taken as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// What is known of the engine, where the case ended so and does not fail for it: the answer
    /// and the reason, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_known: Option<String>,
    /// What the energy gate says; none without one, and where nothing was generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<Gated>,
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

impl Status {
    /// The word for it in reports, as serde writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Error => "error",
            Self::Skip => "skip",
        }
    }

    /// Whether a run with such a case has failed.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Fail | Self::Error)
    }
}

/// Whether the parameter did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

impl Effect {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 5] =
        [Self::Verified, Self::Normalised, Self::Ignored, Self::NoEffect, Self::Unverified];

    /// The word for it in reports, as serde writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Normalised => "normalised",
            Self::Ignored => "ignored",
            Self::NoEffect => "no_effect",
            Self::Unverified => "unverified",
        }
    }
}

/// By which measure a record is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mode {
    /// Whether unknown findings, expired entries, ignored knobs and knobs without effect fail.
    /// Otherwise they are reported only.
    pub smoke: bool,
    /// The day by which entries of issues.yaml expire.
    pub today: Date,
    /// Versions of the engines by backend, where they are known, for the scope of entries.
    #[serde(default)]
    pub engine_versions: BTreeMap<String, String>,
    /// Name of the GPU, for the scope of entries.
    #[serde(default)]
    pub gpu: Option<String>,
    /// By how much a case may take more energy than in another run; none for no such gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<EnergyGate>,
}

impl Verdict {
    /// Not judged yet.
    pub fn pending() -> Self {
        Self {
            status: Status::Error,
            kind: "pending".to_owned(),
            cause: "not judged yet".to_owned(),
            further: Vec::new(),
            blame: None,
            answer: None,
            as_known: None,
            energy: None,
            effect: None,
            evidence: String::new(),
            known: Vec::new(),
            unknown: Vec::new(),
        }
    }
}
