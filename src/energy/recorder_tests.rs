//! Recorder and sampler over counters whose truth is known at every time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::energy::{
    Baselines, Bracket, Clock, Monotonic, Open, Phases, Quantity, ReadError, Span,
};

/// Watts of the fake.
const WATTS: u64 = 100;

/// A counter that shows, since its last tick, what 100 W come to on the clock of this machine.
struct Ramp {
    source: Source,
    tick_ns: u64,
    /// How long a read takes.
    slow: Duration,
    /// How often it was read.
    reads: Arc<AtomicU64>,
    /// What it draws at present; what it has drawn before stays as it was read.
    watts: Arc<AtomicU64>,
    seen: (u64, u64),
    /// From this read on it is lost; 0 for never.
    lost_from: Arc<AtomicU64>,
}

impl Ramp {
    fn new(tick_ms: u64) -> Self {
        Self {
            source: Source::Rapl,
            tick_ns: tick_ms * 1_000_000,
            slow: Duration::ZERO,
            reads: Arc::default(),
            watts: Arc::new(AtomicU64::new(WATTS)),
            seen: (0, 0),
            lost_from: Arc::default(),
        }
    }

    fn boxed(self) -> Vec<Box<dyn Meter>> {
        vec![Box::new(self)]
    }
}

impl Meter for Ramp {
    fn source(&self) -> Source {
        self.source
    }

    fn scope(&self) -> &str {
        "ramp"
    }

    fn quantity(&self) -> Quantity {
        Quantity::Energy { wraps_at_uj: None }
    }

    fn limit_w(&self) -> Option<f64> {
        None
    }

    fn read(&mut self) -> Result<u64, ReadError> {
        let read = self.reads.fetch_add(1, Ordering::Relaxed) + 1;
        let lost = self.lost_from.load(Ordering::Relaxed);
        if lost > 0 && read >= lost {
            return Err(ReadError::Lasting("the fake is gone".to_owned()));
        }
        std::thread::sleep(self.slow);
        let ticks = Monotonic.now_ns() / self.tick_ns;
        let (then, energy_uj) = self.seen;
        let more_uj = (ticks - then) * (self.tick_ns / 1000) * self.watts.load(Ordering::Relaxed);
        self.seen = (ticks, energy_uj + more_uj);
        Ok(self.seen.1)
    }
}

/// Work of `ms` milliseconds.
fn work(ms: u64) {
    let until = Instant::now() + Duration::from_millis(ms);
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

fn recorder(meters: Vec<Box<dyn Meter>>, measurement: Measurement) -> Recorder {
    Recorder::start(meters, Rate::default(), measurement).unwrap()
}

fn tokens(prompt: u64, output: u64) -> Work {
    Work { tokens: Tokens { prompt, output }, phases: None }
}

fn measure(recorder: &mut Recorder, ms: u64) -> Reading {
    let told = |_: &()| tokens(1, 4);
    let work = || -> Result<(), ()> {
        work(ms);
        Ok(())
    };
    recorder.measure(told, work).unwrap().1
}

#[track_caller]
fn holds_the_truth(reading: &Reading) {
    let (Some(lo), Some(hi), Some(gross)) = (reading.lo_j, reading.hi_j, reading.gross_j) else {
        panic!("{reading:?}")
    };
    let truth = WATTS as f64 * reading.window_s.unwrap();
    assert!(lo <= truth && truth <= hi, "{truth} J: {reading:?}");
    assert!(lo <= gross && gross <= hi, "{reading:?}");
}

#[test]
fn a_window_holds_what_was_drawn_in_it() {
    for tick_ms in [1, 10, 40] {
        let mut recorder = recorder(Ramp::new(tick_ms).boxed(), Measurement::default());
        for ms in [1, 30, 60] {
            let reading = measure(&mut recorder, ms);
            holds_the_truth(&reading);
            assert!(reading.window_s.unwrap() >= ms as f64 / 1000.0, "{reading:?}");
            assert_eq!(reading.repeats, Some(1));
            assert_eq!(reading.net_j, None);
            assert_eq!(reading.reason.as_deref(), Some("no net: no baseline was taken"));
            let per_token = reading.gross_j.unwrap() / 4.0;
            assert_eq!(reading.j_per_output_token, Some(per_token));
        }
    }
}

#[test]
fn asked_for_windows_there_are_baselines_and_net_joules() {
    let measurement = Measurement {
        repeats: Some(3),
        min_window: Some(Duration::from_millis(200)),
        budget: None,
    };
    let mut recorder = recorder(Ramp::new(10).boxed(), measurement);
    recorder.before_load(false);
    let reading = measure(&mut recorder, 20);
    holds_the_truth(&reading);
    let Some(Baselines { bare: Some(bare), context: None, model: Some(model) }) = reading.baselines
    else {
        panic!("{reading:?}")
    };
    assert!((bare.mean_w - 100.0).abs() < 5.0 && bare.n > 1, "{bare:?}");
    assert!(bare.age_s > model.age_s && model.age_s < 2.0, "{bare:?} {model:?}");
    // The fake draws the same whatever is done.
    let net = reading.net_j.unwrap();
    assert!(net.abs() < 0.1 * reading.gross_j.unwrap(), "{reading:?}");
    assert!(reading.repeats.unwrap() >= 3 * 5, "{reading:?}");
    assert!(reading.window_s.unwrap() >= 0.2, "{reading:?}");
    // Each of the 4 tokens of each time.
    let per_token = reading.j_per_output_token.unwrap() * 4.0;
    assert!((0.5..20.0).contains(&per_token), "{reading:?}");
    assert!(reading.u_repeat_j.is_some() && reading.u_baseline_j.is_some(), "{reading:?}");
    let tick = reading.tick_period_ms.unwrap();
    assert!((tick - 10.0).abs() < 1.0, "{reading:?}");
}

#[test]
fn the_budget_ends_the_windows_and_says_so() {
    let budget = Some(Duration::from_millis(1));
    let measurement =
        Measurement { repeats: Some(9), min_window: Some(Duration::from_secs(60)), budget };
    let mut recorder = recorder(Ramp::new(10).boxed(), measurement);
    let reading = measure(&mut recorder, 5);
    holds_the_truth(&reading);
    assert_eq!(reading.repeats, Some(1));
    let reason = reading.reason.unwrap();
    assert!(reason.contains("1 of 9 windows") && reason.contains("60000 ms"), "{reason}");
}

#[test]
fn a_panic_within_a_window_releases_the_sampler() {
    let ramp = Ramp::new(1);
    let mut recorder = recorder(ramp.boxed(), Measurement::default());
    let panics = || -> Result<(), ()> { panic!("as it must") };
    let caught = catch_unwind(AssertUnwindSafe(|| recorder.measure(|()| Work::default(), panics)));
    assert!(caught.is_err());
    assert_eq!(recorder.sampler.as_ref().unwrap().windows(), 0);
    holds_the_truth(&measure(&mut recorder, 10));
}

#[test]
fn work_that_fails_releases_the_sampler_and_says_what_it_said() {
    let mut recorder = recorder(Ramp::new(1).boxed(), Measurement::default());
    let failed = recorder.measure(|()| Work::default(), || Err("no"));
    assert_eq!(failed.unwrap_err(), "no");
    assert_eq!(recorder.sampler.as_ref().unwrap().windows(), 0);
}

#[test]
fn windows_that_nest_or_overlap_share_the_readings() {
    let sampler = Sampler::start(Ramp::new(2).boxed(), Rate::default()).unwrap();
    let bracket = |open: Open<'_>| {
        let begin_ns = open.begin_ns();
        open.close(|traces, end_ns, _| {
            let truth = WATTS as f64 * (end_ns - begin_ns) as f64 / 1e9;
            let bracket = Bracket::of(&traces[0], begin_ns, end_ns).unwrap();
            assert!(bracket.lo_j <= truth && truth <= bracket.hi_j, "{truth} J: {bracket:?}");
        });
    };
    let outer = sampler.open();
    work(10);
    let inner = sampler.open_aligned();
    work(10);
    let late = sampler.open();
    bracket(inner);
    work(10);
    bracket(outer);
    bracket(late);
    assert_eq!(sampler.windows(), 0);
}

#[test]
fn between_windows_nothing_is_read() {
    let ramp = Ramp::new(1);
    let reads = Arc::clone(&ramp.reads);
    let mut recorder = recorder(ramp.boxed(), Measurement::default());
    assert_eq!(reads.load(Ordering::Relaxed), 0);
    measure(&mut recorder, 1);
    let read = reads.load(Ordering::Relaxed);
    assert!(read >= 2);
    work(150);
    assert_eq!(reads.load(Ordering::Relaxed), read);
}

#[test]
fn a_slow_meter_lowers_the_rate_and_that_is_reported() {
    let slow = Ramp { slow: Duration::from_millis(50), ..Ramp::new(1) };
    let mut recorder = recorder(slow.boxed(), Measurement::default());
    let reading = measure(&mut recorder, 200);
    holds_the_truth(&reading);
    assert!(reading.sampler_hz.unwrap() <= 20.0, "{reading:?}");
    // It waits for the driver, and takes no processor for that.
    assert!(reading.sampler_cpu_percent.unwrap() <= 5.0, "{reading:?}");
}

#[test]
fn a_meter_that_is_lost_gives_no_joules_and_is_asked_again_in_the_next_window() {
    let ramp = Ramp::new(1);
    let lost_from = Arc::clone(&ramp.lost_from);
    lost_from.store(3, Ordering::Relaxed);
    let mut recorder = recorder(ramp.boxed(), Measurement::default());
    for _ in 0..2 {
        let reading = measure(&mut recorder, 20);
        assert_eq!((reading.gross_j, reading.net_j, reading.hi_j), (None, None, None));
        assert!(reading.reason.unwrap().contains("the fake is gone"));
    }
    lost_from.store(0, Ordering::Relaxed);
    holds_the_truth(&measure(&mut recorder, 5));
}

#[test]
fn of_several_sources_the_best_is_read() {
    let gpu = Ramp { source: Source::NvmlCounter, ..Ramp::new(1) };
    let meters: Vec<Box<dyn Meter>> = vec![Box::new(Ramp::new(1)), Box::new(gpu)];
    let mut recorder = recorder(meters, Measurement::default());
    let reading = measure(&mut recorder, 5);
    holds_the_truth(&reading);
    assert_eq!((reading.source, reading.scope.len()), (Source::NvmlCounter, 1));
}

#[test]
fn without_a_source_the_reason_names_the_state_of_each() {
    let options =
        |powercap: &str| Options { powercap: Some(powercap.into()), ..Options::default() };
    let mut recorder = Recorder::open(&options("/no/such/folder"), Measurement::default());
    let reading = measure(&mut recorder, 0);
    assert_eq!((reading.gross_j, reading.source), (None, Source::None));
    let reason = reading.reason.unwrap();
    assert!(reason.starts_with("no source of energy: "), "{reason}");
    let rapl = "rapl absent (there is no /no/such/folder: this kernel has no powercap, or this is \
                a virtual machine)";
    assert!(reason.contains(rapl), "{reason}");

    let off = Options { off: true, ..Options::default() };
    let mut recorder = Recorder::open(&off, Measurement::default());
    assert_eq!(measure(&mut recorder, 0).reason.as_deref(), Some("energy is off"));
}

#[test]
fn what_is_watched_once_is_kept_where_it_is_wanted() {
    let mut recorder = recorder(Ramp::new(2).boxed(), Measurement::default());
    let told = |_: &u8| tokens(1, 0);
    let (output, reading) = recorder.watch(told, || {
        work(20);
        7
    });
    assert_eq!(output, 7);
    holds_the_truth(&reading);
    assert_eq!(reading.j_per_output_token, None);
    assert!(recorder.traces().is_empty());
    recorder.keep_traces();
    recorder.watch(told, || 8);
    let [trace] = recorder.traces() else { panic!("one window of one meter") };
    assert!(trace.points().len() >= 2, "{trace:?}");
}

/// GPUs that are busy for `ms` with what they were given, whoever waits for that or not.
#[derive(Clone, Default)]
struct Queue(Arc<AtomicU64>);

impl Queue {
    fn give(&self, ms: u64) {
        self.0.store(Monotonic.now_ns() + ms * 1_000_000, Ordering::Relaxed);
    }

    fn wait(&self) -> Wait {
        let done_ns = Arc::clone(&self.0);
        Box::new(move || {
            Monotonic.sleep_until(done_ns.load(Ordering::Relaxed));
            Ok(1)
        })
    }
}

#[test]
fn a_window_has_what_it_gave_to_the_gpus_and_nothing_that_was_given_before() {
    let mut recorder = recorder(Ramp::new(2).boxed(), Measurement::default());
    let queue = Queue::default();
    recorder.wait = Some(queue.wait());
    queue.give(120);
    let work = || -> Result<(), ()> {
        queue.give(40);
        Ok(())
    };
    let reading = recorder.measure(|()| Work::default(), work).unwrap().1;
    holds_the_truth(&reading);
    let window_s = reading.window_s.unwrap();
    assert!((0.04..0.12).contains(&window_s), "{reading:?}");
}

#[test]
fn gpus_that_fail_leave_no_joules_and_the_output_as_it_is() {
    // At the end of the first window, and at the begin of the second.
    for failing in [2, 3] {
        let mut recorder = recorder(Ramp::new(2).boxed(), Measurement::default());
        let calls = AtomicU64::new(0);
        recorder.wait =
            Some(Box::new(move || match calls.fetch_add(1, Ordering::Relaxed) + 1 == failing {
                true => Err(CudaError::Refused("an illegal memory access".to_owned())),
                false => Ok(1),
            }));
        let readings = [measure(&mut recorder, 5), measure(&mut recorder, 5)];
        let (bad, good) = if failing == 2 { (0, 1) } else { (1, 0) };
        holds_the_truth(&readings[good]);
        assert_eq!((readings[bad].gross_j, readings[bad].hi_j), (None, None));
        let reason = readings[bad].reason.as_deref().unwrap();
        insta::allow_duplicates! {
            insta::assert_snapshot!(reason, @"the source failed: waiting for the GPUs: CUDA: an illegal memory access");
        }
    }
}

/// Work of two phases, told as the loop tells it.
fn phases(prefill_ms: u64, decode_ms: u64) -> Phases {
    let begin_ns = Monotonic.now_ns();
    work(prefill_ms);
    let first_ns = Monotonic.now_ns();
    work(decode_ms);
    let span = |begin_ns, end_ns| vec![Span { begin_ns, end_ns }];
    Phases { prefill: span(begin_ns, first_ns), decode: span(first_ns, Monotonic.now_ns()) }
}

#[test]
fn phases_that_span_enough_ticks_have_joules_of_their_own() {
    let told = |phases: &Phases| Work { phases: Some(phases.clone()), ..tokens(1, 1) };
    // Read as often as the counter ticks: a phase is as sharp as the readings.
    let often = Rate { period: Duration::from_millis(5), ..Rate::default() };
    let twice =
        Measurement { repeats: None, min_window: Some(Duration::from_millis(1200)), budget: None };
    for (measurement, times) in [(Measurement::default(), 1.0), (twice, 2.0)] {
        let mut recorder = Recorder::start(Ramp::new(20).boxed(), often, measurement).unwrap();
        // In a window of 1200 ms the work is done twice.
        let reading = recorder.measure(told, || Ok::<_, ()>(phases(400, 700))).unwrap().1;
        let (prefill, decode) = (reading.prefill_j.unwrap(), reading.decode_j.unwrap());
        assert!(prefill >= 38.0 * times && decode >= 1.5 * prefill, "{reading:?}");
        assert!(prefill + decode < reading.hi_j.unwrap(), "{reading:?}");
    }
    // Prompts that are read in less than ten ticks.
    let mut recorder =
        Recorder::start(Ramp::new(20).boxed(), often, Measurement::default()).unwrap();
    let reading = recorder.measure(told, || Ok::<_, ()>(phases(20, 400))).unwrap().1;
    assert!(reading.prefill_j.is_none() && reading.decode_j.is_some(), "{reading:?}");
    let reason = reading.reason.unwrap();
    assert!(reason.contains("no joules of prefill: it spans too few ticks"), "{reason}");
}

/// A short window, with baselines.
const THOROUGH: Measurement =
    Measurement { repeats: Some(1), min_window: Some(Duration::from_millis(50)), budget: None };

#[test]
fn the_state_of_the_machine_says_which_baseline_is_taken() {
    let contexts = Arc::new(AtomicU64::new(0));
    let mut recorder = recorder(Ramp::new(10).boxed(), THOROUGH);
    let seen = Arc::clone(&contexts);
    recorder.wait = Some(Box::new(move || Ok(seen.load(Ordering::Relaxed) as usize)));
    let told = |recorder: &mut Recorder, others| {
        recorder.before_load(others);
        let all = recorder.idle.told(Monotonic.now_ns()).unwrap_or_default();
        (all.bare.is_some(), all.context.is_some())
    };
    assert_eq!(told(&mut recorder, true), (false, false), "another model is loaded");
    assert_eq!(told(&mut recorder, false), (true, false));
    contexts.store(1, Ordering::Relaxed);
    assert_eq!(told(&mut recorder, true), (true, false));
    assert_eq!(told(&mut recorder, false), (true, true), "between two engines");
    let begun = Instant::now();
    told(&mut recorder, false);
    assert!(begun.elapsed() < THOROUGH.baseline(), "each is taken once");
}

#[test]
fn a_baseline_after_the_work_shows_that_idle_power_has_moved() {
    let ramp = Ramp::new(10);
    let watts = Arc::clone(&ramp.watts);
    let mut recorder = recorder(ramp.boxed(), THOROUGH);
    let watch = |recorder: &mut Recorder, after: u64| {
        let told = |_: &()| tokens(1, 1);
        let reading = recorder.watch(told, || {
            work(60);
            watts.store(after, Ordering::Relaxed);
        });
        let stale = |doubt: &Doubt| matches!(doubt, Doubt::StaleBaseline { .. });
        reading.1.doubts.iter().any(stale)
    };
    assert!(!watch(&mut recorder, WATTS));
    assert!(watch(&mut recorder, 2 * WATTS));
    assert!(!watch(&mut recorder, 2 * WATTS), "the later one is that of the next");
}

#[test]
fn the_power_beside_a_counter_is_read_rarely_and_is_in_no_sum() {
    let gpu = |source| Ramp { source, ..Ramp::new(2) };
    let counter = gpu(Source::NvmlCounter);
    let other = gpu(Source::NvmlPower);
    let (often, rarely) = (Arc::clone(&counter.reads), Arc::clone(&other.reads));
    let mut recorder =
        Recorder::start_with(counter.boxed(), other.boxed(), Rate::default(), THOROUGH).unwrap();
    let reading = measure(&mut recorder, 250);
    holds_the_truth(&reading);
    assert_eq!((reading.source, reading.scope.len()), (Source::NvmlCounter, 1));
    let reads = [&often, &rarely].map(|reads| reads.load(Ordering::Relaxed));
    // A baseline of 2.5 s reads the counter every millisecond; the edges do so as well.
    assert!(reads[1] >= 10 && reads[1] <= 60 && reads[0] > 5 * reads[1], "{reads:?}");
}

#[test]
fn rounds_have_their_power_where_the_ticks_resolve_them() {
    let recorder = recorder(Ramp::new(2).boxed(), Measurement::default());
    let mut rounds = recorder.rounds();
    for ms in [5, 200, 200] {
        rounds.round(|| work(ms));
    }
    let watts = rounds.watts(2, 0.05).unwrap();
    assert!(watts.iter().all(|watts| (95.0..105.0).contains(watts)), "{watts:?}");
    let short = rounds.watts(3, 0.05).unwrap_err();
    assert!(short.contains("% of its joules open"), "{short}");
    assert_eq!(rounds.watts(4, 0.05), Err("there are too few rounds".to_owned()));
    drop(rounds);
    assert_eq!(recorder.sampler.as_ref().unwrap().windows(), 0);

    let off = Options { off: true, ..Options::default() };
    let off = Recorder::open(&off, Measurement::default());
    let mut rounds = off.rounds();
    assert_eq!(rounds.round(|| 7), 7);
    assert_eq!(rounds.watts(1, 1.0), Err("energy is off".to_owned()));
}
