//! A small table over a small surface, with and without a run.

use std::path::Path;

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::record::Record;
use crate::schema::{Answer, Kind, Relation, Selection, Surface, Table};
use crate::verdict::sample::record;
use crate::verdict::{Effect, Status, Verdict};

const TABLE: &str = "
backend: x
engine: x 1
baseline: {}
refused:
- names: [compile, warmup.enabled]
  because: nothing is compiled
  instead: use another backend
excluded:
- {names: [fused], because: no kernel yet, expires: 2026-06-30}
- {names: [late], because: was to be done, expires: 2026-01-31}
params:
- {path: top_k, section: sampling, type: int, default: 50, bounds: {ge: 0}, relation: changes,
   aliases: [decoder.top_k], description: Best tokens.}
- {path: mode, section: load, type: enum, default: a, choices: [a, b], relation: none,
   description: A mode.}
- {path: ranks, section: engine, type: int, default: 1, bounds: {ge: 1, le: 2}, relation: none,
   requires: [{devices: 2}], description: Ranks.}
";

const SURFACE: &str = "
engine: origin
version: '1'
method: by hand
limitations: [names only]
params:
- path: top_k
- path: decoder.top_k
- path: mode
- path: ranks
- path: compile
- path: fused
- path: late
- path: nonesuch
";

fn table() -> Table {
    Table::parse(Path::new("x.yaml"), TABLE).unwrap()
}

fn surface() -> Surface {
    Surface::parse(Path::new("surface.yaml"), SURFACE).unwrap()
}

fn ledger(evidence: Option<&Evidence>) -> Ledger {
    Ledger::new(&table(), &surface(), evidence, date(2026, 3, 1))
}

/// The records of a run of every case, each ending as `end` says.
fn run(end: impl Fn(&str) -> Option<Status>) -> Vec<Record> {
    let ran = table().cases(Selection::All).into_iter().filter_map(|case| {
        let status = end(&case.name)?;
        let valid = case.kind == Kind::Valid;
        let verdict = Verdict {
            status,
            cause: if status == Status::Pass { "" } else { "needs 2 devices, found 0" }.to_owned(),
            effect: (valid && status == Status::Pass).then_some(Effect::Verified),
            ..Verdict::pending()
        };
        Some(Record { case, verdict, ..record(Relation::None, &[1], &[1]) })
    });
    ran.collect()
}

fn seen(end: impl Fn(&str) -> Option<Status>) -> Ledger {
    ledger(Some(&Evidence::new(&run(end), "x")))
}

fn standing(ledger: &Ledger, path: &str) -> Standing {
    ledger.rows.iter().find(|row| row.path == path).unwrap().standing
}

#[test]
fn every_name_stands_somewhere() {
    insta::assert_snapshot!(text(&ledger(None)), @"
    x over origin 1 (by hand)
    6 of 8 accounted for: 3 tested, 1 by alias, 1 refused as declared, 0 skipped, 1 excluded, 2 missing
    settable: 7, with values 4
    on one device: 6, with values 3
    limitation: names only

      top_k          tested         4 values; 5 refusals
      decoder.top_k  alias          of top_k; 1 value
      mode           tested         1 value; 4 refusals
      ranks          tested         1 value; 6 refusals
      compile        refused        1 refusal; nothing is compiled; use another backend
      fused          excluded       until 2026-06-30: no kernel yet
      late           missing        was left out until 2026-01-31: was to be done
      nonesuch       missing        the parameter file says nothing of it
    ");
}

#[test]
fn a_run_bears_it_out_or_does_not() {
    let whole = seen(|name| match name.contains("ranks=") && !name.contains('!') {
        true => Some(Status::Skip),
        false => Some(Status::Pass),
    });
    insta::assert_snapshot!(text(&whole), @"
    x over origin 1 (by hand)
    6 of 8 accounted for: 2 tested, 1 by alias, 1 refused as declared, 1 skipped, 1 excluded, 2 missing
    settable: 7, with values 4, exercised 3, verified 3
    on one device: 6, with values 3, exercised 3, verified 3
    on this machine: 6, with values 3, exercised 3, verified 3
    limitation: names only

      top_k          tested         4 of 4 values passed; 5 of 5 refusals passed
      decoder.top_k  alias          of top_k; 1 of 1 value passed
      mode           tested         1 of 1 value passed; 4 of 4 refusals passed
      ranks          skipped        0 of 1 value passed; 6 of 6 refusals passed; needs 2 devices, found 0
      compile        refused        1 of 1 refusal passed; nothing is compiled; use another backend
      fused          excluded       until 2026-06-30: no kernel yet
      late           missing        was left out until 2026-01-31: was to be done
      nonesuch       missing        the parameter file says nothing of it
    ");
}

#[test]
fn markdown_shows_what_is_open_first() {
    insta::assert_snapshot!(markdown(&seen(|_| Some(Status::Pass))), @"
    ## Coverage of x over origin 1

    **6 of 8 accounted for: 3 tested, 1 by alias, 1 refused as declared, 0 skipped, 1 excluded, 2 missing** (75 %)

    | | names | with values | exercised | verified |
    | --- | --- | --- | --- | --- |
    | settable | 7 | 4 | 4 | 4 |
    | on one device | 6 | 3 | 3 | 3 |
    | on this machine | 6 | 3 | 3 | 3 |

    Not accounted for:

    | name | | |
    | --- | --- | --- |
    | late | missing | was left out until 2026-01-31: was to be done |
    | nonesuch | missing | the parameter file says nothing of it |

    <details><summary>Accounted for</summary>

    | name | | |
    | --- | --- | --- |
    | top&#95;k | tested | 4 of 4 values passed; 5 of 5 refusals passed |
    | decoder.top&#95;k | alias | of top&#95;k; 1 of 1 value passed |
    | mode | tested | 1 of 1 value passed; 4 of 4 refusals passed |
    | ranks | tested | 1 of 1 value passed; 6 of 6 refusals passed |
    | compile | refused | 1 of 1 refusal passed; nothing is compiled; use another backend |
    | fused | excluded | until 2026-06-30: no kernel yet |

    </details>
    ");
}

#[test]
fn only_what_ran_and_passed_counts() {
    let negatives = seen(|name| name.contains('!').then_some(Status::Pass));
    assert_eq!(standing(&negatives, "top_k"), Standing::NegativeOnly);
    assert_eq!(standing(&negatives, "decoder.top_k"), Standing::NotRun);
    assert_eq!(standing(&negatives, "compile"), Standing::Refused);

    let one = seen(|name| (name == "x::top_k=100").then_some(Status::Pass));
    assert_eq!(standing(&one, "top_k"), Standing::Tested);
    assert_eq!(standing(&one, "mode"), Standing::NotRun);
    assert_eq!(standing(&one, "compile"), Standing::NotRun);

    let accepted = seen(|name| match name.contains("!compile") {
        true => Some(Status::Fail),
        false => Some(Status::Pass),
    });
    assert_eq!(standing(&accepted, "compile"), Standing::Failed);
    assert_eq!(accepted.totals.settable.of, 7, "a name that should be refused is not settable");

    let refused = seen(|name| match name.contains("!top_k=true") {
        true => Some(Status::Error),
        false => Some(Status::Pass),
    });
    assert_eq!(standing(&refused, "top_k"), Standing::Failed, "a refusal is a part of it");
}

/// What ended as is known of the engine was tried, and nothing of it is verified.
#[test]
fn what_ended_as_known_is_exercised_and_not_verified() {
    let mut records = run(|name| name.starts_with("x::mode=").then_some(Status::Pass));
    records.extend(run(|name| name.contains("top_k=").then_some(Status::Pass)));
    for record in &mut records {
        let negative = record.case.kind == Kind::Negative;
        let answer = match record.case.name.as_str() {
            "x::top_k=100" | "x::!top_k=true" => None,
            _ if negative => Some(Answer::Accepted),
            "x::mode=b" => Some(Answer::Failed),
            _ => Some(Answer::Ignored),
        };
        let Some(answer) = answer else { continue };
        record.verdict.answer = Some(answer);
        record.verdict.as_known = Some(answer.word().to_owned());
        record.verdict.effect = None;
    }
    let ledger = ledger(Some(&Evidence::new(&records, "x")));
    let shown = text(&ledger);
    let lines = shown.lines().filter(|line| line.contains("k ") || line.contains("mode "));
    let lines: Vec<&str> = lines.map(str::trim).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    top_k          tested         1 of 4 values passed, as known 3 ignored; 1 of 5 refusals passed, as known 3 accepted
    decoder.top_k  alias          of top_k; 0 of 1 value passed, as known 1 ignored
    mode           tested         0 of 1 value passed, as known 1 failed; 0 of 4 refusals passed
    ");
    assert_eq!(standing(&ledger, "mode"), Standing::Tested);
    let here = ledger.totals.here.unwrap();
    assert_eq!((here.declared, here.exercised, here.verified), (3, Some(3), Some(1)));
}

/// A condition that was checked takes a name out of what this machine can do, and out of nothing
/// else.
#[test]
fn what_lacks_a_package_is_no_matter_of_this_machine() {
    let skip = |name: &str| match name {
        "x::mode=b" => Some(Status::Skip),
        _ => Some(Status::Pass),
    };
    let ledger = seen(skip);
    assert_eq!(standing(&ledger, "mode"), Standing::Skipped);
    let totals = &ledger.totals;
    let of = |reach: Reach| (reach.of, reach.declared, reach.exercised.unwrap());
    assert_eq!(of(totals.settable), (7, 4, 3));
    assert_eq!(of(totals.one_device), (6, 3, 2));
    assert_eq!(of(totals.here.unwrap()), (5, 2, 2));
}

#[test]
fn each_gate_has_its_own_part_and_says_what_is_open() {
    let names = |rows: Vec<&Row>| {
        let names: Vec<&str> = rows.iter().map(|row| row.path.as_str()).collect();
        names.join(" ")
    };
    let declared = ledger(None);
    assert!(declared.declares(57.0) && !declared.declares(58.0), "4 of 7");
    assert_eq!(declared.totals.settable.declared_percent(), 57.1);
    assert_eq!(names(declared.undeclared().collect()), "fused late nonesuch");
    assert!(!declared.exercises(0.0), "without a run nothing is known of it");

    let ran = seen(|name| name.contains("top_k=").then_some(Status::Pass));
    assert!(ran.exercises(33.0) && !ran.exercises(34.0), "2 of 6");
    assert_eq!(ran.totals.here.unwrap().exercised_percent(), Some(33.3));
    assert_eq!(names(ran.unexercised().collect()), "mode fused late nonesuch");
    assert_eq!(ran.declares(57.0), declared.declares(57.0), "a run changes nothing of it");
}

#[test]
fn a_backend_that_is_off_covers_nothing() {
    let off = seen(|_| Some(Status::Skip));
    assert_eq!(standing(&off, "top_k"), Standing::NotRun);
    assert_eq!(standing(&off, "compile"), Standing::NotRun);
    assert_eq!(off.totals.accounted, 1, "the exclusion needs no run");
}

#[test]
fn the_last_attempt_counts() {
    let mut records = run(|_| Some(Status::Fail));
    records.extend(run(|_| Some(Status::Pass)).into_iter().map(|mut record| {
        record.attempt = 2;
        record
    }));
    for records in [records.clone(), records.into_iter().rev().collect()] {
        let ledger = ledger(Some(&Evidence::new(&records, "x")));
        assert_eq!(standing(&ledger, "top_k"), Standing::Tested);
    }
}

#[test]
fn the_records_of_other_backends_are_passed_over() {
    let mut records = run(|_| Some(Status::Pass));
    for record in &mut records {
        record.case.backend = "y".to_owned();
    }
    let ledger = ledger(Some(&Evidence::new(&records, "x")));
    assert_eq!(standing(&ledger, "top_k"), Standing::NotRun);
}

proptest! {
    /// Whatever a run did: every name stands in one place, the reaches lie in each other, and
    /// only a whole ledger reaches 100 %.
    #[test]
    fn the_sums_agree_with_the_rows(ends in prop::collection::vec(prop::option::of(
        prop::sample::select(vec![Status::Pass, Status::Fail, Status::Skip])), 64)) {
        let names: Vec<String> =
            table().cases(Selection::All).into_iter().map(|case| case.name).collect();
        let ledger = seen(|name| ends[names.iter().position(|one| one == name).unwrap() % 64]);
        let totals = &ledger.totals;
        prop_assert_eq!(totals.standings.values().sum::<usize>(), totals.names);
        prop_assert_eq!(totals.names - totals.accounted, ledger.open().count());
        let here = totals.here.unwrap();
        prop_assert!(here.of <= totals.one_device.of && totals.one_device.of <= totals.settable.of);
        for reach in [here, totals.one_device, totals.settable] {
            prop_assert!(reach.verified <= reach.exercised);
            prop_assert!(reach.exercised.unwrap() <= reach.declared && reach.declared <= reach.of);
        }
        prop_assert_eq!(ledger.reaches(100.0), ledger.open().next().is_none());
        prop_assert_eq!(totals.percent >= 100.0, ledger.reaches(100.0));
        prop_assert!(ledger.reaches(totals.percent));
    }
}
