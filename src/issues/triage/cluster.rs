//! Findings of one fingerprint, over cases and runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::issues::{Book, Place};
use crate::scan::{Finding, Phase, Severity, Stream};

use super::Seen;

/// Different messages of one template that are kept.
const MESSAGES: usize = 20;

/// Findings of one fingerprint, over cases and runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cluster {
    /// Identity of the template.
    pub fingerprint: String,
    /// The worst severity that it came with.
    pub severity: Severity,
    /// The library it comes from.
    pub source: String,
    /// The message where it was first seen.
    pub message: String,
    /// The message with what varies masked.
    pub template: String,
    /// How often it came.
    pub count: u64,
    /// The cases in which it came, by name.
    pub cases: BTreeSet<String>,
    /// The runs in which it came, by name.
    pub runs: BTreeSet<String>,
    /// The streams it was written to.
    pub streams: BTreeSet<Stream>,
    /// What its cases were doing.
    pub phases: BTreeSet<Phase>,
    /// Its backends, parameters and values, as case names have them.
    #[serde(skip)]
    pub places: BTreeSet<(String, Option<String>, Option<String>)>,
    /// Whether every parameter under test in `places` is one that loading reads.
    #[serde(skip)]
    pub loads_only: bool,
    /// Messages of its template that are not the same, the first ones.
    #[serde(skip)]
    pub messages: Vec<String>,
}

impl Cluster {
    fn new(finding: &Finding) -> Self {
        Self {
            fingerprint: finding.fingerprint.clone(),
            severity: finding.severity,
            source: finding.source.clone(),
            message: finding.message.clone(),
            template: finding.template.clone(),
            count: 0,
            cases: BTreeSet::new(),
            runs: BTreeSet::new(),
            streams: BTreeSet::new(),
            phases: BTreeSet::new(),
            places: BTreeSet::new(),
            loads_only: true,
            messages: Vec::new(),
        }
    }
}

/// The clusters of what `book` does not cover in `runs`: the most frequent first, of equally
/// frequent ones the worst.
pub(super) fn clusters(runs: &[Seen<'_>], book: &Book) -> Vec<Cluster> {
    let mut clusters: BTreeMap<&str, Cluster> = BTreeMap::new();
    for run in runs {
        for record in run.records {
            let place = Place::of(record, run.mode);
            for finding in &record.findings {
                if book.find(finding, &place, run.mode.today).is_some() {
                    continue;
                }
                let cluster =
                    clusters.entry(&finding.fingerprint).or_insert_with(|| Cluster::new(finding));
                cluster.severity = cluster.severity.max(finding.severity);
                cluster.count += finding.count;
                cluster.cases.insert(record.case.name.clone());
                cluster.runs.insert(run.id.to_owned());
                cluster.streams.insert(finding.stream);
                cluster.phases.insert(finding.phase);
                let own = |text: Option<&str>| text.map(str::to_owned);
                let at = (place.backend.to_owned(), own(place.parameter), own(place.value));
                cluster.places.insert(at);
                let loads = |path: &str| record.case.load_paths.iter().any(|load| load == path);
                cluster.loads_only &= place.parameter.is_some_and(loads);
                if cluster.messages.len() < MESSAGES && !cluster.messages.contains(&finding.message)
                {
                    cluster.messages.push(finding.message.clone());
                }
            }
        }
    }
    let mut clusters: Vec<Cluster> = clusters.into_values().collect();
    clusters.sort_by(|one, two| {
        let key = |cluster: &Cluster| (cluster.count, cluster.severity);
        key(two).cmp(&key(one)).then_with(|| one.fingerprint.cmp(&two.fingerprint))
    });
    clusters
}
