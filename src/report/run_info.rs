//! What a run was asked for: the content of `run.json`, from which, with the journal, every view
//! can be made again.

use serde::{Deserialize, Serialize};

use crate::energy::Probe;
use crate::environment::Environment;
use crate::report::JunitProperties;
use crate::report::text::shell_word;
use crate::verdict::Mode;

/// What a run was asked for, and where it ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Version of the shape of this file.
    pub schema_version: u32,
    /// Name of the run: that of its folder.
    pub id: String,
    /// When it started, RFC 3339.
    pub started: String,
    /// How it is judged.
    pub mode: Mode,
    /// Whether stale entries of issues.yaml fail.
    pub strict_issues: bool,
    /// The issues file; none where the run was made without.
    pub issues: Option<String>,
    /// The model directory.
    pub model: String,
    /// The backends whose cases were selected from.
    pub backends: Vec<String>,
    /// The seed by which groups and cases were shuffled; null where they were not.
    #[serde(default)]
    pub shuffle_seed: Option<u64>,
    /// How many cases were selected.
    pub selected: usize,
    /// The names of all cases that the parameter files define, selected or not.
    pub planned: Vec<String>,
    /// The command that runs one of its cases again.
    pub command: Command,
    /// Where JUnit properties go.
    pub junit_properties: JunitProperties,
    /// The machine and the build.
    pub environment: Environment,
    /// The sources of energy, and whether each is here; empty where energy was not to be measured.
    #[serde(default)]
    pub energy: Vec<Probe>,
}

/// How to run one case again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// What stands before the options, as in `cargo test --test params --`.
    pub program: String,
    /// The options that bear on the outcome of a case, one word each, unquoted.
    pub options: Vec<String>,
}

impl Command {
    /// The command line that runs the case `name` again.
    pub fn reproduce(&self, name: &str) -> String {
        let mut line = format!("{} --exact '{}'", self.program, name.replace('\'', r"'\''"));
        for option in &self.options {
            line.push(' ');
            line.push_str(&shell_word(option));
        }
        line
    }
}

impl RunInfo {
    /// Whether every case that the parameter files define was selected.
    pub fn is_whole(&self) -> bool {
        self.selected >= self.planned.len()
    }
}
