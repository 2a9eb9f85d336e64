//! What sampling costs: its own test target, because everything that a process allocates is counted.

#![expect(clippy::unwrap_used, reason = "where a helper cannot go on, its test fails there")]

use std::alloc::System;
use std::fs;
use std::time::Duration;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use wattest::energy::{Clock, Meter, Monotonic, Quantity, Rate, ReadError, Sampler, Source, rapl};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// One after the other: they count for the whole process.
#[test]
fn sampling_allocates_nothing_and_takes_a_hundredth_of_a_core() {
    allocates_nothing();
    takes_a_hundredth_of_a_core();
}

/// Two packages with their memory, which never tick: so they are read as fast as it goes, for all
/// the time that is waited for a tick.
fn allocates_nothing() {
    let root = tempfile::tempdir().unwrap();
    for (id, name) in [
        ("intel-rapl:0", "package-0"),
        ("intel-rapl:0:0", "dram"),
        ("intel-rapl:1", "package-1"),
        ("intel-rapl:1:0", "dram"),
    ] {
        let zone = root.path().join(id);
        fs::create_dir(&zone).unwrap();
        fs::write(zone.join("name"), format!("{name}\n")).unwrap();
        fs::write(zone.join("energy_uj"), "123456789\n").unwrap();
    }
    let (_, meters) = rapl::open(root.path());
    assert_eq!(meters.len(), 4);
    let sampler = Sampler::start(meters, Rate::default()).unwrap();
    let open = sampler.open_fast();
    let rounds = |n: u64| {
        while open.cost().rounds < n {
            std::thread::yield_now();
        }
    };
    // The thread has started by then.
    rounds(20);
    let region = Region::new(ALLOCATOR);
    rounds(220);
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0), "{change:?}");
    drop(open);
}

/// A counter that ticks every 10 ms.
struct Ticking;

impl Meter for Ticking {
    fn source(&self) -> Source {
        Source::Rapl
    }

    fn scope(&self) -> &str {
        "ticking"
    }

    fn quantity(&self) -> Quantity {
        Quantity::Energy { wraps_at_uj: None }
    }

    fn limit_w(&self) -> Option<f64> {
        None
    }

    fn read(&mut self) -> Result<u64, ReadError> {
        Ok(Monotonic.now_ns() / 10_000_000 * 1_000)
    }
}

/// At 10 Hz, the fast reading at both edges included.
fn takes_a_hundredth_of_a_core() {
    let sampler = Sampler::start(vec![Box::new(Ticking)], Rate::default()).unwrap();
    let open = sampler.open();
    std::thread::sleep(Duration::from_millis(1500));
    let cost = open.close(|_, _, cost| cost);
    assert!(cost.cpu_percent().unwrap() <= 1.0, "{cost:?}");
    assert!(cost.rounds >= 15, "{cost:?}");
}
