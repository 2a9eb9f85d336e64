//! Rows 3, 4, 6 to 9 and 15 by way of a driver: what a meter reads becomes a reading with bounds,
//! or none with a reason.

use serde_json::{Value, json};
use wattest::energy::sources::Sources;
use wattest::energy::{
    Doubt, Meter, Presence, Quantity, ReadError, Reading, Sample, Source, Tick, Trace, Window,
};

use crate::machine::Machine;
use crate::support::{FIRST, one, open, presence};

/// The work: 600 W, and 120 W before and after it.
const BEGIN_MS: f64 = 503.0;
const END_MS: f64 = 2511.0;
const WORK_J: f64 = 600.0 * (END_MS - BEGIN_MS) / 1e3;

fn work() -> Value {
    json!([[0, 120], [BEGIN_MS, 600], [END_MS, 120]])
}

fn ns(ms: f64) -> u64 {
    (ms * 1e6) as u64
}

fn meter(sources: Sources) -> Box<dyn Meter> {
    let [meter] = <[_; 1]>::try_from(sources.meters).ok().unwrap();
    meter
}

/// Reads a machine every `poll_ms` up to `until_ms`; what it does at a time is `script`.
fn trace(
    machine: &Machine,
    meter: &mut dyn Meter,
    poll_ms: f64,
    until_ms: f64,
    script: impl Fn(f64) -> Value,
) -> Trace {
    let mut trace = Trace::of(meter, ns(poll_ms), 8192);
    for step in 0..(until_ms / poll_ms) as u32 {
        let at_ms = f64::from(step) * poll_ms;
        machine.set(&script(at_ms));
        let (before_ns, after_ns) = (ns(at_ms), ns(at_ms) + 10_000);
        match meter.read() {
            Ok(value) => {
                trace.push(Sample { before_ns, after_ns, value });
            }
            Err(error) => trace.fail(before_ns, after_ns, error),
        }
    }
    trace
}

/// The reading of the work on a GPU that is as `gpu` says.
fn reading(script: impl Fn(f64) -> Value) -> Reading {
    let machine = Machine::new(&script(0.0));
    let mut meter = meter(open(&machine));
    let mut log = trace(&machine, meter.as_mut(), 2.0, 4000.0, script);
    if let Some(tick) = Tick::learn(&log) {
        log.set_tick(tick);
    }
    let window = Window { begin_ns: ns(BEGIN_MS), end_ns: ns(END_MS), ..Window::default() };
    window.reading(&[log])
}

#[test]
fn row_3_the_tick_is_learnt_within_a_tenth() {
    for (tick_ms, jitter_ms) in [(10.0, 0.0), (20.0, 0.0), (20.0, 2.0), (100.0, 0.0), (100.0, 8.0)]
    {
        let counter = json!({"tick_ms": tick_ms, "jitter_ms": jitter_ms, "phase_ms": 3.3});
        let script = |at_ms| one(at_ms, &json!({"counter": counter}));
        let machine = Machine::new(&script(0.0));
        let mut meter = meter(open(&machine));
        let log = trace(&machine, meter.as_mut(), 1.0, 30.0 * tick_ms, script);
        let learnt = Tick::learn(&log).unwrap().period_ms();
        assert!((learnt / tick_ms - 1.0).abs() < 0.1, "{tick_ms} ms: {learnt} ms");
    }
}

#[test]
fn row_4_the_bounds_hold_the_truth_at_every_phase() {
    for tick_ms in [20.0, 100.0] {
        for part in 0..5 {
            let phase_ms = tick_ms * f64::from(part) / 5.0;
            let counter = json!({"tick_ms": tick_ms, "phase_ms": phase_ms});
            let gpu = json!({"watts": work(), "counter": counter});
            let reading = reading(|at_ms| one(at_ms, &gpu));
            let about = format!("{tick_ms} ms at {phase_ms}: {reading:?}");
            // The driver tells whole millijoules.
            assert!(reading.lo_j.unwrap() <= WORK_J + 0.002, "{about}");
            assert!(reading.hi_j.unwrap() >= WORK_J - 0.002, "{about}");
            assert!((reading.gross_j.unwrap() / WORK_J - 1.0).abs() < 0.005, "{about}");
            assert_eq!(
                (reading.source, reading.scope),
                (Source::NvmlCounter, vec![FIRST.to_owned()])
            );
        }
    }
}

#[test]
fn row_6_a_counter_that_cannot_be_has_no_joules() {
    let counters = [
        (json!({"reset_at_ms": 1500}), "reset"),
        // A tick at 600 W is 60 J: it goes back by 1 mJ.
        (json!({"steps": [[1500, -60_001]]}), "reset"),
        (json!({"frozen_at_ms": 1500}), "gap"),
        (json!({"steps": [[1500, 500_000]]}), "implausible"),
    ];
    for (counter, expected) in counters {
        let gpu = json!({"watts": work(), "counter": counter});
        let reading = reading(|at_ms| one(at_ms, &gpu));
        let about = format!("{counter}: {reading:?}");
        assert_eq!((reading.gross_j, reading.lo_j), (None, None), "{about}");
        assert!(reading.reason.is_some(), "{about}");
        let doubts = serde_json::to_value(&reading.doubts).unwrap();
        assert!(
            doubts.as_array().unwrap().iter().any(|doubt| doubt["doubt"] == expected),
            "{about}"
        );
    }
}

#[test]
fn row_6_a_read_that_fails_within_the_window() {
    let gpu = json!({"watts": work()});
    let errors = json!({"nvmlDeviceGetTotalEnergyConsumption": {"code": 15}});
    let reading = reading(|at_ms| {
        let mut script = one(at_ms, &gpu);
        if at_ms >= 1500.0 {
            script["errors"] = errors.clone();
        }
        script
    });
    assert_eq!(reading.gross_j, None);
    let failed = |doubt: &Doubt| matches!(doubt, Doubt::Failed { error } if error.contains("fell off the bus"));
    assert!(reading.doubts.iter().any(failed), "{reading:?}");
}

#[test]
fn row_6_and_15_what_a_counter_says_at_its_ends() {
    let machine = Machine::new(&json!({"gpus": [{"counter": {"fixed_mj": 1_u64 << 40}}]}));
    let mut meter = meter(open(&machine));
    // Millijoules are microjoules, and the counter has no wrap.
    assert_eq!(meter.read(), Ok(1000 << 40));
    assert_eq!(meter.quantity(), Quantity::Energy { wraps_at_uj: None });
    assert_eq!(meter.limit_w(), Some(700.0));
    machine.set(&json!({"gpus": [{"counter": {"fixed_mj": 1_u64 << 63}}]}));
    assert!(matches!(meter.read(), Err(ReadError::Passing(_))));
    let code =
        |code: u32| json!({"errors": {"nvmlDeviceGetTotalEnergyConsumption": {"code": code}}});
    machine.set(&code(3));
    assert!(matches!(meter.read(), Err(ReadError::Passing(_))));
    machine.set(&code(15));
    assert!(matches!(meter.read(), Err(ReadError::Lasting(_))));
}

#[test]
fn row_6_a_counter_that_counts_nothing_gives_way_to_power() {
    let script = json!({"gpus": [{"counter": {"fixed_mj": 0}}]});
    let sources = open(&Machine::new(&script));
    assert!(matches!(presence(&sources, Source::NvmlCounter), Presence::Unsupported { reason }
        if reason.ends_with("the counter stands at 0")));
    assert_eq!(meter(sources).source(), Source::NvmlPower);
}

/// A GPU without a counter, whose power is `watts`.
fn powered(watts: &Value, at_ms: f64) -> Value {
    json!({
        "at_ms": at_ms,
        "gpus": [{"watts": watts}],
        "errors": {"nvmlDeviceGetTotalEnergyConsumption": {"code": 3}},
    })
}

#[test]
fn row_7_a_mean_of_a_second_is_read_past_the_end() {
    let reading = reading(|at_ms| powered(&work(), at_ms));
    assert_eq!(reading.source, Source::NvmlPower);
    let gross_j = reading.gross_j.unwrap();
    // A trapezoid over the window alone is a fifth low here.
    assert!((gross_j / WORK_J - 1.0).abs() < 0.05, "{reading:?}");
}

#[test]
fn row_8_flat_power_is_power() {
    let reading = reading(|at_ms| powered(&json!([[0, 300]]), at_ms));
    let expected_j = 300.0 * (END_MS - BEGIN_MS) / 1e3;
    assert!((reading.gross_j.unwrap() / expected_j - 1.0).abs() < 0.01, "{reading:?}");
}

#[test]
fn row_9_no_power_is_not_0_watts() {
    let script = |at_ms: f64| {
        let mut script = powered(&json!([[0, 300]]), at_ms);
        if (1000.0..1030.0).contains(&at_ms) {
            script["gpus"][0]["power"] = json!({"fixed_mw": 0});
        } else if (1030.0..1060.0).contains(&at_ms) {
            script["errors"]["nvmlDeviceGetPowerUsage"] = json!({"code": 3});
        }
        script
    };
    let machine = Machine::new(&script(0.0));
    let mut meter = meter(open(&machine));
    let log = trace(&machine, meter.as_mut(), 2.0, 4000.0, script);
    assert_eq!(log.failed(), 30);
    assert!(log.points().iter().all(|point| point.value == 300_000));
}

#[test]
fn the_fake_ticks_by_itself_as_well() {
    let machine = Machine::new(&json!({"gpus": [{"counter": {"tick_ms": 5}}]}));
    let mut meter = meter(open(&machine));
    let first = meter.read().unwrap();
    let patience = std::time::Instant::now();
    while meter.read().unwrap() == first {
        assert!(patience.elapsed().as_secs() < 30, "it does not tick");
    }
}
