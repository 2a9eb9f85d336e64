//! What goes wrong with a meter, and what a window says of it.

use crate::energy::tests::fake::{Fake, MS, Script};
use crate::energy::{Bracket, Doubt, ReadError, Sample, Source, Trace};

const WINDOW: (u64, u64) = (1000 * MS, 3000 * MS);

/// What the meter says instead, by the number of the read (one every 20 ms, 250 of them).
type Fault = fn(u64, u64) -> Result<u64, ReadError>;

/// A 100 ms counter at 300 W that is read through a fault.
fn through(fake: &Fake, fault: Fault) -> Trace {
    let mut trace = fake.trace(100 * MS);
    for read in 0..250 {
        let (before_ns, after_ns) = (read * 20 * MS, read * 20 * MS + 20_000);
        match fault(read, fake.value(before_ns)) {
            Ok(value) => {
                trace.push(Sample { before_ns, after_ns, value });
            }
            Err(error) => trace.fail(before_ns, after_ns, error),
        }
    }
    trace
}

fn window(trace: &Trace) -> Result<Bracket, Doubt> {
    Bracket::of(trace, WINDOW.0, WINDOW.1)
}

fn passing(error: &str) -> ReadError {
    ReadError::Passing(error.to_owned())
}

#[test]
fn row_06_what_a_counter_does_wrong() {
    let fake = Fake::counter(100 * MS, 7 * MS, Script::new([(0, 300.0)]));
    let is = |doubt: Doubt| move |found: &Doubt| *found == doubt;
    let failed = |error: &str| is(Doubt::Failed { error: error.to_owned() });
    type Expected = Box<dyn Fn(&Doubt) -> bool>;
    let gap = |found: &Doubt| matches!(found, Doubt::Gap { ms } if *ms > 300.0);
    let table: Vec<(&str, Fault, Expected)> = vec![
        (
            "reset",
            |read, value| Ok(if read < 90 { value } else { value % 1_000_000 }),
            Box::new(is(Doubt::Reset)),
        ),
        (
            "back by 1 mJ",
            |read, value| Ok(if read == 90 { value - 40_000_000 } else { value }),
            Box::new(is(Doubt::Reset)),
        ),
        ("frozen", |_, value| Ok(value.min(1_774_000_000)), Box::new(gap)),
        (
            "2^63",
            |read, value| Ok(if read == 90 { 1 << 63 } else { value }),
            Box::new(|found| matches!(found, Doubt::Implausible { watts } if *watts > 1e6)),
        ),
        (
            "more than the board can",
            |read, value| Ok(if read < 90 { value } else { value + 900_000_000 }),
            Box::new(|found| matches!(found, Doubt::Implausible { .. })),
        ),
        ("not supported", |_, _| Err(passing("not supported")), Box::new(failed("not supported"))),
        (
            "lost within",
            |read, value| match read {
                0..90 => Ok(value),
                _ => Err(ReadError::Lasting("GPU is lost".to_owned())),
            },
            Box::new(failed("GPU is lost")),
        ),
        (
            "errors to the end",
            |read, value| if read < 90 { Ok(value) } else { Err(passing("unknown")) },
            Box::new(failed("unknown")),
        ),
        (
            "errors for half a second",
            |read, value| {
                if (90..115).contains(&read) { Err(passing("unknown")) } else { Ok(value) }
            },
            Box::new(gap),
        ),
        (
            "silent before",
            |read, value| if read < 60 { Err(passing("busy")) } else { Ok(value) },
            Box::new(failed("busy")),
        ),
    ];
    for (name, fault, expected) in table {
        let found = window(&through(&fake, fault)).expect_err(name);
        assert!(expected(&found), "{name}: {found:?}");
        assert!(found.is_fatal(), "{name}: {found:?}");
    }
}

#[test]
fn row_06_backwards_by_one_millijoule_between_two_ticks() {
    let fake = Fake::counter(100 * MS, 0, Script::new([(0, 300.0)]));
    let trace = through(&fake, |read, value| Ok(if read == 91 { value - 1000 } else { value }));
    assert_eq!(window(&trace), Err(Doubt::Reset));
}

#[test]
fn faults_outside_of_the_window_do_not_count() {
    let fake = Fake::counter(100 * MS, 7 * MS, Script::new([(0, 300.0)]));
    let table: [(&str, Fault); 4] = [
        ("reset long before", |read, value| Ok(if read < 20 { value } else { value - 9_000_000 })),
        ("reset long after", |read, value| Ok(if read < 200 { value } else { 0 })),
        ("a short burst of errors", |read, value| {
            if (90..95).contains(&read) { Err(passing("unknown")) } else { Ok(value) }
        }),
        ("lost long after", |read, value| match read {
            0..200 => Ok(value),
            _ => Err(ReadError::Lasting("GPU is lost".to_owned())),
        }),
    ];
    for (name, fault) in table {
        let bracket = window(&through(&fake, fault)).expect(name);
        assert!(bracket.lo_j <= 600.0 && 600.0 <= bracket.hi_j, "{name}: {bracket:?}");
    }
}

#[test]
fn row_09_zeros_and_errors_of_a_power_sensor_are_skipped_and_gaps_are_gaps() {
    let fake = Fake::sensor(20 * MS, Script::new([(0, 300.0)]));
    let zeros = through(&fake, |read, value| Ok(if read % 3 == 0 { 0 } else { value }));
    assert!((window(&zeros).unwrap().estimate_j - 600.0).abs() < 0.1);
    assert_eq!(zeros.failed(), 84);
    assert!(zeros.points().iter().all(|point| point.value > 0));

    let errors = through(&fake, |read, value| {
        if (90..95).contains(&read) { Err(passing("not supported")) } else { Ok(value) }
    });
    assert!((window(&errors).unwrap().estimate_j - 600.0).abs() < 0.1);

    let gap = through(&fake, |read, value| Ok(if (90..120).contains(&read) { 0 } else { value }));
    assert_eq!(window(&gap), Err(Doubt::Gap { ms: 620.0 }));

    let absurd =
        through(&fake, |read, value| Ok(if read == 90 { u64::from(u32::MAX) } else { value }));
    assert!(matches!(window(&absurd), Err(Doubt::Implausible { .. })));
}

#[test]
fn row_14_wraps_of_a_processor_counter() {
    // 65 kJ of range at 300 W; the counter is 300 J below its end when the window begins.
    let range_uj = 65_532_610_987;
    let fake = Fake::rapl(range_uj, range_uj - 600_000_000, Script::new([(0, 300.0)]));
    let wrapped = through(&fake, |_, value| Ok(value));
    assert!(wrapped.points().iter().any(|point| point.value < 1_000_000_000));
    let bracket = window(&wrapped).unwrap();
    assert!(bracket.lo_j <= 600.0 && 600.0 <= bracket.hi_j, "{bracket:?}");
    assert!((bracket.estimate_j - 600.0).abs() < 1.0, "{bracket:?}");

    // Nobody told the range: what goes back is a reset.
    let mut unknown = fake.clone();
    unknown.quantity = crate::energy::Quantity::Energy { wraps_at_uj: None };
    let mut trace = unknown.trace(100 * MS);
    for read in 0..250 {
        let value = fake.value(read * 20 * MS);
        trace.push(Sample { before_ns: read * 20 * MS, after_ns: read * 20 * MS + 20_000, value });
    }
    assert_eq!(window(&trace), Err(Doubt::Reset));

    // A zone that vanishes and comes back begins at 0: that is no wrap at 80 % of the range.
    let middle = Fake::rapl(range_uj, range_uj / 5 * 4, Script::new([(0, 300.0)]));
    let reset =
        through(&middle, |read, value| Ok(if read < 90 { value } else { read * 6_000_000 }));
    assert_eq!(window(&reset), Err(Doubt::Reset));
}

#[test]
fn row_14_two_wraps_may_look_like_one() {
    // A range of 100 J is used up twice in the 700 ms that nobody reads, at the 600 W that this
    // package may draw for a moment; and a gap is it as well, but the wrap is what must be said.
    let fake = Fake::rapl(100_000_000, 0, Script::new([(0, 300.0)]));
    let trace =
        through(
            &fake,
            |read, value| {
                if (90..125).contains(&read) { Err(passing("busy")) } else { Ok(value) }
            },
        );
    assert_eq!(window(&trace), Err(Doubt::Wrapped));
}

#[test]
fn a_full_log_says_so() {
    let fake = Fake::counter(10 * MS, 0, Script::new([(0, 300.0)]));
    let mut trace = Trace::of(&fake, 100 * MS, 50);
    fake.watch(&mut trace, (0..5000 * MS).step_by(2 * MS as usize));
    assert_eq!(trace.points().len(), 50);
    assert!(trace.dropped() > 400);
    let doubt = window(&trace).unwrap_err();
    insta::assert_snapshot!(doubt, @"the source failed: the log holds 50 readings, and the window has more: read less often, or measure a shorter window");
}

#[test]
fn windows_that_were_not_watched_to_their_edges_have_no_joules() {
    let fake = Fake::counter(100 * MS, 0, Script::new([(0, 300.0)]));
    let mut late = fake.trace(100 * MS);
    fake.watch(&mut late, (1500 * MS..4000 * MS).step_by(2 * MS as usize));
    assert!(matches!(window(&late), Err(Doubt::Gap { .. })));
    let early = fake.watched(2 * MS, 3050 * MS);
    assert!(!early.covers_end(WINDOW.1));
    assert!(matches!(window(&early), Err(Doubt::Gap { .. })));
    assert!(fake.watched(2 * MS, 3150 * MS).covers_end(WINDOW.1));
    assert_eq!(fake.trace(MS).source(), Source::NvmlCounter);
    let never = window(&fake.trace(100 * MS)).unwrap_err();
    insta::assert_snapshot!(never, @"the source failed: it was never read");
}
