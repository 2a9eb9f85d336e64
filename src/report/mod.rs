//! Views of the records: JUnit XML, JSON, markdown.
//!
//! A [`Report`] is what the records of a run say together; the three views are renderings of it
//! and of the [`CaseView`]s. They are functions from records to text: whoever calls them decides
//! when, and [`save`] writes one so that a reader sees it whole or not at all.

mod annotations;
mod case;
mod evidence;
mod gate;
mod issue;
mod junit;
mod markdown;
mod run_info;
mod save;
mod summary;
#[cfg(test)]
mod tests;
pub mod text;
pub mod timeseries;

use serde::Serialize;

use crate::issues::Standing;

pub use annotations::annotations;
pub use case::{CaseRow, CaseView, attempts};
pub use evidence::Evidence;
pub use gate::{GateTotal, bands};
pub use issue::{Breach, IssueRow, breaches, reminders, state_word};
pub use junit::{JunitError, JunitProperties, junit};
pub use markdown::markdown;
pub use run_info::{Command, RunInfo};
pub use save::save;
pub use summary::{EnergyTotal, FailureRow, IssueCount, Summary};

/// Version of the shape of `report.json`; raised when a reader would misread new ones.
pub const SCHEMA_VERSION: u32 = 1;

/// What the records of a run say together: the content of `report.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report<'a> {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The run.
    pub run: &'a RunInfo,
    /// Counts and totals.
    pub summary: Summary,
    /// Every distinct finding of the run, the most frequent of the worst first.
    pub issues: Vec<IssueRow>,
    /// What became of the entries of issues.yaml; empty while the run goes on.
    pub standings: &'a [Standing],
    /// The cases in the order in which they ended.
    pub cases: Vec<CaseRow>,
}

impl<'a> Report<'a> {
    /// Reports `cases` of `run`. `standings` is empty as long as the run goes on.
    pub fn new(run: &'a RunInfo, cases: &[CaseView], standings: &'a [Standing]) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            run,
            summary: Summary::new(run, cases, standings),
            issues: issue::rows(cases),
            standings,
            cases: cases.iter().map(|case| CaseRow::new(run, case)).collect(),
        }
    }

    /// The text of `report.json`.
    ///
    /// # Errors
    /// Where a value cannot be written as JSON (a number that is not finite does not count: it
    /// becomes null).
    pub fn json(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}
