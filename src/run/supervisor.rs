//! The supervisor: starts workers, keeps deadlines, captures and scans, and makes records.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backends;
use crate::record::Record;
use crate::schema::Case;

/// What shares a worker process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolate {
    /// The cases with the same load key.
    Group,
    /// Every case has its own.
    Case,
    /// No worker: everything in this process, for debuggers and profilers.
    None,
}

/// How to start a worker: this very executable, told to call [`crate::run::worker::serve`].
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// The executable.
    pub program: PathBuf,
    /// Environment variables that tell it to be a worker.
    pub environment: Vec<(String, String)>,
}

/// What the supervisor needs to know.
#[derive(Debug, Clone)]
pub struct SupervisorOptions {
    /// Folder of the run: logs go to `<run>/logs`.
    pub run: PathBuf,
    /// Model directory.
    pub model: PathBuf,
    /// Options of the backends.
    pub backends: backends::Options,
    /// What shares a process.
    pub isolate: Isolate,
    /// Deadline of one case, loading included.
    pub timeout: Duration,
    /// Longest silence (no output, no report) within a case.
    pub silence: Duration,
    /// How a worker is started.
    pub worker: WorkerCommand,
    /// Hash of the environment snapshot.
    pub environment: String,
    /// Whether to copy what a case writes to this process's own stdout and stderr as well.
    pub echo: bool,
}

/// Runs cases one at a time; keeps the worker between cases of one group.
#[derive(Debug)]
pub struct Supervisor {
    options: SupervisorOptions,
}

impl Supervisor {
    /// A supervisor without a worker yet.
    pub fn new(options: SupervisorOptions) -> Self {
        Self { options }
    }

    /// What it was made with.
    pub fn options(&self) -> &SupervisorOptions {
        &self.options
    }

    /// Runs `case` whatever it does. The verdict of the record is pending. `None` stands for a
    /// supervisor that is not built yet.
    pub fn run(&mut self, _case: &Case, _attempt: u32) -> Option<Record> {
        None
    }
}
