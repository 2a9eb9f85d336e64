//! What supervisor and worker say to each other: one JSON document a line.
//!
//! The worker announces each phase and waits for [`Request::Go`]: the supervisor reads the pipes
//! empty before it answers, so that each byte is attributed to the phase in which it was written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::backends;
use crate::backends::Generation;
use crate::energy::{self, Measurement, Reading};
use crate::process::WorkerCommand;
use crate::record::{Comparison, Outcome};
use crate::scan::Phase;
use crate::schema::{Case, Names};
use crate::settings::Settings;

/// Version of these messages. Both sides are the same executable unless the build was replaced
/// during a run.
pub(super) const PROTOCOL: u32 = 4;

/// What the supervisor says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// First of all.
    Setup(Box<Setup>),
    /// Run this case.
    Run {
        /// The case.
        case: Box<Case>,
        /// The file in the run folder for what the meters say; none for no such file.
        series: Option<String>,
    },
    /// The phase that was announced may begin.
    Go,
    /// Drop the engine: the next case needs another one.
    Release,
    /// End.
    Quit,
}

/// What holds for all cases of a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Setup {
    /// [`PROTOCOL`] of the supervisor.
    pub(super) protocol: u32,
    /// Model directory.
    pub(super) model: PathBuf,
    /// Options of the backends.
    pub(super) backends: backends::Options,
    /// Where the sources of energy are.
    pub(super) energy: energy::Options,
    /// How thoroughly energy is measured.
    pub(super) measurement: Measurement,
    /// By backend, what its parameters may be called.
    pub(super) names: BTreeMap<String, Names>,
    /// How a process like this one is started: a replica of an engine is.
    pub(super) worker: WorkerCommand,
    /// Folder of the run.
    pub(super) run: PathBuf,
}

/// What the worker says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    /// It listens.
    Ready {
        /// [`PROTOCOL`] of the worker.
        protocol: u32,
    },
    /// It is about to begin a phase of the case.
    Phase(Phase),
    /// The case has ended.
    Ended(Box<Ended>),
    /// There is no engine any more.
    Released,
}

/// How a case ended, as the worker knows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    pub(super) output: Option<Generation>,
    pub(super) reference: Option<Generation>,
    pub(super) resolved: Option<Settings>,
    pub(super) comparison: Option<Comparison>,
    pub(super) energy: Reading,
    /// The file that was written of what the meters said.
    pub(super) series: Option<String>,
    pub(super) left_children: Vec<String>,
    /// Whether this process is fit for another engine of the backend of the case.
    pub(super) keeps_process: bool,
}

impl Ended {
    /// An end without any output.
    pub(super) fn with(outcome: Outcome) -> Self {
        Self {
            outcome,
            output: None,
            reference: None,
            resolved: None,
            comparison: None,
            energy: Reading::unknown("the case was not measured"),
            series: None,
            left_children: Vec::new(),
            keeps_process: false,
        }
    }
}

/// The name of a phase as records have it.
pub(super) fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Load => "load",
        Phase::Reference => "reference",
        Phase::Run => "run",
        Phase::Stray => "stray",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What an engine reads back is compared with what was asked for: a number must be the
        /// same after its way through the channel and the journal.
        #[test]
        fn numbers_survive_the_way(single in any::<f32>(), double in any::<f64>()) {
            for number in [f64::from(single), double] {
                let settings: Settings = [("a", number)].into_iter().collect();
                let text = serde_json::to_string(&settings).unwrap();
                let read: Settings = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(read, settings);
            }
        }
    }
}
