//! Brackets and estimates against what really was.

use crate::energy::tests::fake::{Chance, Fake, MS, Script};
use crate::energy::{Bracket, Tick, statistics};

const IDLE_W: f64 = 120.0;
const LOAD_W: f64 = 600.0;

/// The relative errors of many estimates, in percent.
struct Errors(Vec<f64>);

impl Errors {
    fn bias(&self) -> f64 {
        statistics::mean(&self.0).unwrap()
    }

    fn sd(&self) -> f64 {
        statistics::sd(&self.0).unwrap()
    }
}

/// Reads every 1 to 2 ms within `near_ns` of the edges, every 100 ms between.
fn times_ns(chance: &mut Chance, begin_ns: u64, end_ns: u64, near_ns: u64) -> Vec<u64> {
    let mut all = Vec::new();
    let mut at_ns = begin_ns.saturating_sub(near_ns);
    while at_ns < end_ns + near_ns {
        all.push(at_ns);
        let near = at_ns < begin_ns + near_ns || at_ns + near_ns + 100 * MS > end_ns;
        at_ns += if near { chance.between(MS, 2 * MS) } else { 100 * MS };
    }
    all
}

/// 2 s of load between idle times, with edges at random phases of the tick; the bracket, and the
/// error of the estimate and of the plain difference of two reads.
fn windows(tick_ns: u64, count: u64, aligned: bool) -> (Errors, Errors) {
    let mut chance = Chance::new(tick_ns + u64::from(aligned));
    let (mut errors, mut raw) = (Errors(Vec::new()), Errors(Vec::new()));
    for at in 0..count {
        let phase_ns = chance.between(0, tick_ns);
        let mut begin_ns = chance.between(1000 * MS, 1500 * MS);
        if aligned {
            // A reader that spins until the tick sees it up to 2 ms later.
            let idle = Fake::counter(tick_ns, phase_ns, Script::new([(0, IDLE_W)]));
            begin_ns = idle.tick_before(begin_ns) + chance.between(30_000, 2 * MS);
        }
        let end_ns = begin_ns + 2000 * MS;
        let script = Script::new([(0, IDLE_W), (begin_ns, LOAD_W), (end_ns, IDLE_W)]);
        let truth_j = script.between(begin_ns, end_ns);
        let fake = Fake::counter(tick_ns, phase_ns, script);
        let mut trace = fake.trace(100 * MS);
        fake.watch(&mut trace, times_ns(&mut chance, begin_ns, end_ns, 3 * tick_ns + 10 * MS));
        let bracket = Bracket::of(&trace, begin_ns, end_ns).unwrap();
        assert!(
            bracket.lo_j <= truth_j && truth_j <= bracket.hi_j,
            "window {at}: {truth_j} J are not in {bracket:?}"
        );
        let percent = |joules: f64| 100.0 * (joules / truth_j - 1.0);
        errors.0.push(percent(bracket.estimate_j));
        raw.0.push(percent((fake.value(end_ns) - fake.value(begin_ns)) as f64 / 1e6));
    }
    (errors, raw)
}

#[test]
fn steps_of_power_leave_no_bias_and_brackets_hold() {
    for (tick_ms, raw_bias) in [(10, -0.2), (20, -0.4), (100, -2.0)] {
        for aligned in [true, false] {
            let (errors, raw) = windows(tick_ms * MS, 500, aligned);
            assert!(errors.bias().abs() <= 0.1, "{tick_ms} ms, {aligned}: {}", errors.bias());
            assert!(errors.sd() <= 0.3, "{tick_ms} ms, {aligned}: {}", errors.sd());
            if !aligned {
                // What a plain difference of two reads would have cost.
                assert!((raw.bias() - raw_bias).abs() < 0.3, "{tick_ms} ms: {}", raw.bias());
            }
        }
    }
}

/// Steps of power at random times, edges, phases, jitter and reads at random: nothing is known but
/// what was read.
#[test]
fn ten_thousand_random_windows_hold_the_truth() {
    let mut chance = Chance::new(7);
    for at in 0..10_000 {
        let tick_ns = [10, 20, 100][at % 3] * MS;
        let mut steps = vec![(0, IDLE_W)];
        while steps.len() < 30 {
            let from_ns = steps.last().unwrap().0 + chance.between(MS, 300 * MS);
            steps.push((from_ns, 50.0 + 650.0 * chance.part()));
        }
        let script = Script::new(steps);
        let mut fake = Fake::counter(tick_ns, chance.between(0, tick_ns), script);
        fake.jitter = chance.part() * 0.5;
        let begin_ns = chance.between(400 * MS, 600 * MS);
        let end_ns = begin_ns + chance.between(MS, 2000 * MS);
        let truth_j = fake.script.between(begin_ns, end_ns);
        let slowest_ns = chance.between(2 * MS, 50 * MS);
        let mut trace = fake.trace(100 * MS);
        let mut at_ns = chance.between(0, 100 * MS);
        while at_ns < end_ns + 500 * MS {
            fake.watch(&mut trace, [at_ns]);
            at_ns += chance.between(MS, slowest_ns);
        }
        let bracket = Bracket::of(&trace, begin_ns, end_ns).unwrap();
        let Bracket { lo_j, hi_j, estimate_j, .. } = bracket;
        assert!(lo_j <= truth_j && truth_j <= hi_j, "window {at}: {truth_j} not in {bracket:?}");
        assert!(lo_j <= estimate_j && estimate_j <= hi_j, "window {at}: {bracket:?}");
        // Holding it by being wide would be no art: four ticks or reads at 700 W are the most.
        let widest_j = 0.7 * 4.0 * (tick_ns * 3 / 2).max(slowest_ns) as f64 / MS as f64;
        assert!(hi_j - lo_j <= widest_j + 0.1, "window {at}: {bracket:?}, {widest_j}");
    }
}

#[test]
fn row_03_ticks_are_learnt_within_a_tenth() {
    for tick_ms in [10, 20, 100] {
        for jitter in [0.0, 0.3] {
            let script = Script::new([(0, IDLE_W), (500 * MS, LOAD_W)]);
            let mut fake = Fake::counter(tick_ms * MS, 3 * MS, script);
            fake.jitter = jitter;
            let tick = Tick::learn(&fake.watched(3 * MS / 2, 3000 * MS)).unwrap();
            let off = tick.period_ms() / tick_ms as f64 - 1.0;
            assert!(off.abs() <= 0.1, "{tick_ms} ms, jitter {jitter}: {tick:?}");
            assert!(tick.longest_ns as f64 <= tick_ms as f64 * 1.3 * 1e6 + 3e6, "{tick:?}");
        }
    }
}
