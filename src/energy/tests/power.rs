//! Power sensors that average.

use proptest::prelude::*;

use crate::energy::tests::fake::{Fake, MS, Script};
use crate::energy::{Bracket, Doubt, Interval, Quantity, Reading, Source, Window};

/// A window of load (600 W) between idle (120 W), seen by a sensor.
fn step(seconds: f64, averages_ms: u64) -> (Fake, u64, u64) {
    let (begin_ns, end_ns) = (3000 * MS, 3000 * MS + (seconds * 1e9) as u64);
    let script = Script::new([(0, 120.0), (begin_ns, 600.0), (end_ns, 120.0)]);
    (Fake::sensor(averages_ms * MS, script), begin_ns, end_ns)
}

#[test]
fn row_07_a_mean_of_one_second_is_integrated_past_the_end() {
    for (seconds, averages_ms) in [(0.5, 1000), (1.0, 1000), (5.0, 1000), (2.0, 100), (2.0, 25)] {
        let (fake, begin_ns, end_ns) = step(seconds, averages_ms);
        let trace = fake.watched(20 * MS, end_ns + 2 * averages_ms * MS + 100 * MS);
        let bracket = Bracket::of(&trace, begin_ns, end_ns).unwrap();
        let truth_j = 600.0 * seconds;
        let off = 100.0 * (bracket.estimate_j / truth_j - 1.0);
        assert!(off.abs() < 0.5, "{seconds} s by {averages_ms} ms: {off} %");
        assert!(bracket.lo_j <= truth_j && truth_j <= bracket.hi_j, "{bracket:?}");
    }
}

#[test]
fn row_07_without_the_time_after_the_end_it_refuses() {
    let (fake, begin_ns, end_ns) = step(2.0, 1000);
    let trace = fake.watched(20 * MS, end_ns + 900 * MS);
    assert!(!trace.covers_end(end_ns));
    assert_eq!(Bracket::of(&trace, begin_ns, end_ns), Err(Doubt::Averaged { ms: 1000.0 }));
    let reading = Window { begin_ns, end_ns, ..Window::default() }.reading(&[trace]);
    assert_eq!(reading.gross_j, None);
    insta::assert_snapshot!(reading.reason.unwrap(), @"GPU-0: the sensor averages over 1000 ms");
}

#[test]
fn a_mean_longer_than_the_window_is_a_doubt() {
    let (fake, begin_ns, end_ns) = step(0.5, 1000);
    let trace = fake.watched(20 * MS, end_ns + 2100 * MS);
    let reading = Window { begin_ns, end_ns, ..Window::default() }.reading(&[trace]);
    assert!((reading.gross_j.unwrap() - 300.0).abs() < 3.0, "{reading:?}");
    assert!(reading.doubts.contains(&Doubt::Averaged { ms: 1000.0 }), "{reading:?}");
    let resolved = |doubt: &Doubt| !matches!(doubt, Doubt::Underresolved { .. });
    assert!(!reading.doubts.iter().all(resolved), "{reading:?}");
}

#[test]
fn row_08_flat_power_with_equal_readings_is_energy() {
    for averages_ms in [25, 1000] {
        let fake = Fake::sensor(averages_ms * MS, Script::new([(0, 300.0)]));
        let trace = fake.watched(100 * MS, 9000 * MS);
        let values: Vec<u64> = trace.points().iter().skip(20).map(|point| point.value).collect();
        assert!(values.len() > 60 && values.iter().all(|value| *value == 300_000));
        let bracket = Bracket::of(&trace, 3000 * MS, 6000 * MS).unwrap();
        assert!((bracket.estimate_j - 900.0).abs() < 1e-6, "{bracket:?}");
        assert_eq!(bracket.ticks, 30);
    }
}

/// A sensor that sees 25 of every 100 ms, and a load that goes up and down every 100 ms: in step
/// with it, it sees the one or the other.
/// Steps down alone, after a high begin: no reading is above the one before.
#[test]
fn row_08_power_that_falls_is_energy() {
    for averages_ms in [25, 1000] {
        let steps: Vec<(u64, f64)> =
            (0..50).map(|at| (at * 200 * MS, 600.0 - 10.0 * at as f64)).collect();
        let script = Script::new(steps);
        let truth_j = script.between(3000 * MS, 7000 * MS);
        let trace = Fake::sensor(averages_ms * MS, script).watched(20 * MS, 10_000 * MS);
        let values: Vec<u64> = trace.points().iter().map(|point| point.value).collect();
        assert!(values.windows(2).all(|two| two[1] <= two[0]));
        let bracket = Bracket::of(&trace, 3000 * MS, 7000 * MS).unwrap();
        assert!((bracket.estimate_j / truth_j - 1.0).abs() < 0.01, "{bracket:?}, {truth_j} J");
    }
}

#[test]
fn row_05_aliasing_shows_in_repeats_at_other_phases() {
    let steps: Vec<(u64, f64)> =
        (0..400).map(|at| (at * 50 * MS, if at % 2 == 0 { 600.0 } else { 120.0 })).collect();
    let mut fake = Fake::sensor(25 * MS, Script::new(steps));
    fake.tick_ns = 100 * MS;
    let repeat = |phase_ms: u64| {
        // The work begins at another phase of the sensor.
        let shifted = Fake { phase_ns: phase_ms * MS, ..fake.clone() };
        let trace = shifted.watched(20 * MS, 8000 * MS);
        let (begin_ns, end_ns) = (3000 * MS, 5000 * MS);
        let window = Window { begin_ns, end_ns, ..Window::default() };
        (window.reading(&[trace]), None)
    };
    let truth_j = 720.0;
    let in_step: Vec<_> = [25; 8].into_iter().map(repeat).collect();
    let in_step = Reading::of_repeats(&in_step, 1);
    assert!((in_step.gross_j.unwrap() / truth_j - 1.0).abs() > 0.5, "{in_step:?}");
    assert!(in_step.u_repeat_j.unwrap() < 1.0, "{in_step:?}");

    let moved: Vec<_> = [5, 18, 30, 43, 55, 68, 80, 93].into_iter().map(repeat).collect();
    let joules: Vec<f64> = moved.iter().filter_map(|(one, _)| one.gross_j).collect();
    let interval = Interval::of_mean(&joules, 1).unwrap();
    assert!(interval.lo <= truth_j && truth_j <= interval.hi, "{interval:?}");
    let moved = Reading::of_repeats(&moved, 1);
    assert!(moved.u_repeat_j.unwrap() > 0.1 * truth_j, "{moved:?}");
}

proptest! {
    /// Millijoules of a counter, milliwatts of a sensor, microjoules of a processor: equal joules.
    #[test]
    fn row_15_units(watts in 1.0..390.0f64, seconds in 1u64..20) {
        let script = Script::new([(0, watts)]);
        let (begin_ns, end_ns) = (2000 * MS, (2000 + seconds * 1000) * MS);
        let meters = [
            Fake::counter(20 * MS, 0, script.clone()),
            Fake::sensor(1000 * MS, script.clone()),
            Fake::rapl(262_143_328_850, 9, script),
        ];
        for meter in meters {
            let trace = meter.watched(10 * MS, end_ns + 1200 * MS);
            let reading =
                Window { begin_ns, end_ns, ..Window::default() }.reading(std::slice::from_ref(&trace));
            let truth_j = watts * seconds as f64;
            let gross_j = reading.gross_j.unwrap();
            prop_assert!((gross_j / truth_j - 1.0).abs() < 2e-3, "{:?}: {gross_j} {truth_j}", meter.source);
            prop_assert!(reading.lo_j.unwrap() <= truth_j + 1e-3 && truth_j <= reading.hi_j.unwrap() + 1e-3);
            prop_assert_eq!(reading.source, meter.source);
            prop_assert_eq!(matches!(meter.quantity, Quantity::Power { .. }), meter.source == Source::NvmlPower);
        }
    }
}
