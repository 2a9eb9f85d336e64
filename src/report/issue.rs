//! Issues in a report: distinct findings, and the entries of issues.yaml that fail a run.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::issues::{Standing, State, Strict};
use crate::report::{CaseView, RunInfo};
use crate::scan::Severity;

/// A distinct finding of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IssueRow {
    /// How bad it is.
    pub severity: Severity,
    /// The library it comes from.
    pub source: String,
    /// Its message where it was first seen.
    pub message: String,
    /// The message with what varies masked.
    pub template: String,
    /// Identity of the template.
    pub fingerprint: String,
    /// Whether no known issue covers it, in any case.
    pub unknown: bool,
    /// How often it came.
    pub count: u64,
    /// The cases in which it came.
    pub cases: Vec<String>,
}

/// The distinct findings of `cases`: unknown before known, then the worst, then the most frequent.
pub(super) fn rows(cases: &[CaseView]) -> Vec<IssueRow> {
    let mut rows: BTreeMap<(Severity, &str), IssueRow> = BTreeMap::new();
    for view in cases {
        let record = &view.record;
        for (index, finding) in record.findings.iter().enumerate() {
            let key = (finding.severity, finding.fingerprint.as_str());
            let row = rows.entry(key).or_insert_with(|| IssueRow {
                severity: finding.severity,
                source: finding.source.clone(),
                message: finding.message.clone(),
                template: finding.template.clone(),
                fingerprint: finding.fingerprint.clone(),
                unknown: false,
                count: 0,
                cases: Vec::new(),
            });
            row.unknown |= record.verdict.unknown.contains(&index);
            row.count += finding.count;
            if row.cases.last() != Some(&record.case.name) {
                row.cases.push(record.case.name.clone());
            }
        }
    }
    let mut rows: Vec<_> = rows.into_values().collect();
    rows.sort_by(|one, other| {
        let key = |row: &IssueRow| (row.unknown, row.severity, row.count);
        key(other).cmp(&key(one)).then_with(|| one.fingerprint.cmp(&other.fingerprint))
    });
    rows
}

/// An entry of issues.yaml that fails the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// `stale-issue`, `expired-issue` or `over-max-issue`.
    pub kind: &'static str,
    /// ID of the entry.
    pub id: String,
    /// Its line, from 1.
    pub line: usize,
    /// Why, and what to do.
    pub reason: String,
}

/// The entries among `standings` that fail `run`: in a smoke run those over their `max` and those
/// expired, with strict issues those stale that do not say otherwise. An expired entry that matched nothing fails only a
/// run of everything: one case is not asked about entries that do not concern it.
pub fn breaches(run: &RunInfo, standings: &[Standing]) -> Vec<Breach> {
    let kind = |standing: &Standing| match standing.state {
        State::OverMax if run.mode.smoke => Some("over-max-issue"),
        State::Expired if run.mode.smoke && (standing.count > 0 || run.is_whole()) => {
            Some("expired-issue")
        }
        State::Stale if run.strict_issues && standing.strict == Strict::Fail => Some("stale-issue"),
        _ => None,
    };
    let breaches = standings.iter().filter_map(|standing| {
        let Standing { id, line, reason, .. } = standing;
        Some(Breach { kind: kind(standing)?, id: id.clone(), line: *line, reason: reason.clone() })
    });
    breaches.collect()
}

/// The entries among `standings` that fail no run and want a look all the same: those stale, unless
/// they need not match, and those expired.
pub fn reminders(run: &RunInfo, standings: &[Standing]) -> Vec<Breach> {
    let failing = breaches(run, standings);
    let kind = |standing: &Standing| match standing.state {
        State::Stale if standing.strict != Strict::Ignore => Some("stale-issue"),
        State::Expired => Some("expired-issue"),
        _ => None,
    };
    let reminders = standings.iter().filter_map(|standing| {
        let Standing { id, line, reason, .. } = standing;
        Some(Breach { kind: kind(standing)?, id: id.clone(), line: *line, reason: reason.clone() })
    });
    reminders.filter(|reminder| !failing.iter().any(|breach| breach.id == reminder.id)).collect()
}

/// The word for the state of an entry in reports, as serde writes it.
pub fn state_word(state: State) -> &'static str {
    match state {
        State::Matched => "matched",
        State::Stale => "stale",
        State::NotObservable => "not_observable",
        State::Expired => "expired",
        State::OverMax => "over_max",
    }
}
