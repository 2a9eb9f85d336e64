//! What becomes of the entries in a run.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::issues::book::Known;
use crate::issues::entry::{Entry, Strict};
use crate::issues::scope::Place;
use crate::record::{Outcome, Record};
use crate::scan::Finding;
use crate::verdict::{Mode, Status};

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
    /// What is made of it where it is stale.
    #[serde(default)]
    pub strict: Strict,
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
    /// Entries that covered the same findings as narrowly.
    tied: BTreeSet<String>,
}

/// What became of every entry over the records of a run, in the order of the file; `find` gives
/// the entry that covers a finding.
pub(super) fn settle<'e>(
    entries: &'e [Entry],
    find: impl Fn(&Finding, &Place<'_>) -> Option<Known<'e>>,
    records: &[Record],
    planned: &[&str],
    mode: &Mode,
) -> Vec<Standing> {
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    for record in records {
        let place = Place::of(record, mode);
        for finding in &record.findings {
            let Some(known) = find(finding, &place) else { continue };
            let tally = tallies.entry(known.id).or_default();
            tally.count += finding.count;
            tally.cases.insert(record.case.name.clone());
            tally.tied.extend(known.tied.map(str::to_owned));
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
        let (state, mut reason) = state_of(entry, &tally, planned, &ran, mode);
        if !tally.tied.is_empty() {
            let others: Vec<&str> = tally.tied.iter().map(String::as_str).collect();
            reason.push_str(&format!(
                "; {} covers the same findings as narrowly: narrow one scope or pattern",
                others.join(", ")
            ));
        }
        Standing {
            id: entry.id.clone(),
            line: entry.line,
            state,
            count: tally.count,
            cases: tally.cases.into_iter().collect(),
            reason,
            strict: entry.strict,
        }
    };
    entries.iter().map(standing).collect()
}

fn state_of(
    entry: &Entry,
    tally: &Tally,
    planned: &[&str],
    ran: &BTreeSet<&str>,
    mode: &Mode,
) -> (State, String) {
    let seen = occurrences(tally);
    if let Some(last) = entry.expires.filter(|last| *last < mode.today) {
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
    let of_case = |name: &&&str| entry.scope.covers_case(&Place::of_name(name, mode));
    let here = |name: &&&str| entry.scope.covers_place(&Place::of_name(name, mode));
    let anywhere = planned.iter().filter(of_case).count();
    let inside: Vec<&str> = planned.iter().filter(here).copied().collect();
    if anywhere > 0 && inside.is_empty() {
        let reason = format!(
            "it is about another engine or GPU than is here ({}); run it there to know more",
            machine(entry, planned, mode)
        );
        return (State::NotObservable, reason);
    }
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

/// The engines of the cases in scope, and the GPU, as far as they are known.
fn machine(entry: &Entry, planned: &[&str], mode: &Mode) -> String {
    let cases = planned.iter().map(|name| Place::of_name(name, mode));
    let engines: BTreeSet<String> = cases
        .filter(|place| entry.scope.covers_case(place))
        .map(|place| {
            let version = place.engine_version.unwrap_or("of unknown version");
            format!("{} {version}", place.backend)
        })
        .collect();
    let gpu = mode.gpu.as_deref().unwrap_or("no known GPU");
    engines.iter().map(String::as_str).chain([gpu]).collect::<Vec<_>>().join(", ")
}

/// The entries that may be taken out of the file: stale in at least one of these runs, and not
/// observable in all others. One that matched at all, however seldom, stays, and so does one that
/// says that it need not match. Each with its standing in the last run where it was stale.
pub fn prunable(runs: &[Vec<Standing>]) -> Vec<Standing> {
    let mut last: BTreeMap<&str, &Standing> = BTreeMap::new();
    let mut stays: BTreeSet<&str> = BTreeSet::new();
    for standing in runs.iter().flatten() {
        match standing.state {
            State::NotObservable => {}
            State::Stale if standing.count == 0 && standing.strict != Strict::Ignore => {
                last.insert(&standing.id, standing);
            }
            _ => {
                stays.insert(&standing.id);
            }
        }
    }
    let mut gone: Vec<Standing> = last
        .into_iter()
        .filter(|(id, _)| !stays.contains(id))
        .map(|(_, standing)| standing.clone())
        .collect();
    gone.sort_by_key(|standing| standing.line);
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(id: &str, state: State, count: u64) -> Standing {
        Standing {
            id: id.to_owned(),
            line: 1,
            state,
            count,
            cases: Vec::new(),
            reason: String::new(),
            strict: if id == "EASY" { Strict::Ignore } else { Strict::Fail },
        }
    }

    #[test]
    fn only_what_was_stale_wherever_it_could_be_seen_goes() {
        let runs = [
            vec![
                standing("GONE", State::Stale, 0),
                standing("ELSEWHERE", State::Stale, 0),
                standing("SELDOM", State::Stale, 2),
                standing("EASY", State::Stale, 0),
                standing("HIDDEN", State::NotObservable, 0),
                standing("LATE", State::Expired, 0),
            ],
            vec![
                standing("GONE", State::NotObservable, 0),
                standing("ELSEWHERE", State::Matched, 1),
            ],
        ];
        let gone = prunable(&runs);
        let gone: Vec<&str> = gone.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(gone, ["GONE"]);
    }
}
