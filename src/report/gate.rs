//! What the energy gate came to, and the noise of the baselines.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::energy::{NoiseBand, Reading};
use crate::record::Record;
use crate::report::CaseView;
use crate::report::text::count;
use crate::schema::Kind;
use crate::verdict::{EnergyGate, GateState};

/// What the energy gate says of the cases that generated something.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateTotal {
    /// The run that was compared with.
    pub run: String,
    /// How much more energy is allowed, in percent.
    pub percent: f64,
    /// Cases that take no more than that.
    pub held: usize,
    /// Cases that take more.
    pub regressed: usize,
    /// Cases of which that cannot be said.
    pub undecided: usize,
    /// Why not, with the number of cases, the most frequent first.
    pub reasons: Vec<(String, usize)>,
    /// By backend, how far two runs of the same lay apart in that run.
    pub bands: BTreeMap<String, NoiseBand>,
}

impl GateTotal {
    /// What `gate` came to over `cases`.
    pub(super) fn new(gate: &EnergyGate, cases: &[CaseView]) -> Self {
        let gated = || cases.iter().filter_map(|view| view.record.verdict.energy.as_ref());
        let count = |state| gated().filter(|one| one.state == state).count();
        let mut reasons: Vec<(String, usize)> = Vec::new();
        for one in gated().filter(|one| one.state == GateState::Undecided) {
            match reasons.iter_mut().find(|(why, _)| *why == one.line) {
                Some((_, n)) => *n += 1,
                None => reasons.push((one.line.clone(), 1)),
            }
        }
        // A stable sort: of equally frequent ones the first comes first.
        reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        Self {
            run: gate.run.clone(),
            percent: gate.percent,
            held: count(GateState::Held),
            regressed: count(GateState::Regressed),
            undecided: count(GateState::Undecided),
            reasons,
            bands: gate.bands.clone(),
        }
    }

    /// Why the gate fails the run without a case that does: it decided nothing. None where it
    /// decided something.
    pub fn decides_nothing(&self) -> Option<String> {
        if self.held + self.regressed > 0 {
            return None;
        }
        let why = match self.reasons.first() {
            Some((why, _)) => {
                format!("{} undecided; the first reason: {why}", count(self.undecided, "case"))
            }
            None => "no case generated anything that could be compared".to_owned(),
        };
        Some(format!("decided nothing against {}: {why}", self.run))
    }

    /// In one line.
    pub fn line(&self) -> String {
        let mut line = format!(
            "{} held, {} regressed, {} undecided, at {:+} % against {}",
            self.held, self.regressed, self.undecided, self.percent, self.run
        );
        if let Some((why, n)) = self.reasons.first() {
            line.push_str(&format!("; undecided {n} times: {why}"));
        }
        line
    }
}

/// By backend, the band of joules per output token within which two runs of the same lie, from the
/// baselines of `cases`.
pub(super) fn noise(cases: &[CaseView]) -> BTreeMap<String, NoiseBand> {
    bands(cases.iter().map(|view| &view.record))
}

/// By backend, the band that the baselines among `records` show; a backend whose baselines show
/// none is not in it.
pub fn bands<'a>(records: impl IntoIterator<Item = &'a Record>) -> BTreeMap<String, NoiseBand> {
    let mut readings: BTreeMap<&str, Vec<&Reading>> = BTreeMap::new();
    for record in records.into_iter().filter(|record| record.case.kind == Kind::Baseline) {
        readings.entry(&record.case.backend).or_default().push(&record.energy);
    }
    let band = |(backend, readings): (&str, Vec<&Reading>)| {
        Some((backend.to_owned(), NoiseBand::of_baselines(readings)?))
    };
    readings.into_iter().filter_map(band).collect()
}
