//! The known issues of one file.

use std::path::Path;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::record::Record;
use crate::scan::Finding;

/// The known issues of one file.
#[derive(Debug, Default)]
pub struct Book {}

/// Where a finding was made, for the scope of an entry.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Place<'a> {
    /// Backend of the case.
    pub backend: &'a str,
    /// Parameter of the case; none for the baseline.
    pub parameter: Option<&'a str>,
    /// The value as it stands in the case name (after `=`); none for the baseline.
    pub value: Option<&'a str>,
    /// Version of the engine, where it is known.
    pub engine_version: Option<&'a str>,
    /// Name of the GPU, where there is one.
    pub gpu: Option<&'a str>,
}

/// An entry that covers a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known<'a> {
    /// Its ID.
    pub id: &'a str,
    /// Its line in the file, from 1.
    pub line: usize,
    /// Whether its `expires` lies before the day asked for.
    pub expired: bool,
}

/// What became of an entry in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The entry's ID.
    pub id: String,
    /// Its line in the file, from 1.
    pub line: usize,
    /// What became of it.
    pub state: State,
    /// How many occurrences it matched.
    pub count: u64,
    /// The cases in which it matched.
    pub cases: Vec<String>,
    /// One sentence: why it is in this state and what to do.
    pub reason: String,
}

/// The one state in which an entry ends a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It matched.
    Matched,
    /// Every case in its scope ran here and it never matched.
    Stale,
    /// Its scope was not run here, or not whole.
    NotObservable,
    /// Its `expires` is over.
    Expired,
    /// It matched more often than its `max`.
    OverMax,
}

impl Book {
    /// A book without entries (for a run that was told to use none).
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads and lints `file`. All faults are reported, each with file, line and remedy.
    ///
    /// # Errors
    /// The faults, one message each: never an empty book in their place.
    pub fn load(_file: &Path) -> Result<Self, Vec<String>> {
        Ok(Self::default())
    }

    /// The most specific entry that covers `finding` made at `place`, expired or not.
    pub fn find(&self, _finding: &Finding, _place: &Place<'_>, _today: Date) -> Option<Known<'_>> {
        None
    }

    /// What became of every entry over the `records` of a run; `planned` are the names of all
    /// cases that the parameter files define, run or not.
    pub fn settle(&self, _records: &[Record], _planned: &[&str], _today: Date) -> Vec<Standing> {
        Vec::new()
    }
}
