//! The energy gate: whether a case takes more joules per generated token than in another run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::energy::{Doubt, NoiseBand, PerToken, Reading};
use crate::record::Record;
use crate::verdict::judge::Cause;

/// The kind of the failure.
const KIND: &str = "energy-regression";

/// By how much a case may take more joules per generated token than in another run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnergyGate {
    /// How much more is allowed, in percent.
    pub percent: f64,
    /// The other run, as it was named.
    pub run: String,
    /// Its folder: a name such as `latest` soon means another run.
    pub folder: String,
    /// By backend, how far two runs of the same lay apart there (A/A).
    pub bands: BTreeMap<String, NoiseBand>,
}

/// What the gate says of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gated {
    /// Whether it held.
    pub state: GateState,
    /// The figures, or why they decide nothing, in one line.
    pub line: String,
    /// What was other than in the other run and may bear on it; it does not keep from comparing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Whether the energy gate held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateState {
    /// No more than is allowed.
    Held,
    /// More than is allowed, and more than the readings and the A/A band leave open.
    Regressed,
    /// The two cannot be compared, or what they leave open is more than their difference.
    Undecided,
}

impl GateState {
    /// The word for it in reports, as serde writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Regressed => "regressed",
            Self::Undecided => "undecided",
        }
    }
}

/// What `gate` says of `record`, whose case generated.
pub(super) fn gated(record: &Record, gate: &EnergyGate) -> Gated {
    let notes = notes(record);
    match figures(record) {
        Ok((ours, theirs)) => {
            let band = gate.bands.get(&record.case.backend);
            let (state, line) = compare(ours, theirs, gate, band);
            Gated { state, line, notes }
        }
        Err(why) => Gated { state: GateState::Undecided, line: why, notes },
    }
}

/// The failure, where there is one.
pub(super) fn cause(gated: &Gated) -> Option<Cause> {
    (gated.state == GateState::Regressed).then(|| {
        let mut text = gated.line.clone();
        if !gated.notes.is_empty() {
            text = format!("{text}; other than there: {}", gated.notes.join(", "));
        }
        Cause { kind: KIND, text, blame: None }
    })
}

/// Joules per generated token of this run and of the other, or why they cannot be compared.
fn figures(record: &Record) -> Result<(PerToken, PerToken), String> {
    let Some(against) = &record.against else {
        return Err("the other run has no record of this case".to_owned());
    };
    let Reading { source, scope, .. } = &record.energy;
    let there = &against.energy;
    let ours = record.energy.per_output_token().map_err(|why| format!("in this run: {why}"))?;
    let theirs = there.per_output_token().map_err(|why| format!("in the other run: {why}"))?;
    if *source != there.source {
        return Err(format!("measured by {source} here and by {} there", there.source));
    }
    if *scope != there.scope {
        let (here, there) = (scope.join(", "), there.scope.join(", "));
        return Err(format!("measured on {here} here and on {there} there"));
    }
    // A prompt is paid for once: with more tokens after it each of them costs less.
    if record.given_settings() != &against.settings
        && record.output_tokens() != against.output_tokens
    {
        let count = |tokens: Option<u64>| tokens.map_or("none".to_owned(), |n| n.to_string());
        return Err(format!(
            "its settings are others than there, and so are its tokens: {} here and {} there",
            count(record.output_tokens()),
            count(against.output_tokens)
        ));
    }
    Ok((ours, theirs))
}

/// Holds the joules per token of this run against those of the other.
///
/// It fails where all three hold: the increase is more than is allowed, it is more than both
/// readings leave open, and more than what two runs of the same lie apart. More than is allowed
/// and not more than one of the latter is undecided: it may be a regression, and it may be none.
fn compare(
    ours: PerToken,
    theirs: PerToken,
    gate: &EnergyGate,
    band: Option<&NoiseBand>,
) -> (GateState, String) {
    let more = ours.joules - theirs.joules;
    let percent = 100.0 * more / theirs.joules;
    let open = ours.open(&theirs);
    let apart = band.and_then(NoiseBand::apart_of_middle).map(|part| part * theirs.joules);
    let state = if percent <= gate.percent {
        GateState::Held
    } else if more > open && apart.is_none_or(|apart| more > apart) {
        GateState::Regressed
    } else {
        GateState::Undecided
    };
    let noise = match (band, apart) {
        (Some(band), Some(_)) => format!("the A/A band {band}"),
        _ => "there is no A/A band".to_owned(),
    };
    let line = format!(
        "{} J per output token, {} has {}: {percent:+.1} %, allowed {:+} %; the readings leave ±{:.1} % \
         open, {noise}",
        with_doubt(&ours),
        gate.run,
        with_doubt(&theirs),
        gate.percent,
        100.0 * open / theirs.joules,
    );
    (state, line)
}

/// `2.246 (ticks ±0.011, repeats ±0.020)`.
fn with_doubt(one: &PerToken) -> String {
    let repeats = one.u_repeat.map_or("unknown".to_owned(), |u| format!("±{}", figure(u, 2.0)));
    format!("{} (ticks ±{}, repeats {repeats})", figure(one.joules, 4.0), figure(one.u_quant, 2.0))
}

/// A number with so many significant digits.
fn figure(number: f64, significant: f64) -> String {
    let magnitude = number.abs().log10().floor();
    if !magnitude.is_finite() {
        return format!("{number}");
    }
    let digits = (significant - 1.0 - magnitude).clamp(0.0, 12.0) as usize;
    format!("{number:.digits$}")
}

/// What is other here than there.
fn notes(record: &Record) -> Vec<String> {
    let Some(against) = &record.against else { return Vec::new() };
    let mut notes = Vec::new();
    if record.environment != against.environment {
        notes.push("the environment".to_owned());
    }
    let slowed = |doubt: &&Doubt| {
        matches!(doubt, Doubt::Throttled { .. } | Doubt::PowerCapped { .. } | Doubt::LimitChanged)
    };
    for (reading, place) in [(&record.energy, "here"), (&against.energy, "there")] {
        let slowed = reading.doubts.iter().filter(slowed);
        notes.extend(slowed.map(|doubt| format!("{place} {doubt}")));
    }
    notes
}

#[cfg(test)]
#[path = "energy_tests.rs"]
mod tests;
