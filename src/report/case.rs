//! One case in a report.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::energy::Reading;
use crate::record::{Captured, Record};
use crate::report::{Evidence, RunInfo};
use crate::schema::{Answer, Kind, Relation};
use crate::settings::Value;
use crate::verdict::{Effect, Gated, Status};

/// A case with all its attempts and what it wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseView {
    /// The attempt that decides: the last.
    pub record: Record,
    /// The attempts before it, in order.
    pub earlier: Vec<Record>,
    /// What the last attempt wrote.
    pub evidence: Evidence,
}

impl CaseView {
    /// Whether it passed after it had failed.
    pub fn is_flaky(&self) -> bool {
        self.record.verdict.status == Status::Pass && !self.earlier.is_empty()
    }
}

/// Groups `records` by case, in the order in which the cases first stand there; `evidence` gives
/// what the deciding attempt wrote.
pub fn attempts(
    records: Vec<Record>,
    mut evidence: impl FnMut(&Record) -> Evidence,
) -> Vec<CaseView> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<Record>> = Vec::new();
    for record in records {
        let place = *places.entry(record.case.name.clone()).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(record);
    }
    let views = groups.into_iter().filter_map(|mut group| {
        group.sort_by_key(|record| record.attempt);
        let record = group.pop()?;
        Some(CaseView { evidence: evidence(&record), record, earlier: group })
    });
    views.collect()
}

/// A case in `report.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseRow {
    /// Its name.
    pub name: String,
    /// Its backend.
    pub backend: String,
    /// What is expected of it.
    pub kind: Kind,
    /// Dotted path of its parameter; null for the baseline.
    pub parameter: Option<String>,
    /// The value under test; null for the baseline.
    pub value: Option<Value>,
    /// What must hold against the reference.
    pub relation: Relation,
    /// The judgement.
    pub status: Status,
    /// What kind of failure, error or skip; empty on a pass.
    pub failure: String,
    /// Why it failed or was skipped; empty on a pass.
    pub cause: String,
    /// Further causes.
    pub further: Vec<String>,
    /// What the engine did with the value; null where it took it as it should.
    pub answer: Option<Answer>,
    /// What is known of the engine, where the case ended so; null otherwise.
    pub as_known: Option<String>,
    /// Whether the parameter did something; null where nothing is said of it.
    pub effect: Option<Effect>,
    /// On what evidence.
    pub evidence: String,
    /// Known issues and how often each came.
    pub known: Vec<(String, u64)>,
    /// Messages of the findings that no known issue covers.
    pub unknown: Vec<String>,
    /// How many times it was tried.
    pub attempts: usize,
    /// When the deciding attempt started, RFC 3339.
    pub started: String,
    /// Wall clock in seconds, loading and reference included.
    pub duration_s: f64,
    /// Seconds by phase.
    pub phases_s: BTreeMap<String, f64>,
    /// Seconds of prefill; null where nothing was generated.
    pub prefill_s: Option<f64>,
    /// Seconds of decoding; null where nothing was generated.
    pub decode_s: Option<f64>,
    /// Tokens generated; null where nothing was generated.
    pub tokens: Option<u64>,
    /// Its energy.
    pub energy: Reading,
    /// What the energy gate says of it; null without a gate, and where nothing was generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_gate: Option<Gated>,
    /// What it wrote, and where that is kept.
    pub captured: Captured,
    /// Processes it left behind.
    pub left_children: Vec<String>,
    /// The command that runs it again; null where it passed or was skipped.
    pub reproduce: Option<String>,
}

impl CaseRow {
    pub(super) fn new(run: &RunInfo, view: &CaseView) -> Self {
        let Record { case, verdict, output, .. } = &view.record;
        let record = &view.record;
        let unknown = verdict.unknown.iter().filter_map(|index| record.findings.get(*index));
        let timings = output.as_ref().map(|output| &output.timings);
        Self {
            name: case.name.clone(),
            backend: case.backend.clone(),
            kind: case.kind,
            parameter: case.parameter.clone(),
            value: case.value.clone(),
            relation: case.relation.clone(),
            status: verdict.status,
            failure: verdict.kind.clone(),
            cause: verdict.cause.clone(),
            further: verdict.further.clone(),
            answer: verdict.answer,
            as_known: verdict.as_known.clone(),
            effect: verdict.effect,
            evidence: verdict.evidence.clone(),
            known: verdict.known.clone(),
            unknown: unknown.map(|finding| finding.message.clone()).collect(),
            attempts: view.earlier.len() + 1,
            started: record.started.clone(),
            duration_s: record.duration_s,
            phases_s: record.phases_s.clone(),
            prefill_s: timings.map(|timings| timings.prefill_s),
            decode_s: timings.map(|timings| timings.decode_s),
            tokens: record.output_tokens(),
            energy: record.energy.clone(),
            energy_gate: verdict.energy.clone(),
            captured: record.captured.clone(),
            left_children: record.left_children.clone(),
            reproduce: verdict.status.is_bad().then(|| run.command.reproduce(&case.name)),
        }
    }
}
