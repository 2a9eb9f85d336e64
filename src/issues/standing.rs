//! What becomes of the entries in a run.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::issues::entry::Entry;
use crate::issues::scope::Place;
use crate::record::{Outcome, Record};
use crate::scan::Finding;
use crate::verdict::Status;

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
    /// Every case in its scope ran here and it never matched (or less often than its `min`).
    Stale,
    /// Its scope was not run here, or not whole.
    NotObservable,
    /// Its `expires` is over.
    Expired,
    /// It matched more often than its `max`.
    OverMax,
}

/// Occurrences of one entry.
#[derive(Debug, Default)]
struct Tally {
    count: u64,
    cases: BTreeSet<String>,
}

/// What became of every entry over the records of a run, in the order of the file; `find` gives
/// the ID of the entry that covers a finding.
pub(super) fn settle<'e>(
    entries: &'e [Entry],
    find: impl Fn(&Finding, &Place<'_>) -> Option<&'e str>,
    records: &[Record],
    planned: &[&str],
    today: Date,
) -> Vec<Standing> {
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut note = |id: &'e str, case: &str, count| {
        let tally = tallies.entry(id).or_default();
        tally.count += count;
        tally.cases.insert(case.to_owned());
    };
    for record in records {
        let place = place_of_record(record);
        for finding in &record.findings {
            if let Some(id) = find(finding, &place) {
                note(id, &record.case.name, finding.count);
            }
        }
        // A record does not say engine and machine; the judge who knew them left the matches.
        for (id, count) in &record.verdict.known {
            let entry = entries.iter().find(|entry| entry.id == *id);
            if let Some(entry) = entry.filter(|entry| entry.scope.asks_for_machine()) {
                note(&entry.id, &record.case.name, *count);
            }
        }
    }
    let ran: BTreeSet<&str> = records
        .iter()
        .filter(|record| record.verdict.status != Status::Skip)
        .filter(|record| {
            !matches!(record.outcome, Outcome::Skipped { .. } | Outcome::Broken { .. })
        })
        .map(|record| record.case.name.as_str())
        .collect();
    let standing = |entry: &Entry| {
        let tally = tallies.remove(entry.id.as_str()).unwrap_or_default();
        let (state, reason) = state_of(entry, &tally, planned, &ran, today);
        Standing {
            id: entry.id.clone(),
            line: entry.line,
            state,
            count: tally.count,
            cases: tally.cases.into_iter().collect(),
            reason,
        }
    };
    entries.iter().map(standing).collect()
}

fn state_of(
    entry: &Entry,
    tally: &Tally,
    planned: &[&str],
    ran: &BTreeSet<&str>,
    today: Date,
) -> (State, String) {
    let seen = occurrences(tally);
    if let Some(last) = entry.expires.filter(|last| *last < today) {
        let reason = format!("expired on {last}, {seen} in this run; renew `expires` or remove it");
        return (State::Expired, reason);
    }
    if let Some(max) = entry.max.filter(|max| tally.count > *max) {
        let reason = format!("{seen}, at most {max} allowed; find out what changed or raise `max`");
        return (State::OverMax, reason);
    }
    let least = entry.min.unwrap_or(1).max(1);
    if tally.count >= least {
        return (State::Matched, format!("{seen}; nothing to do"));
    }
    if entry.scope.asks_for_machine() && tally.count == 0 {
        let reason = "its scope names an engine version or a GPU, and no case matched it here; run \
                      where both are at hand to know more";
        return (State::NotObservable, reason.to_owned());
    }
    let inside: Vec<&str> = planned
        .iter()
        .copied()
        .filter(|name| entry.scope.covers_case(&place_of_name(name)))
        .collect();
    let done = inside.iter().filter(|name| ran.contains(**name)).count();
    match (inside.len(), done) {
        (0, _) => (
            State::NotObservable,
            "no planned case is in its scope; correct the scope if the parameter was renamed, or \
             remove the entry"
                .to_owned(),
        ),
        (all, done) if done < all => (
            State::NotObservable,
            format!("{done} of {all} cases in its scope ran here, {seen}; run all of them to know"),
        ),
        (all, _) if tally.count == 0 => (
            State::Stale,
            format!("{} in its scope ran here and it never matched; remove it", cases(all)),
        ),
        (all, _) => (
            State::Stale,
            format!(
                "{} in its scope ran here with {seen}, at least {least} expected; lower `min` or \
                 remove it",
                cases(all)
            ),
        ),
    }
}

fn occurrences(tally: &Tally) -> String {
    match (tally.count, tally.cases.len()) {
        (0, _) => "never matched".to_owned(),
        (1, _) => "matched once".to_owned(),
        (count, cases) => {
            let plural = if cases == 1 { "" } else { "s" };
            format!("matched {count} times in {cases} case{plural}")
        }
    }
}

fn cases(count: usize) -> String {
    match count {
        1 => "the one case".to_owned(),
        count => format!("all {count} cases"),
    }
}

fn place_of_record(record: &Record) -> Place<'_> {
    let named = place_of_name(&record.case.name);
    Place {
        backend: &record.case.backend,
        parameter: record.case.parameter.as_deref(),
        value: named.value,
        ..Place::default()
    }
}

/// What a case name says: `<backend>::<path>=<value>`, `<backend>::!<path>=<value>`,
/// `<backend>::<path>@<hash>`, `<backend>::@baseline`.
fn place_of_name(name: &str) -> Place<'_> {
    let (backend, rest) = name.split_once("::").unwrap_or((name, ""));
    let rest = rest.strip_prefix('!').unwrap_or(rest);
    let (parameter, value) = match rest.split_once('=') {
        Some((parameter, value)) => (Some(parameter), Some(value)),
        None => (rest.split('@').next().filter(|path| !path.is_empty()), None),
    };
    Place { backend, parameter, value, ..Place::default() }
}
