//! What sets the cases of a cluster apart from the cases without it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::record::{Outcome, Record};
use crate::report::text::one_line;
use crate::scan::Phase;
use crate::verdict::Status;

use super::{Cluster, Seen};

/// How well a predicate must separate (the correlation of two yes-or-no questions) to be named.
const TELLING: f64 = 0.5;

/// Longest value shown, in characters.
const VALUE: usize = 40;

/// What sets the cases of a cluster apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Contrast {
    /// It is in every case that could show it.
    Everywhere { cases: usize },
    /// A predicate separates them.
    Separates {
        /// What holds of a case, as it is shown.
        predicate: String,
        /// Cases with the finding of those of which the predicate holds, and how many these are.
        with: (usize, usize),
        /// Cases with the finding of all others, and how many these are.
        without: (usize, usize),
        /// The version of the engine, where it is that which separates.
        version: Option<String>,
    },
    /// None does.
    Unexplained { fired: usize, cases: usize },
}

impl fmt::Display for Contrast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere { cases: 1 } => write!(f, "in the one case that ran"),
            Self::Everywhere { cases } => write!(f, "in all {cases} cases"),
            Self::Separates { predicate, with, without, .. } => write!(
                f,
                "{} of {} with {predicate}, {} of {} others",
                with.0, with.1, without.0, without.1
            ),
            Self::Unexplained { fired, cases } => {
                write!(f, "{fired} of {cases} cases; no setting explains it")
            }
        }
    }
}

/// What can be said of a case, the more telling kinds first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Predicate {
    /// `backend.path=value` is set, and it is what the case tests.
    Tested(String),
    /// It is set.
    Set(String),
    /// The parameter is what the case tests, at whatever value.
    Parameter(String),
    /// The parameter is set, to whatever value.
    Given(String),
    /// The version of an engine.
    Version(String, String),
    /// The backend.
    Backend(String),
    /// The GPU.
    Gpu(String),
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tested(text) | Self::Set(text) => write!(f, "{text}"),
            Self::Parameter(path) => write!(f, "{path} under test"),
            Self::Given(path) => write!(f, "{path} set"),
            Self::Version(backend, version) => write!(f, "{backend} {version}"),
            Self::Backend(backend) => write!(f, "backend {backend}"),
            Self::Gpu(name) => write!(f, "GPU {name}"),
        }
    }
}

/// A case of a run: what can be said of it, and what it showed.
pub(super) struct Case<'a> {
    /// Run and name: of several attempts one is enough.
    key: (&'a str, &'a str),
    loaded: bool,
    shown: BTreeSet<&'a str>,
    predicates: BTreeSet<Predicate>,
}

/// The cases of `runs` that ran, an attempt each.
pub(super) fn cases<'a>(runs: &[Seen<'a>]) -> Vec<Case<'a>> {
    let records = runs.iter().flat_map(|run| run.records.iter().map(move |record| (run, record)));
    let ran = records.filter(|(_, record)| {
        record.verdict.status != Status::Skip
            && !matches!(record.outcome, Outcome::Skipped { .. } | Outcome::Broken { .. })
    });
    let case = |(run, record): (&Seen<'a>, &'a Record)| Case {
        key: (run.id, &record.case.name),
        loaded: record.phases_s.contains_key("load"),
        shown: record.findings.iter().map(|finding| finding.fingerprint.as_str()).collect(),
        predicates: predicates(record, run),
    };
    ran.map(case).collect()
}

/// What sets those of `all` that show `cluster` apart. Where it comes of loading alone, only cases
/// that loaded an engine count: the others were served by an engine that was there already.
pub(super) fn contrast(all: &[Case<'_>], cluster: &Cluster) -> Contrast {
    let loading = cluster.phases.iter().all(|phase| *phase == Phase::Load);
    let mut cases: BTreeMap<(&str, &str), (bool, &BTreeSet<Predicate>)> = BTreeMap::new();
    for case in all.iter().filter(|case| case.loaded || !loading) {
        let known = cases.entry(case.key).or_insert((false, &case.predicates));
        known.0 |= case.shown.contains(cluster.fingerprint.as_str());
    }
    let fired = cases.values().filter(|(fired, _)| *fired).count();
    if fired == cases.len() {
        return Contrast::Everywhere { cases: fired };
    }
    let mut counts: BTreeMap<&Predicate, (usize, usize)> = BTreeMap::new();
    for (fired, predicates) in cases.values() {
        for predicate in *predicates {
            let count = counts.entry(predicate).or_default();
            count.0 += usize::from(*fired);
            count.1 += 1;
        }
    }
    let scored = counts.into_iter().filter(|(_, with)| with.1 < cases.len()).map(|(one, with)| {
        let without = (fired - with.0, cases.len() - with.1);
        (correlation(with, without), one, with, without)
    });
    // The first of equally good ones: they come in the order of their kinds.
    let best = scored.reduce(|best, next| if next.0 > best.0 + 1e-9 { next } else { best });
    match best {
        Some((score, predicate, with, without)) if score >= TELLING => Contrast::Separates {
            predicate: predicate.to_string(),
            with,
            without,
            version: match predicate {
                Predicate::Version(_, version) => Some(version.clone()),
                _ => None,
            },
        },
        _ => Contrast::Unexplained { fired, cases: cases.len() },
    }
}

/// All that can be said of a case.
fn predicates(record: &Record, run: &Seen<'_>) -> BTreeSet<Predicate> {
    let case = &record.case;
    let backend = &case.backend;
    let mut predicates = BTreeSet::from([Predicate::Backend(backend.clone())]);
    for (path, value) in case.settings.iter() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let text = format!("{backend}.{path}={}", one_line(&value, VALUE));
        if case.parameter.as_ref() == Some(path) {
            predicates.insert(Predicate::Tested(text.clone()));
        }
        predicates.insert(Predicate::Set(text));
        predicates.insert(Predicate::Given(format!("{backend}.{path}")));
    }
    if let Some(path) = &case.parameter {
        predicates.insert(Predicate::Parameter(format!("{backend}.{path}")));
    }
    if let Some(version) = run.mode.engine_versions.get(backend) {
        predicates.insert(Predicate::Version(backend.clone(), version.clone()));
    }
    predicates.extend(run.mode.gpu.clone().map(Predicate::Gpu));
    predicates
}

/// The correlation of `the predicate holds` and `the finding is there`: 1 where they are the same,
/// 0 where they have nothing to do with each other.
fn correlation(with: (usize, usize), without: (usize, usize)) -> f64 {
    let [hit, false_hit] = [with.0, with.1 - with.0].map(|n| n as f64);
    let [missed, clean] = [without.0, without.1 - without.0].map(|n| n as f64);
    let spread = (hit + false_hit) * (hit + missed) * (clean + false_hit) * (clean + missed);
    if spread == 0.0 { 0.0 } else { (hit * clean - false_hit * missed) / spread.sqrt() }
}
