//! Counts and totals of a run.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::energy::{Doubt, NoiseBand};
use crate::issues::Standing;
use crate::report::{Breach, CaseView, GateTotal, RunInfo, breaches, gate};
use crate::scan::Severity;
use crate::schema::{Answer, Kind};
use crate::verdict::{Effect, Status};

/// How many of the slowest cases a summary names.
const SLOWEST: usize = 5;

/// Counts and totals of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Cases selected.
    pub selected: usize,
    /// Cases that passed, flaky ones included.
    pub passed: usize,
    /// Cases whose parameter, or output, is not as it should be.
    pub failed: usize,
    /// Cases in which backend or harness broke.
    pub errors: usize,
    /// Cases that were not run, with a reason.
    pub skipped: usize,
    /// Cases that passed after they had failed.
    pub flaky: usize,
    /// Cases selected and without a record: the run goes on, or was interrupted.
    pub not_run: usize,
    /// Sum of the wall clock of all attempts in seconds.
    pub duration_s: f64,
    /// Findings by source and severity.
    pub issues: BTreeMap<String, BTreeMap<Severity, IssueCount>>,
    /// How many cases have each effect verdict.
    pub effects: BTreeMap<Effect, usize>,
    /// How many negative cases got each answer.
    pub answers: BTreeMap<Answer, usize>,
    /// How many cases passed for ending as is known of the engine, by answer.
    pub as_known: BTreeMap<Answer, usize>,
    /// The energy of all cases.
    pub energy: EnergyTotal,
    /// What the energy gate came to; none without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_gate: Option<GateTotal>,
    /// By backend, within which joules per output token two runs of the same lie (A/A); only where
    /// the baseline was measured more than once.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub noise: BTreeMap<String, NoiseBand>,
    /// The slowest cases with their seconds, the slowest first.
    pub slowest: Vec<(String, f64)>,
    /// What failed and how to run it again.
    pub failures: Vec<FailureRow>,
    /// The entries of issues.yaml that fail the run.
    pub breaches: Vec<Breach>,
}

/// Occurrences of findings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct IssueCount {
    /// Covered by an entry of issues.yaml.
    pub known: u64,
    /// Covered by none.
    pub unknown: u64,
}

/// The energy of all cases that ran.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct EnergyTotal {
    /// Joules, everything the source covers included; null unless known of every case that ran.
    pub gross_j: Option<f64>,
    /// Joules above the baseline; null unless known of every case that ran.
    pub net_j: Option<f64>,
    /// Below this the gross joules cannot be; null unless known of every case that ran.
    pub lo_j: Option<f64>,
    /// Above this they cannot be; null unless known of every case that ran.
    pub hi_j: Option<f64>,
    /// Cases that ran and whose energy is known.
    pub known: usize,
    /// Cases that ran and whose energy is not.
    pub unknown: usize,
    /// Why not, with the number of cases, the most frequent first.
    pub reasons: Vec<(String, usize)>,
    /// What measured, with the number of cases.
    pub sources: BTreeMap<String, usize>,
    /// What speaks against the readings, by its name, with the number of cases.
    pub doubts: BTreeMap<String, usize>,
}

/// A case that did not pass.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailureRow {
    /// Its name.
    pub name: String,
    /// What kind of failure or error.
    pub kind: String,
    /// Why, in one line.
    pub cause: String,
    /// The command that runs it again.
    pub reproduce: String,
}

impl Summary {
    pub(super) fn new(run: &RunInfo, cases: &[CaseView], standings: &[Standing]) -> Self {
        let mut summary = Self {
            selected: run.selected.max(cases.len()),
            not_run: run.selected.saturating_sub(cases.len()),
            breaches: breaches(run, standings),
            energy: EnergyTotal::new(cases),
            energy_gate: run.mode.energy.as_ref().map(|gate| GateTotal::new(gate, cases)),
            noise: gate::noise(cases),
            slowest: slowest(cases),
            ..Self::default()
        };
        for view in cases {
            summary.add(run, view);
        }
        summary
    }

    /// Whether the run failed: a case did, an entry of issues.yaml fails it, or its energy gate
    /// decided nothing.
    pub fn has_failed(&self) -> bool {
        self.failed + self.errors + self.breaches.len() > 0 || self.idle_gate().is_some()
    }

    /// Why the energy gate fails the run: it decided nothing, and a gate that checks nothing must
    /// not pass. None while there are cases left to run.
    pub fn idle_gate(&self) -> Option<String> {
        let gate = self.energy_gate.as_ref().filter(|_| self.not_run == 0)?;
        gate.decides_nothing()
    }

    fn add(&mut self, run: &RunInfo, view: &CaseView) {
        let record = &view.record;
        let verdict = &record.verdict;
        match verdict.status {
            Status::Pass => self.passed += 1,
            Status::Fail => self.failed += 1,
            Status::Error => self.errors += 1,
            Status::Skip => self.skipped += 1,
        }
        self.flaky += usize::from(view.is_flaky());
        self.duration_s += record.duration_s;
        self.duration_s += view.earlier.iter().map(|record| record.duration_s).sum::<f64>();
        for (index, finding) in record.findings.iter().enumerate() {
            let by_severity = self.issues.entry(finding.source.clone()).or_default();
            let count = by_severity.entry(finding.severity).or_default();
            if verdict.unknown.contains(&index) {
                count.unknown += finding.count;
            } else {
                count.known += finding.count;
            }
        }
        if let Some(effect) = verdict.effect {
            *self.effects.entry(effect).or_default() += 1;
        }
        if let Some(answer) = verdict.answer {
            if record.case.kind == Kind::Negative {
                *self.answers.entry(answer).or_default() += 1;
            }
            if verdict.as_known.is_some() && verdict.status == Status::Pass {
                *self.as_known.entry(answer).or_default() += 1;
            }
        }
        if verdict.status.is_bad() {
            self.failures.push(FailureRow {
                name: record.case.name.clone(),
                kind: verdict.kind.clone(),
                cause: verdict.cause.clone(),
                reproduce: run.command.reproduce(&record.case.name),
            });
        }
    }
}

impl EnergyTotal {
    /// The total in one line: the joules, or why they are not known.
    pub fn line(&self) -> String {
        let all = self.known + self.unknown;
        match (self.gross_j, self.reasons.first()) {
            (Some(gross), _) => {
                let net = self
                    .net_j
                    .map_or("net unknown".to_owned(), |net| format!("{} J net", joules(net)));
                let bounds = match (self.lo_j, self.hi_j) {
                    (Some(lo), Some(hi)) => format!(" ({} to {})", joules(lo), joules(hi)),
                    _ => String::new(),
                };
                let sources: Vec<&str> = self.sources.keys().map(String::as_str).collect();
                let by = if sources.is_empty() { "" } else { " by " };
                let mut line = format!(
                    "{} J gross{bounds}, {net}, over {} cases{by}{}",
                    joules(gross),
                    self.known,
                    sources.join(", ")
                );
                for (doubt, n) in &self.doubts {
                    line.push_str(&format!("; {n} {doubt}"));
                }
                line
            }
            (None, None) => "unknown: no case ran".to_owned(),
            (None, Some((why, _))) if self.known == 0 => format!("unknown: {why}"),
            (None, Some((why, n))) => {
                format!(
                    "unknown as a whole: known of {} of {all} cases; {n} times: {why}",
                    self.known
                )
            }
        }
    }

    fn new(cases: &[CaseView]) -> Self {
        let zero = Some(0.0);
        let mut total =
            Self { gross_j: zero, net_j: zero, lo_j: zero, hi_j: zero, ..Self::default() };
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for view in cases {
            let record = &view.record;
            // A negative case is to do no work: there is nothing to measure.
            if record.verdict.status == Status::Skip || record.case.kind == Kind::Negative {
                continue;
            }
            let energy = &record.energy;
            // A total of what happens to be known would be taken for the whole.
            let add = |total: Option<f64>, joules: Option<f64>| Some(total? + joules?);
            total.gross_j = add(total.gross_j, energy.gross_j);
            total.net_j = add(total.net_j, energy.net_j);
            total.lo_j = add(total.lo_j, energy.lo_j);
            total.hi_j = add(total.hi_j, energy.hi_j);
            for doubt in words(&energy.doubts) {
                *total.doubts.entry(doubt).or_default() += 1;
            }
            if energy.gross_j.is_some() {
                total.known += 1;
                *total.sources.entry(energy.source.to_string()).or_default() += 1;
            } else {
                total.unknown += 1;
                *reasons
                    .entry(energy.reason.as_deref().unwrap_or("no reason given"))
                    .or_default() += 1;
            }
        }
        if total.known == 0 {
            (total.gross_j, total.net_j) = (None, None);
            (total.lo_j, total.hi_j) = (None, None);
        }
        total.reasons = reasons.into_iter().map(|(why, n)| (why.to_owned(), n)).collect();
        total.reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        total
    }
}

/// Joules as a person reads them: small ones with more digits.
fn joules(joules: f64) -> String {
    if joules.abs() < 10.0 { format!("{joules:.3}") } else { format!("{joules:.1}") }
}

/// The names of the doubts of a case, as records have them, each once.
fn words(doubts: &[Doubt]) -> BTreeSet<String> {
    let word = |doubt: &Doubt| {
        let value = serde_json::to_value(doubt).unwrap_or_default();
        value.get("doubt").and_then(|word| word.as_str()).unwrap_or("unknown").to_owned()
    };
    doubts.iter().map(word).collect()
}

fn slowest(cases: &[CaseView]) -> Vec<(String, f64)> {
    let ran = cases.iter().filter(|view| view.record.verdict.status != Status::Skip);
    let mut all: Vec<_> =
        ran.map(|view| (view.record.case.name.clone(), view.record.duration_s)).collect();
    all.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    all.truncate(SLOWEST);
    all
}
