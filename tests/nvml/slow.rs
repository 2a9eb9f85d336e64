//! Row 17: a driver that takes its time, read by the sampler.

use std::time::{Duration, Instant};

use serde_json::json;
use wattest::energy::{Measurement, Rate, Reading, Recorder, Source, Work};

use crate::machine::Machine;
use crate::support::open;

/// What the GPU draws, all the time.
const WATTS: f64 = 300.0;

/// A window of 600 ms on a machine each of whose calls takes so long.
fn reading(latency_ms: u64) -> Reading {
    let gpu = json!({"watts": [[0, WATTS]], "counter": {"tick_ms": 20}});
    let machine = Machine::new(&json!({"latency_ms": latency_ms, "gpus": [gpu]}));
    let sources = open(&machine);
    let (meters, others) = (sources.meters, sources.others);
    let mut recorder =
        Recorder::start_with(meters, others, Rate::default(), Measurement::default()).unwrap();
    let until = Duration::from_millis(600);
    let work = || {
        let begun = Instant::now();
        std::thread::sleep(until.saturating_sub(begun.elapsed()));
        Ok::<_, ()>(())
    };
    recorder.measure(|()| Work::default(), work).unwrap().1
}

#[test]
fn row_17_a_slow_driver_lowers_the_rate_and_the_reading_says_so() {
    let (quick, slow) = (reading(0), reading(50));
    for reading in [&quick, &slow] {
        assert_eq!(reading.source, Source::NvmlCounter);
        let (lo, hi) = (reading.lo_j.unwrap(), reading.hi_j.unwrap());
        let truth = WATTS * reading.window_s.unwrap();
        assert!(lo <= truth && truth <= hi, "{truth} J: {reading:?}");
    }
    // The edges are read every millisecond where that is possible.
    let hz = |reading: &Reading| reading.sampler_hz.unwrap();
    assert!(hz(&slow) <= 20.0 && hz(&slow) < hz(&quick), "{} {}", hz(&slow), hz(&quick));
    // It waits, and takes no processor for that.
    assert!(slow.sampler_cpu_percent.unwrap() <= 5.0, "{slow:?}");
    // What is read rarely leaves more open.
    assert!(slow.u_quant_j > quick.u_quant_j, "{slow:?} {quick:?}");
}
