//! The known issues of one file.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use regex::{RegexSet, RegexSetBuilder};

use crate::issues::entry::{Entry, Shape};
use crate::issues::load;
use crate::issues::scope::Place;
use crate::issues::standing::{self, Standing};
use crate::record::Record;
use crate::scan::Finding;

/// The known issues of one file.
#[derive(Debug, Default)]
pub struct Book {
    file: PathBuf,
    entries: Vec<Entry>,
    /// All patterns at once, for the first cut; a template matches nothing here. None where they
    /// are too many to be one machine: then they are tried one by one.
    patterns: Option<RegexSet>,
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

/// What no message has: stands for a template in the set of patterns.
const NEVER: &str = r"[^\s\S]";

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

    pub(super) fn new(file: &Path, entries: Vec<Entry>) -> Self {
        let patterns = entries.iter().map(|entry| match &entry.shape {
            Shape::Pattern(pattern) => pattern.as_str(),
            Shape::Template(_) => NEVER,
        });
        let patterns = RegexSetBuilder::new(patterns)
            .case_insensitive(true)
            .multi_line(true)
            .dot_matches_new_line(true)
            .size_limit(64 << 20)
            .build()
            .ok();
        Self { file: file.to_owned(), entries, patterns }
    }

    /// The entries in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry with that ID.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// What the entries leave to be wished (no ticket for work in progress, no link for what is
    /// external): one message each, with file and line. They stop nothing.
    pub fn warnings(&self) -> Vec<String> {
        let at = |entry: &Entry| format!("{}:{}: {}", self.file.display(), entry.line, entry.id);
        let wishes = |entry: &Entry| {
            let at = at(entry);
            entry.wishes().into_iter().map(move |wish| format!("{at}: {wish}"))
        };
        self.entries.iter().flat_map(wishes).collect()
    }

    /// The most specific entry that covers `finding` made at `place`, expired or not; of equally
    /// specific ones the first by ID.
    pub fn find(&self, finding: &Finding, place: &Place<'_>, today: Date) -> Option<Known<'_>> {
        let cut = self.patterns.as_ref().map(|patterns| patterns.matches(&finding.message));
        let looks = |(at, entry): &(usize, &Entry)| match (&entry.shape, &cut) {
            (Shape::Pattern(_), Some(cut)) => cut.matched(*at),
            (shape, _) => shape.matches(finding),
        };
        let covering = self.entries.iter().enumerate().filter(looks).map(|(_, entry)| entry);
        let best =
            covering.filter(|entry| entry.scope.covers(finding, place)).min_by(|one, two| {
                let narrower = two.scope.specificity().cmp(&one.scope.specificity());
                narrower.then_with(|| one.id.cmp(&two.id))
            })?;
        Some(Known { id: &best.id, line: best.line, expired: best.is_expired(today) })
    }

    /// What became of every entry over the `records` of a run; `planned` are the names of all
    /// cases that the parameter files define, run or not.
    pub fn settle(&self, records: &[Record], planned: &[&str], today: Date) -> Vec<Standing> {
        let find = |finding: &Finding, place: &Place<'_>| {
            self.find(finding, place, today).map(|known| known.id)
        };
        standing::settle(&self.entries, find, records, planned, today)
    }
}
