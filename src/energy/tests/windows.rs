//! What a window makes of traces, baselines, tokens and phases.

use proptest::prelude::*;

use crate::energy::tests::fake::{Fake, MS, Script};
use crate::energy::{
    Baseline, BaselineKind, Bracket, Doubt, Phases, Reading, Sample, Source, Span, Tokens, Trace,
    Window,
};

/// 100 W idle, 500 W from 10 to 30 s, on a counter of 20 ms.
fn work() -> Fake {
    let script = Script::new([(0, 100.0), (10_000 * MS, 500.0), (30_000 * MS, 100.0)]);
    Fake::counter(20 * MS, 3 * MS, script)
}

fn over_work<'a>() -> Window<'a> {
    Window { begin_ns: 10_000 * MS, end_ns: 30_000 * MS, ..Window::default() }
}

fn idle(trace: &Trace) -> Baseline {
    let traces = std::slice::from_ref(trace);
    Baseline::of(BaselineKind::Model, traces, 1000 * MS, 9000 * MS, 8).unwrap()
}

#[test]
fn row_04_brackets_hold_for_windows_below_and_at_a_tick_at_each_phase() {
    let tick_ns = 100 * MS;
    for length_ns in [MS, tick_ns / 2, tick_ns, tick_ns + 1, 3 * tick_ns] {
        for phase in 0..50 {
            let begin_ns = 1000 * MS + phase * tick_ns / 50;
            let end_ns = begin_ns + length_ns;
            let script = Script::new([(0, 120.0), (begin_ns, 600.0), (end_ns, 120.0)]);
            let truth_j = script.between(begin_ns, end_ns);
            let trace = Fake::counter(tick_ns, 0, script).watched(2 * MS, 2500 * MS);
            let bracket = Bracket::of(&trace, begin_ns, end_ns).unwrap();
            assert!(bracket.lo_j <= truth_j && truth_j <= bracket.hi_j, "{bracket:?}, {truth_j}");
            let off_j = (bracket.estimate_j - truth_j).abs();
            assert!(off_j < 0.5, "{length_ns} ns, phase {phase}: {bracket:?}, {truth_j}");
            let reading = Window { begin_ns, end_ns, ..Window::default() }.reading(&[trace]);
            let open = |doubt: &Doubt| matches!(doubt, Doubt::Underresolved { .. });
            assert!(reading.doubts.iter().any(open), "{reading:?}");
        }
    }
}

#[test]
fn row_05_a_counter_that_sees_everything_has_no_aliasing() {
    for half_ms in [50, 25, 75] {
        let steps: Vec<(u64, f64)> = (0..200)
            .map(|at| (at * half_ms * MS, if at % 2 == 0 { 600.0 } else { 120.0 }))
            .collect();
        let fake = Fake::counter(100 * MS, 13 * MS, Script::new(steps));
        let (begin_ns, end_ns) = (1010 * MS, 3010 * MS);
        let truth_j = fake.script.between(begin_ns, end_ns);
        let bracket = Bracket::of(&fake.watched(2 * MS, 4000 * MS), begin_ns, end_ns).unwrap();
        assert!(bracket.lo_j <= truth_j && truth_j <= bracket.hi_j, "{bracket:?}, {truth_j}");
    }
}

#[test]
fn a_whole_reading() {
    let trace = work().watched(2 * MS, 31_000 * MS);
    let baseline = idle(&trace);
    let [prefill, decode] = [(10_000, 12_000), (12_000, 30_000)]
        .map(|(begin, end)| vec![Span { begin_ns: begin * MS, end_ns: end * MS }]);
    let mut reading = Window {
        baseline: Some(&baseline),
        tokens: Some(Tokens { prompt: 600, output: 400 }),
        repeats: Some(2),
        phases: Some(&Phases { prefill, decode }),
        ..over_work()
    }
    .reading(&[trace]);
    for joules in [
        &mut reading.gross_j,
        &mut reading.net_j,
        &mut reading.lo_j,
        &mut reading.hi_j,
        &mut reading.u_quant_j,
        &mut reading.u_baseline_j,
        &mut reading.tick_period_ms,
        &mut reading.prefill_j,
        &mut reading.decode_j,
        &mut reading.j_per_output_token,
        &mut reading.j_per_total_token,
    ] {
        *joules = joules.map(|joules| (joules * 10.0).round() / 10.0);
    }
    insta::assert_json_snapshot!(reading, @r#"
    {
      "gross_j": 10000.0,
      "net_j": 8000.0,
      "lo_j": 9990.0,
      "hi_j": 10002.0,
      "u_quant_j": 6.0,
      "u_repeat_j": null,
      "u_baseline_j": 0.0,
      "ticks": 1000,
      "tick_period_ms": 20.0,
      "source": "nvml-counter",
      "scope": [
        "GPU-0"
      ],
      "doubts": [],
      "window_s": 20.0,
      "repeats": 2,
      "j_per_output_token": 25.0,
      "j_per_total_token": 10.0,
      "window_gross_j": [],
      "window_output_tokens": [],
      "prefill_j": 1000.0,
      "decode_j": 9000.0,
      "sampler_cpu_percent": null,
      "sampler_hz": null,
      "reason": null
    }
    "#);
}

#[test]
fn devices_are_added_up_and_counted_once() {
    let one = work();
    let mut other = work();
    other.scope = "GPU-1".to_owned();
    other.tick_ns = 100 * MS;
    let traces = [one.watched(2 * MS, 31_000 * MS), other.watched(2 * MS, 31_000 * MS)];
    let reading = over_work().reading(&traces);
    assert!((reading.gross_j.unwrap() - 20_000.0).abs() < 2.0, "{reading:?}");
    assert_eq!(reading.scope, ["GPU-0", "GPU-1"]);
    assert!((reading.tick_period_ms.unwrap() - 100.0).abs() < 1.0);
    assert!(reading.ticks.unwrap() < 210, "the coarser of the two: {reading:?}");

    let twice = over_work().reading(&[traces[0].clone(), traces[0].clone()]);
    assert_eq!(twice.reason.as_deref(), Some("GPU-0 would be counted twice"));
    let mut package = work();
    package.source = Source::Rapl;
    let mixed = over_work().reading(&[traces[0].clone(), package.watched(2 * MS, 31_000 * MS)]);
    assert_eq!((mixed.gross_j, mixed.reason.is_some()), (None, true));
}

#[test]
fn one_device_without_joules_is_a_sum_without_joules() {
    let good = work().watched(2 * MS, 31_000 * MS);
    let mut other = work();
    other.scope = "GPU-1".to_owned();
    let mut bad = other.trace(100 * MS);
    for at_ms in (0..31_000).step_by(2) {
        let value = other.value(at_ms * MS) - if at_ms > 20_000 { 2_000_000_000 } else { 0 };
        bad.push(Sample { before_ns: at_ms * MS, after_ns: at_ms * MS + 9000, value });
    }
    let reading = over_work().reading(&[good, bad]);
    assert_eq!((reading.gross_j, reading.lo_j, reading.net_j), (None, None, None));
    assert_eq!(reading.doubts, [Doubt::Reset]);
    insta::assert_snapshot!(reading.reason.unwrap(), @"GPU-1: the counter went back: its driver was loaded anew");
}

#[test]
fn what_others_know_is_heard() {
    let trace = work().watched(2 * MS, 31_000 * MS);
    let baseline = idle(&trace);
    let told = |doubt: Doubt| {
        Window { baseline: Some(&baseline), doubts: vec![doubt], ..over_work() }
            .reading(std::slice::from_ref(&trace))
    };
    let shared = told(Doubt::Shared { with: "pid 7".to_owned() });
    assert!(shared.gross_j.is_some() && shared.net_j.is_none());
    insta::assert_snapshot!(shared.reason.unwrap(), @"no net: the device is shared with pid 7");
    let failed = told(Doubt::Failed { error: "the sampler died".to_owned() });
    assert_eq!((failed.gross_j, failed.net_j), (None, None));
    insta::assert_snapshot!(failed.reason.unwrap(), @"the source failed: the sampler died");
    let capped = told(Doubt::PowerCapped { ms: Some(3.0) });
    assert!(capped.net_j.is_some() && capped.reason.is_none() && capped.doubts.len() == 1);
}

#[test]
fn row_19_baselines_age_and_drift_and_net_may_be_negative() {
    let fake = work();
    let trace = fake.watched(2 * MS, 31_000 * MS);
    let traces = std::slice::from_ref(&trace);
    let baseline = idle(&trace);
    assert!((baseline.mean_w - 100.0).abs() < 0.1, "{baseline:?}");
    assert_eq!((baseline.n, baseline.taken_at_ns), (8, 9000 * MS));
    let with =
        |baseline: &Baseline| Window { baseline: Some(baseline), ..over_work() }.reading(traces);
    let stale = |later: &Baseline| baseline.stale(10_000 * MS, Some(later));

    assert_eq!(with(&baseline).doubts, []);
    let mut same = baseline.clone();
    same.mean_w += 0.5;
    assert_eq!(stale(&same), None);
    let mut moved = baseline.clone();
    moved.mean_w += 5.0;
    assert_eq!(stale(&moved), Some(Doubt::StaleBaseline { age_s: 1.0 }));
    assert_eq!(baseline.moved_w(&moved), Some(5.0));
    let old = baseline.stale(baseline.taken_at_ns + 601_000 * MS, None);
    assert_eq!(old, Some(Doubt::StaleBaseline { age_s: 601.0 }));

    let mut hot = baseline.clone();
    hot.mean_w = 600.0;
    let negative = with(&hot).net_j.unwrap();
    assert!((negative + 2000.0).abs() < 5.0, "{negative}");

    // Twice the spread, twice the doubt; and with one part only there is none to tell.
    let spread = |sd_w| with(&Baseline { sd_w, ..baseline.clone() });
    let once = spread(Some(1.0)).u_baseline_j.unwrap();
    assert!((spread(Some(2.0)).u_baseline_j.unwrap() - 2.0 * once).abs() < 1e-9 && once > 10.0);
    assert_eq!(spread(None).u_baseline_j, None);
}

#[test]
fn only_the_baseline_of_these_devices_with_the_model_is_subtracted() {
    let trace = work().watched(2 * MS, 31_000 * MS);
    let model = idle(&trace);
    let others = [
        (Baseline { kind: BaselineKind::Bare, ..model.clone() }, "without the model"),
        (Baseline { kind: BaselineKind::Context, ..model.clone() }, "without the model"),
        (Baseline { scope: vec!["GPU-9".to_owned()], ..model.clone() }, "other devices"),
        (Baseline { source: Source::Rapl, ..model }, "other devices"),
    ];
    for (baseline, why) in others {
        let reading = Window { baseline: Some(&baseline), ..over_work() }
            .reading(std::slice::from_ref(&trace));
        assert!(reading.net_j.is_none() && reading.gross_j.is_some());
        assert!(reading.reason.as_ref().unwrap().contains(why), "{reading:?}");
    }
}

#[test]
fn row_22_no_tokens_no_joules_per_token() {
    let trace = work().watched(2 * MS, 31_000 * MS);
    let of = |prompt, output| {
        Window { tokens: Some(Tokens { prompt, output }), ..over_work() }
            .reading(std::slice::from_ref(&trace))
    };
    let none = of(5, 0);
    assert!(none.j_per_output_token.is_none() && none.j_per_total_token.unwrap() > 1999.0);
    assert!(none.reason.unwrap().contains("no joules per output token: none was generated"));
    assert_eq!(of(0, 0).j_per_total_token, None);
}

#[test]
fn phases_of_a_few_ticks_are_not_told_apart() {
    let trace = work().watched(2 * MS, 31_000 * MS);
    let phases = Phases {
        prefill: vec![Span { begin_ns: 10_000 * MS, end_ns: 10_150 * MS }],
        decode: vec![Span { begin_ns: 10_150 * MS, end_ns: 30_000 * MS }],
    };
    let reading =
        Window { phases: Some(&phases), ..over_work() }.reading(std::slice::from_ref(&trace));
    assert!(reading.prefill_j.is_none() && reading.decode_j.is_some());
    assert!(reading.reason.unwrap().contains("no joules of prefill: it spans too few ticks"));
}

#[test]
fn row_16_nested_and_adjacent_windows_agree() {
    let trace = work().watched(2 * MS, 31_000 * MS);
    let of = |begin: u64, end: u64| Bracket::of(&trace, begin * MS, end * MS).unwrap();
    let whole = of(9000, 31_000 - 200);
    for cut in (9500..30_000).step_by(777) {
        let (first, second) = (of(9000, cut), of(cut, 30_800));
        let sum = first.estimate_j + second.estimate_j;
        assert!((sum - whole.estimate_j).abs() < 5.0, "{cut}: {sum} {whole:?}");
        assert!(first.lo_j + second.lo_j <= whole.hi_j && first.lo_j <= whole.lo_j);
        assert!(first.hi_j + second.hi_j >= whole.lo_j && second.hi_j <= whole.hi_j + 1e-6);
    }
}

#[test]
fn row_17_slow_reads_widen_the_bracket_and_are_no_gap() {
    let fake = work();
    let mut trace = fake.trace(20 * MS);
    for read in 0..600 {
        let before_ns = read * 52 * MS;
        let value = fake.value(before_ns + 31 * MS);
        trace.push(Sample { before_ns, after_ns: before_ns + 50 * MS, value });
    }
    let quick = fake.watched(2 * MS, 31_000 * MS);
    let (begin_ns, end_ns) = (10_000 * MS, 30_000 * MS);
    let slow = Bracket::of(&trace, begin_ns, end_ns).unwrap();
    let quick = Bracket::of(&quick, begin_ns, end_ns).unwrap();
    assert!(slow.lo_j <= 10_000.0 && 10_000.0 <= slow.hi_j, "{slow:?}");
    assert!(slow.hi_j - slow.lo_j > 2.0 * (quick.hi_j - quick.lo_j), "{slow:?} {quick:?}");
    assert!(slow.ticks < quick.ticks);
}

#[test]
fn windows_of_no_length_or_without_meters_say_so() {
    let trace = work().watched(2 * MS, 31_000 * MS);
    let none = over_work().reading(&[]);
    assert_eq!((none.gross_j, none.source), (None, Source::None));
    assert_eq!(none.reason.as_deref(), Some("no meter was read"));
    for (begin_ns, end_ns) in [(5, 5), (6, 5)] {
        let reading =
            Window { begin_ns, end_ns, ..Window::default() }.reading(std::slice::from_ref(&trace));
        assert_eq!(reading.reason.as_deref(), Some("the window has no length"));
    }
}

#[test]
fn repeats_have_a_mean_and_an_interval() {
    let reading = |joules: f64| Reading {
        gross_j: Some(joules),
        lo_j: Some(joules - 0.1),
        hi_j: Some(joules + 0.1),
        u_quant_j: Some(0.1),
        source: Source::NvmlCounter,
        scope: vec!["GPU-0".to_owned()],
        ..Reading::default()
    };
    let tokens = |output| Some(Tokens { prompt: 0, output });
    let all = [(reading(90.0), tokens(10)), (reading(110.0), tokens(30))];
    let both = Reading::of_repeats(&all, 1);
    assert_eq!((both.gross_j, both.repeats), (Some(100.0), Some(2)));
    assert_eq!(both.j_per_output_token, Some(5.0), "sum over sum, not 6.33");
    assert!((both.u_repeat_j.unwrap() - 127.06).abs() < 0.01);
    assert_eq!(both.window_gross_j, [90.0, 110.0]);
    assert_eq!(both.window_output_tokens, [10, 30]);

    let once = Reading::of_repeats(&all[..1], 1);
    assert_eq!((once.gross_j, once.u_repeat_j), (Some(90.0), None));
    insta::assert_snapshot!(once.reason.unwrap(), @"no u_repeat: the work was measured once");

    let broken = Reading::of_repeats(
        &[
            all[0].clone(),
            (
                Reading {
                    scope: vec!["GPU-0".to_owned()],
                    source: Source::NvmlCounter,
                    ..Reading::unknown("GPU-0: lost")
                },
                None,
            ),
        ],
        1,
    );
    assert_eq!(broken.gross_j, None);
    insta::assert_snapshot!(broken.reason.unwrap(), @"repeat 2 of 2: GPU-0: lost");
    assert_eq!(Reading::of_repeats(&[], 1).reason.as_deref(), Some("nothing was measured"));
}

proptest! {
    /// The clock of a measurement has no zero that means anything, and knows no date: a start an hour
    /// later changes no number.
    #[test]
    fn row_20_only_differences_of_times_count(hours in 1u64..1000) {
        let fake = work();
        let by_ns = hours * 3_600_000 * MS;
        let now = fake.watched(5 * MS, 31_000 * MS);
        let mut then = fake.trace(5 * MS);
        for at_ns in (0..31_000 * MS).step_by(5 * MS as usize) {
            let value = fake.value(at_ns + 10_000);
            let before_ns = at_ns + by_ns;
            then.push(Sample { before_ns, after_ns: before_ns + 20_000, value });
        }
        let baseline = idle(&now);
        let moved = Baseline { taken_at_ns: baseline.taken_at_ns + by_ns, ..baseline.clone() };
        let one = Window { baseline: Some(&baseline), ..over_work() }.reading(&[now]);
        let other = Window {
            begin_ns: over_work().begin_ns + by_ns,
            end_ns: over_work().end_ns + by_ns,
            baseline: Some(&moved),
            ..Window::default()
        }
        .reading(&[then]);
        prop_assert_eq!(&one.doubts, &other.doubts);
        prop_assert!((one.gross_j.unwrap() - other.gross_j.unwrap()).abs() < 1e-3);
        prop_assert_eq!((one.lo_j, one.hi_j, one.ticks), (other.lo_j, other.hi_j, other.ticks));
    }
}
