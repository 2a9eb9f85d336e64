//! A counter and the power of the same device.

use crate::energy::tests::fake::{Fake, MS, Script};
use crate::energy::{Doubt, Reading, Source, Trace, Window};

/// A minute and a half at 500 W, between times at 100 W.
fn script(scale: f64) -> Script {
    let watts = |watts: f64| watts * scale;
    Script::new([(0, watts(100.0)), (10_000 * MS, watts(500.0)), (100_000 * MS, watts(100.0))])
}

fn counter() -> Trace {
    Fake::counter(20 * MS, 3 * MS, script(1.0)).watched(50 * MS, 102_000 * MS)
}

/// A mean over `averages_ms`, off by a factor, read every 100 ms.
fn sensor(averages_ms: u64, scale: f64) -> Trace {
    Fake::sensor(averages_ms * MS, script(scale)).watched(100 * MS, 101_000 * MS)
}

fn reading(counter: &Trace, sensor: Trace, seconds: u64) -> Reading {
    let begin_ns = 10_000 * MS;
    let end_ns = begin_ns + seconds * 1000 * MS;
    let window = Window { begin_ns, end_ns, others: &[sensor], ..Window::default() };
    window.reading(std::slice::from_ref(counter))
}

fn disagreement(reading: &Reading) -> Option<(f64, f64, f64)> {
    reading.doubts.iter().find_map(|doubt| match doubt {
        Doubt::Disagree { own_j, other_j, other, seconds } => {
            assert_eq!(*other, Source::NvmlPower);
            Some((*own_j, *other_j, *seconds))
        }
        _ => None,
    })
}

#[test]
fn sources_that_tell_the_same_agree_however_long_the_window() {
    let counter = counter();
    for (averages_ms, seconds) in [(100, 1), (1000, 1), (1000, 2), (1000, 20), (1000, 89)] {
        let reading = reading(&counter, sensor(averages_ms, 1.0), seconds);
        assert_eq!(disagreement(&reading), None, "{averages_ms} ms, {seconds} s");
        assert!(reading.gross_j.is_some(), "{reading:?}");
    }
}

#[test]
fn a_sensor_that_is_off_disagrees_once_the_window_resolves_it() {
    let counter = counter();
    let (own_j, other_j, seconds) =
        disagreement(&reading(&counter, sensor(1000, 1.1), 80)).unwrap();
    assert!((own_j / seconds - 500.0).abs() < 1.0, "{own_j} J in {seconds} s");
    assert!((other_j / own_j - 1.1).abs() < 0.01, "{other_j} J, {own_j} J");
    assert!((78.8..79.2).contains(&seconds), "a second less than the window: {seconds}");
    let doubt =
        Doubt::Disagree { own_j: 500.0, other_j: 550.0, other: Source::NvmlPower, seconds: 1.0 };
    insta::assert_snapshot!(doubt, @"nvml-power says 550.000 J for 1.000 s of the window, where this source says 500.000 J");
    // Within 2 %, and a window that leaves more open than that.
    assert_eq!(disagreement(&reading(&counter, sensor(1000, 1.015), 80)), None);
    assert_eq!(disagreement(&reading(&counter, sensor(1000, 1.1), 5)), None);
    assert!(disagreement(&reading(&counter, sensor(100, 1.1), 5)).is_some());
}

#[test]
fn what_cannot_be_compared_disagrees_with_nothing() {
    let counter = counter();
    // Between two reads of a mean over 20 ms anything may have happened.
    assert_eq!(disagreement(&reading(&counter, sensor(20, 2.0), 80)), None);
    let mut other = Fake::sensor(100 * MS, script(2.0));
    other.scope = "GPU-1".to_owned();
    let other = other.watched(100 * MS, 101_000 * MS);
    assert_eq!(disagreement(&reading(&counter, other, 80)), None);
    // It was lost on the way.
    let lost = Fake::sensor(100 * MS, script(2.0)).watched(100 * MS, 10_050 * MS);
    assert_eq!(disagreement(&reading(&counter, lost, 80)), None);
}
