//! Events as they happen, one JSON object a line, for whoever follows a run.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use wattest::record::Record;
use wattest::report::Summary;

/// What happens.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    /// The run begins.
    RunStarted {
        /// Its name.
        run: &'a str,
        /// How many cases were selected.
        selected: usize,
    },
    /// A case begins.
    CaseStarted {
        /// Its name.
        name: &'a str,
        /// From 1.
        attempt: u32,
    },
    /// A case has ended, or what followed its end has changed its record.
    CaseFinished {
        /// Everything that is known of it.
        record: &'a Record,
    },
    /// The run has ended.
    RunFinished {
        /// Counts and totals.
        summary: &'a Summary,
    },
}

/// The file of events; nothing where none is wanted.
#[derive(Debug, Default)]
pub(crate) struct Events(Option<File>);

impl Events {
    /// Begins a new `file`.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub(crate) fn create(file: Option<&Path>) -> io::Result<Self> {
        let Some(file) = file else { return Ok(Self(None)) };
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        Ok(Self(Some(File::create(file)?)))
    }

    /// Writes `event` as one line, in one write: a reader that follows sees whole lines.
    pub(crate) fn send(&mut self, event: &Event<'_>) {
        let Some(file) = &mut self.0 else { return };
        let Ok(mut line) = serde_json::to_vec(event) else { return };
        line.push(b'\n');
        // The records are the truth; a full disk shows there.
        if file.write_all(&line).is_err() {
            self.0 = None;
        }
    }
}
