//! The known issues of one file.

use std::path::{Path, PathBuf};

use jiff::civil::Date;

use crate::issues::entry::Entry;
use crate::issues::load::{self, Loaded};
use crate::issues::patterns::Patterns;
use crate::issues::scope::Place;
use crate::issues::standing::{self, Standing};
use crate::record::Record;
use crate::scan::Finding;
use crate::verdict::Mode;

/// The known issues of one file.
#[derive(Debug, Default)]
pub struct Book {
    file: PathBuf,
    entries: Vec<Entry>,
    patterns: Patterns,
    warnings: Vec<String>,
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
    /// Another entry that covers it as narrowly, which the lints could not foresee: the first by
    /// ID counts.
    pub tied: Option<&'a str>,
}

impl Book {
    /// A book without entries (for a run that was told to use none).
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads and lints `file`. All faults are reported, each with file, line and remedy. A file
    /// without entries is an empty book; a missing file is a fault.
    ///
    /// # Errors
    /// The faults, one message each: never an empty book in their place.
    pub fn load(file: &Path) -> Result<Self, Vec<String>> {
        Ok(Self::new(file, load::load(file)?))
    }

    /// Reads and lints `text` as the content of `file`, which is not looked at.
    ///
    /// # Errors
    /// As [`Book::load`].
    pub fn parse(file: &Path, text: &str) -> Result<Self, Vec<String>> {
        Ok(Self::new(file, load::parse(file, text)?))
    }

    fn new(file: &Path, loaded: Loaded) -> Self {
        let Loaded { entries, warnings } = loaded;
        Self { file: file.to_owned(), patterns: Patterns::new(&entries), entries, warnings }
    }

    /// The file; an empty path where there is none.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The entries in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry with that ID.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// What is not wrong, but weak: one message each, with file and line. It stops nothing.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The most specific entry that covers `finding` made at `place`, expired or not.
    pub fn find(&self, finding: &Finding, place: &Place<'_>, today: Date) -> Option<Known<'_>> {
        let mut best: Option<(&Entry, u32, Option<&str>)> = None;
        for at in self.patterns.matching(&self.entries, finding) {
            let Some(entry) = self.entries.get(at) else { continue };
            if !entry.scope.covers(finding, place) {
                continue;
            }
            let narrow = entry.scope.specificity();
            best = match best {
                Some(best) if best.1 > narrow => Some(best),
                Some((other, as_narrow, tied)) if as_narrow == narrow => {
                    let (first, second) =
                        if other.id <= entry.id { (other, entry) } else { (entry, other) };
                    Some((first, narrow, tied.or(Some(&second.id))))
                }
                _ => Some((entry, narrow, None)),
            };
        }
        let (best, _, tied) = best?;
        Some(Known { id: &best.id, line: best.line, expired: best.is_expired(today), tied })
    }

    /// What became of every entry over the `records` of a run that was judged by `mode`; `planned`
    /// are the names of all cases that the parameter files define, run or not.
    pub fn settle(&self, records: &[Record], planned: &[&str], mode: &Mode) -> Vec<Standing> {
        let find = |finding: &Finding, place: &Place<'_>| self.find(finding, place, mode.today);
        standing::settle(&self.entries, find, records, planned, mode)
    }
}
