//! The gate over tables of readings, and what must hold of any two.

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::energy::{Repeated, Source};
use crate::issues::Book;
use crate::record::Against;
use crate::schema::{Kind, Relation};
use crate::settings::Settings;
use crate::verdict::{Mode, Status, judge, sample};

/// A reading of 100 output tokens: joules per token, and half of what the ticks leave open of it,
/// in percent.
fn reading(joules: f64, u_quant: f64) -> Reading {
    let gross_j = 100.0 * joules;
    Reading {
        gross_j: Some(gross_j),
        u_quant_j: Some(gross_j * u_quant / 100.0),
        j_per_output_token: Some(joules),
        source: Source::Rapl,
        scope: vec!["package-0".to_owned()],
        ..Reading::default()
    }
}

/// The same, with half of the interval over repeats in percent.
fn repeated(joules: f64, u_quant: f64, u_repeat: f64) -> Reading {
    Reading { u_repeat_j: Some(joules * u_repeat), ..reading(joules, u_quant) }
}

fn gate(percent: f64) -> EnergyGate {
    EnergyGate { percent, run: "before".to_owned(), folder: "before".to_owned(), bands: [].into() }
}

/// The gate with a band in which two runs of the same lie `part` of their mean apart.
fn noisy(percent: f64, part: f64) -> EnergyGate {
    let (n, of) = (5, Repeated::Cases);
    let band = NoiseBand { middle: 1.0, half: 1.0, n, of };
    let band = NoiseBand { half: part / band.apart(), ..band };
    EnergyGate { bands: [("candle".to_owned(), band)].into(), ..gate(percent) }
}

/// A record that generated two tokens, and the same in the other run.
fn pair(here: Reading, there: Reading) -> Record {
    let mut record = sample::record(Relation::None, &[5, 6], &[5, 7]);
    record.energy = there;
    let against = Against::of(&record);
    record.energy = here;
    record.against = Some(Box::new(against));
    record
}

fn said(record: &Record, gate: &EnergyGate) -> String {
    let Gated { state, line, notes } = gated(record, gate);
    let notes = if notes.is_empty() { String::new() } else { format!(" [{}]", notes.join(", ")) };
    format!("{}: {line}{notes}", state.word())
}

#[test]
fn more_than_allowed_fails_where_nothing_is_left_open() {
    let table = [
        (reading(1.0, 0.5), reading(1.0, 0.5), gate(5.0)),
        (reading(0.2, 0.5), reading(1.0, 0.5), gate(5.0)),
        (reading(1.04, 0.5), reading(1.0, 0.5), gate(5.0)),
        (reading(1.06, 0.5), reading(1.0, 0.5), gate(5.0)),
        (reading(1.008, 0.5), reading(1.0, 0.5), gate(0.0)),
        (repeated(1.06, 0.5, 3.0), repeated(1.0, 0.5, 4.0), gate(5.0)),
        (repeated(1.08, 0.5, 3.0), repeated(1.0, 0.5, 4.0), gate(5.0)),
        (repeated(1.06, 0.5, 90.0), reading(1.0, 0.5), gate(5.0)),
        (reading(1.06, 0.5), reading(1.0, 0.5), noisy(5.0, 0.07)),
        (reading(1.08, 0.5), reading(1.0, 0.5), noisy(5.0, 0.07)),
    ];
    let lines = table.map(|(here, there, gate)| said(&pair(here, there), &gate));
    insta::assert_snapshot!(lines.join("\n"), @r"
    held: 1.000 (ticks ±0.0050, repeats unknown) J per output token, before has 1.000 (ticks ±0.0050, repeats unknown): +0.0 %, allowed +5 %; the readings leave ±1.0 % open, there is no A/A band
    held: 0.2000 (ticks ±0.0010, repeats unknown) J per output token, before has 1.000 (ticks ±0.0050, repeats unknown): -80.0 %, allowed +5 %; the readings leave ±0.6 % open, there is no A/A band
    held: 1.040 (ticks ±0.0052, repeats unknown) J per output token, before has 1.000 (ticks ±0.0050, repeats unknown): +4.0 %, allowed +5 %; the readings leave ±1.0 % open, there is no A/A band
    regressed: 1.060 (ticks ±0.0053, repeats unknown) J per output token, before has 1.000 (ticks ±0.0050, repeats unknown): +6.0 %, allowed +5 %; the readings leave ±1.0 % open, there is no A/A band
    undecided: 1.008 (ticks ±0.0050, repeats unknown) J per output token, before has 1.000 (ticks ±0.0050, repeats unknown): +0.8 %, allowed +0 %; the readings leave ±1.0 % open, there is no A/A band
    undecided: 1.060 (ticks ±0.0053, repeats ±0.032) J per output token, before has 1.000 (ticks ±0.0050, repeats ±0.040): +6.0 %, allowed +5 %; the readings leave ±6.1 % open, there is no A/A band
    regressed: 1.080 (ticks ±0.0054, repeats ±0.032) J per output token, before has 1.000 (ticks ±0.0050, repeats ±0.040): +8.0 %, allowed +5 %; the readings leave ±6.2 % open, there is no A/A band
    regressed: 1.060 (ticks ±0.0053, repeats ±0.95) J per output token, before has 1.000 (ticks ±0.0050, repeats unknown): +6.0 %, allowed +5 %; the readings leave ±1.0 % open, there is no A/A band
    undecided: 1.060 (ticks ±0.0053, repeats unknown) J per output token, before has 1.000 (ticks ±0.0050, repeats unknown): +6.0 %, allowed +5 %; the readings leave ±1.0 % open, the A/A band ±7.00 % (5 baselines)
    regressed: 1.080 (ticks ±0.0054, repeats unknown) J per output token, before has 1.000 (ticks ±0.0050, repeats unknown): +8.0 %, allowed +5 %; the readings leave ±1.0 % open, the A/A band ±7.00 % (5 baselines)
    ");
}

#[test]
fn what_cannot_be_compared_is_undecided() {
    let fine = || reading(2.0, 0.5);
    let dear = || pair(fine(), reading(1.0, 0.5));
    let shared = Doubt::Shared { with: "process 7".to_owned() };
    let mut table = vec![
        pair(Reading::unknown("no source of energy"), fine()),
        pair(fine(), Reading::unknown("energy is off")),
        pair(fine(), reading(1.0, 1.5)),
        pair(Reading { doubts: vec![shared], ..fine() }, fine()),
        pair(Reading { doubts: vec![Doubt::Reset], ..fine() }, fine()),
        pair(Reading { source: Source::NvmlCounter, ..fine() }, fine()),
        pair(Reading { scope: vec!["GPU-a".to_owned(), "GPU-b".to_owned()], ..fine() }, fine()),
    ];
    let mut gone = dear();
    gone.against = None;
    table.push(gone);
    let mut other = dear();
    let settings: Settings = [("knob", 3)].into_iter().collect();
    other.against.as_mut().unwrap().settings = settings;
    other.against.as_mut().unwrap().output_tokens = Some(9);
    table.push(other);
    let lines: Vec<String> = table.iter().map(|record| said(record, &gate(5.0))).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    undecided: in this run: no source of energy
    undecided: in the other run: energy is off
    undecided: in the other run: the ticks leave 1.5 % open: repeat the work more often
    undecided: in this run: the device is shared with process 7
    undecided: in this run: the counter went back: its driver was loaded anew
    undecided: measured by nvml-counter here and by rapl there
    undecided: measured on GPU-a, GPU-b here and on package-0 there
    undecided: the other run has no record of this case
    undecided: its settings are others than there, and so are its tokens: 2 here and 9 there
    ");
    // The same tokens by other settings, or other tokens by the same settings, are compared.
    for change in [
        (|against: &mut Against| against.settings = Settings::new()) as fn(&mut Against),
        |against| against.output_tokens = Some(9),
    ] {
        let mut one = dear();
        change(one.against.as_mut().unwrap());
        assert_eq!(gated(&one, &gate(5.0)).state, GateState::Regressed);
    }
}

#[test]
fn what_is_other_than_there_is_noted_and_compared_all_the_same() {
    let capped = Doubt::PowerCapped { ms: Some(20.0) };
    let mut record = pair(reading(2.0, 0.1), Reading { doubts: vec![capped], ..reading(1.0, 0.1) });
    record.environment = "0000000000000000".to_owned();
    let gated = gated(&record, &gate(5.0));
    assert_eq!(gated.state, GateState::Regressed);
    insta::assert_snapshot!(gated.notes.join("; "), @"the environment; there the device was at its power limit for 20 ms");
    let cause = cause(&gated).unwrap();
    assert!(cause.text.ends_with(
        "; other than there: the environment, there the device was at its power limit for 20 ms"
    ));
}

#[test]
fn a_regression_fails_the_case_and_only_what_generated_is_gated() {
    let mode = Mode {
        smoke: false,
        today: date(2026, 2, 1),
        engine_versions: Default::default(),
        gpu: None,
        energy: Some(gate(5.0)),
    };
    let judged = |record: &Record| judge(record, &Book::empty(), &mode);
    let verdict = judged(&pair(reading(2.0, 0.1), reading(1.0, 0.1)));
    assert_eq!((verdict.status, verdict.kind.as_str()), (Status::Fail, "energy-regression"));
    assert_eq!(verdict.cause, verdict.energy.unwrap().line);
    let verdict = judged(&pair(Reading::unknown("off"), reading(1.0, 0.1)));
    assert_eq!(verdict.status, Status::Pass);
    assert_eq!(verdict.energy.unwrap().state, GateState::Undecided);

    let mut negative = pair(reading(2.0, 0.1), reading(1.0, 0.1));
    negative.case.kind = Kind::Negative;
    assert_eq!(judged(&negative).energy, None);
    let ungated = Mode { energy: None, ..mode.clone() };
    let record = pair(reading(2.0, 0.1), reading(1.0, 0.1));
    let verdict = judge(&record, &Book::empty(), &ungated);
    assert_eq!((verdict.status, verdict.energy), (Status::Pass, None));
}

fn rank(state: GateState) -> u8 {
    match state {
        GateState::Held => 0,
        GateState::Undecided => 1,
        GateState::Regressed => 2,
    }
}

prop_compose! {
    fn any_reading()(
        joules in 0.001..100.0f64, u_quant in 0.0..1.0f64, u_repeat in prop::option::of(0.0..20.0f64),
    ) -> Reading {
        match u_repeat {
            Some(u_repeat) => repeated(joules, u_quant, u_repeat),
            None => reading(joules, u_quant),
        }
    }
}

proptest! {
    /// Never both: a case that takes more than before takes less before than now.
    #[test]
    fn of_two_readings_one_at_most_regressed(
        one in any_reading(), other in any_reading(), percent in 0.0..50.0f64, part in 0.0..0.2f64,
    ) {
        let gate = noisy(percent, part);
        let state = |here: &Reading, there: &Reading| {
            gated(&pair(here.clone(), there.clone()), &gate).state
        };
        let states = [state(&one, &other), state(&other, &one)];
        prop_assert!(states.contains(&GateState::Held), "{states:?}");
        prop_assert_eq!(state(&one, &one), GateState::Held);
    }

    /// More joules here never look better, more doubt never worse, and neither does a wider band or
    /// a larger allowance.
    #[test]
    fn the_gate_is_monotonous(
        there in any_reading(), times in 0.5..3.0f64, more in 1.0..2.0f64, percent in 0.0..50.0f64,
        u_quant in 0.0..0.5f64, part in 0.0..0.2f64,
    ) {
        let joules = there.j_per_output_token.unwrap() * times;
        let state = |here: Reading, gate: &EnergyGate| {
            rank(gated(&pair(here, there.clone()), gate).state)
        };
        let own = state(reading(joules, u_quant), &noisy(percent, part));
        prop_assert!(state(reading(joules, u_quant), &gate(percent)) >= own);
        prop_assert!(state(reading(joules, u_quant * 2.0), &noisy(percent, part)) <= own);
        prop_assert!(state(reading(joules, u_quant), &noisy(percent, part * more)) <= own);
        prop_assert!(state(reading(joules, u_quant), &noisy(percent * more, part)) <= own);
        // What the ticks leave open grows with the joules: by half a percent of them at most.
        let dearer = reading(joules * more * 1.01, u_quant / (more * 1.01));
        prop_assert!(state(dearer, &noisy(percent, part)) >= own);
    }
}
