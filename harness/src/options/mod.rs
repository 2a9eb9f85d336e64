//! What the user may say to the test target: our own options, each with an environment twin, and
//! those of libtest.
//!
//! [`table`] has the options as data, [`parse`] reads a command line by it, [`value`] reads single
//! values.

mod help;
mod parse;
mod table;
#[cfg(test)]
mod tests;
mod value;

use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Date;
use libtest_mimic::{ColorSetting, FormatSetting};
use wattest::report::JunitProperties;
use wattest::run::Isolate;

pub use help::help;
pub use parse::{Parsed, parse};
pub use value::{NoTests, Partition, duration};

/// What the user said.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Backends whose cases are wanted; empty for all that have parameters here.
    pub backends: Vec<String>,
    /// One telling value per parameter.
    pub quick: bool,
    /// Unknown, expired and over-max issues fail, and so do knobs without effect.
    pub smoke: bool,
    /// Stale entries of the issues file fail.
    pub strict_issues: bool,
    /// The issues file.
    pub issues: Option<PathBuf>,
    /// The folder of the parameter files.
    pub params: PathBuf,
    /// The model directory.
    pub model: Option<PathBuf>,
    /// The script of the scripted backend.
    pub script: Option<PathBuf>,
    /// The interpreter whose environment has the engines in Python.
    pub python: Option<PathBuf>,
    /// Where the sources of energy are looked for.
    pub energy: wattest::energy::Options,
    /// How thoroughly energy is measured.
    pub measurement: wattest::energy::Measurement,
    /// What the meters said is written beside each record.
    pub timeseries: bool,
    /// A further place for junit.xml.
    pub junit: Option<PathBuf>,
    /// Where JUnit properties go.
    pub junit_properties: JunitProperties,
    /// A file for events, one JSON object a line.
    pub events: Option<PathBuf>,
    /// The folder of the run.
    pub out: Option<PathBuf>,
    /// What shares a worker process.
    pub isolate: Isolate,
    /// The run to go on with: `latest`, a name or a folder.
    pub resume: Option<String>,
    /// Deadline of a case.
    pub timeout: Duration,
    /// Longest silence within a case.
    pub silence: Duration,
    /// How often a case that did not pass is tried again.
    pub retries: u32,
    /// After how many failures no further case is started.
    pub max_fail: Option<usize>,
    /// Only what failed in the latest run.
    pub rerun_failed: bool,
    /// Another order, by a seed that is drawn.
    pub shuffle: bool,
    /// Another order, by this seed.
    pub shuffle_seed: Option<u64>,
    /// How much more energy per output token is allowed than in the run of `against`, in percent.
    pub max_j_per_token_regress: Option<f64>,
    /// The run that energy is compared with: `latest`, a name or a folder.
    pub against: Option<String>,
    /// A share of the cases.
    pub partition: Option<Partition>,
    /// What it means that nothing was selected.
    pub no_tests: NoTests,
    /// The day by which entries expire; none for that of the clock.
    pub today: Option<Date>,
    /// Names or parts of names; empty for all.
    pub filters: Vec<String>,
    /// Names or parts of names that are left out.
    pub skip: Vec<String>,
    /// Filters are whole names.
    pub exact: bool,
    /// List only.
    pub list: bool,
    /// Only cases marked as ignored: there are none, what a case needs shows when it runs.
    pub ignored: bool,
    /// Benchmarks only: there are none.
    pub bench: bool,
    /// Show what the cases write.
    pub no_capture: bool,
    /// One character per case.
    pub quiet: bool,
    /// Format of the output.
    pub format: Option<FormatSetting>,
    /// When to colour.
    pub color: ColorSetting,
    /// A file in place of stdout for what libtest prints.
    pub logfile: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backends: Vec::new(),
            quick: false,
            smoke: false,
            strict_issues: false,
            issues: None,
            params: PathBuf::from("params"),
            model: None,
            script: None,
            python: None,
            energy: wattest::energy::Options::default(),
            measurement: wattest::energy::Measurement::default(),
            timeseries: false,
            junit: None,
            junit_properties: JunitProperties::default(),
            events: None,
            out: None,
            isolate: Isolate::Group,
            resume: None,
            timeout: Duration::from_secs(300),
            silence: Duration::from_secs(120),
            retries: 0,
            max_fail: None,
            rerun_failed: false,
            shuffle: false,
            shuffle_seed: None,
            max_j_per_token_regress: None,
            against: None,
            partition: None,
            no_tests: NoTests::Fail,
            today: None,
            filters: Vec::new(),
            skip: Vec::new(),
            exact: false,
            list: false,
            ignored: false,
            bench: false,
            no_capture: false,
            quiet: false,
            format: None,
            color: ColorSetting::Auto,
            logfile: None,
        }
    }
}

impl Options {
    /// Whether only events may be on stdout.
    pub fn is_json(&self) -> bool {
        self.format == Some(FormatSetting::Json)
    }
}
