//! The runs that a subcommand looks at, and the issues file that it is about.

use std::path::{Path, PathBuf};

use clap::Args;
use wattest::issues::Book;
use wattest::issues::triage::Seen;
use wattest::record::Record;
use wattest::report::RunInfo;
use wattest::run::Journal;
use wattest_harness::folder;

use crate::output::Stop;

/// Which runs, and which issues file.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The runs: their names, their folders, or `latest`.
    #[arg(default_value = "latest", value_name = "RUN")]
    runs: Vec<String>,
    /// The issues file; without it that of the run, or else `issues.yaml`.
    #[arg(long, value_name = "FILE")]
    issues: Option<PathBuf>,
}

/// A recorded run.
pub(super) struct Run {
    pub(super) info: RunInfo,
    pub(super) records: Vec<Record>,
}

impl Run {
    pub(super) fn seen(&self) -> Seen<'_> {
        Seen { id: &self.info.id, mode: &self.info.mode, records: &self.records }
    }
}

impl Which {
    /// Reads the runs.
    pub(super) fn read(&self) -> Result<Vec<Run>, Stop> {
        let read = |name: &String| {
            let folder = folder::find(name).map_err(Stop::fault)?;
            let info = folder::read_info(&folder).map_err(Stop::fault)?;
            let journal = Journal::open(&folder).map_err(Stop::fault)?;
            Ok(Run { info, records: journal.records().map_err(Stop::fault)? })
        };
        self.runs.iter().map(read).collect()
    }

    /// The issues file.
    pub(super) fn file(&self, runs: &[Run]) -> PathBuf {
        let of_run = || runs.iter().find_map(|run| run.info.issues.as_ref().map(PathBuf::from));
        self.issues.clone().or_else(of_run).unwrap_or_else(|| PathBuf::from("issues.yaml"))
    }
}

/// The text of the issues file, empty where there is none yet.
pub(super) fn text(file: &Path) -> Result<String, Stop> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Stop::fault(format!("{}: cannot be read: {error}", file.display()))),
    }
}

/// What is known; nothing where there is no file yet.
pub(super) fn book(file: &Path) -> Result<Book, Stop> {
    Book::parse(file, &text(file)?).map_err(Stop::Faults)
}

/// Writes the issues file whole, or not at all; a link stays one.
pub(super) fn save(file: &Path, text: &str) -> Result<(), Stop> {
    let target = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    wattest::report::save(&target, text.as_bytes())
        .map_err(|error| Stop::fault(format!("{}: cannot be written: {error}", file.display())))
}
