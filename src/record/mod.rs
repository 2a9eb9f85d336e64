//! The record of a case: one JSON file, written when the case ends. Every report is a view of it.

mod against;
mod comparison;

pub use against::Against;
pub use comparison::{Comparison, Difference};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::backends::{BackendError, Generation};
use crate::energy::Reading;
use crate::scan::Finding;
use crate::schema::Case;
use crate::settings::Settings;
use crate::verdict::Verdict;

/// Version of the shape of [`Record`]; raised when a reader of old records would misread new ones.
pub const SCHEMA_VERSION: u32 = 1;

/// All that is known of one case of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA_VERSION`] at the time of writing.
    pub schema_version: u32,
    /// The case.
    pub case: Case,
    /// Attempt, from 1.
    pub attempt: u32,
    /// The model directory.
    pub model: String,
    /// Key of the load group: [`Settings::key`] of the load settings.
    pub group: String,
    /// When it started, RFC 3339.
    pub started: String,
    /// Wall clock from its start to its end in seconds, loading and reference included.
    pub duration_s: f64,
    /// Seconds by phase (`load`, `reference`, `run`): only the phases that were begun.
    pub phases_s: BTreeMap<String, f64>,
    /// How it ended.
    pub outcome: Outcome,
    /// What it generated.
    pub output: Option<Generation>,
    /// What the reference generated; none for a baseline or a negative case.
    pub reference: Option<Generation>,
    /// The settings with `@token.N`, `@text.N` and `@model` filled in, where they had any.
    pub resolved: Option<Settings>,
    /// The output against the reference output, where there are both.
    #[serde(default)]
    pub comparison: Option<Comparison>,
    /// What the scan saw in its output.
    pub findings: Vec<Finding>,
    /// Findings beyond the bound that is kept.
    pub findings_dropped: u64,
    /// Its energy.
    pub energy: Reading,
    /// The file in the run folder with what the meters said, where that was asked for and a meter
    /// was read.
    #[serde(default)]
    pub series: Option<String>,
    /// The same case in the run that an energy gate compares with; none without a gate, and where
    /// that run has no record of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Box<Against>>,
    /// Hash of the environment snapshot of the run.
    pub environment: String,
    /// What was captured.
    pub captured: Captured,
    /// Child processes it left behind (they were ended).
    pub left_children: Vec<String>,
    /// How the worker process ended after this case, where it ended otherwise than asked to: a
    /// crash in a background thread or at shutdown.
    #[serde(default)]
    pub aftermath: Option<String>,
    /// What follows from all this.
    pub verdict: Verdict,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Outcome {
    /// The backend generated.
    Completed,
    /// The backend reported an error: for a negative case a refusal is what is wanted.
    Errored {
        /// What it said.
        error: BackendError,
        /// What it was doing: `load`, `reference` or `run`.
        during: String,
    },
    /// The worker process ended by itself in the middle of the case.
    Died {
        /// Exit code, where it exited.
        code: Option<i32>,
        /// Signal number, where one ended it.
        signal: Option<i32>,
        /// What it was doing: `load`, `reference` or `run`.
        during: String,
    },
    /// The deadline passed; the process group was killed.
    TimedOut {
        /// The deadline in seconds.
        limit_s: f64,
        /// What it was doing.
        during: String,
    },
    /// It neither wrote nor reported anything for too long; the process group was killed.
    Silent {
        /// The limit in seconds.
        limit_s: f64,
        /// What it was doing.
        during: String,
    },
    /// It was not run.
    Skipped {
        /// Why: what was needed and what was found.
        reason: String,
    },
    /// The harness could not run it (no worker could be started, ...).
    Broken {
        /// Why, and what to do.
        reason: String,
    },
}

/// What was captured of a case: sizes, and what is kept of each stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Captured {
    /// Descriptor 1.
    pub stdout: CapturedStream,
    /// Descriptor 2.
    pub stderr: CapturedStream,
}

/// What is kept of one stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CapturedStream {
    /// Bytes written, all of which were scanned.
    pub bytes: u64,
    /// Bytes of these that came after the case had ended.
    pub stray_bytes: u64,
    /// File in the run folder with the kept head and tail; none where nothing was written.
    pub file: Option<String>,
    /// Bytes in the middle that were scanned but not kept.
    pub dropped_bytes: u64,
}
