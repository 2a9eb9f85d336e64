//! Every outcome, kind, relation and effect, as tables.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};

use super::sample::{finding, generation, record};
use super::*;
use crate::backends::BackendError;
use crate::issues::Book;
use crate::record::{Comparison, Outcome, Record};
use crate::refusal::Refusal;
use crate::schema::{Answer, Kind, KnownAnswer, Relation};
use crate::settings::Value;

fn mode(smoke: bool) -> Mode {
    let engine_versions = BTreeMap::new();
    Mode { smoke, today: date(2026, 2, 1), engine_versions, gpu: None, energy: None }
}

fn judged(record: &Record) -> Verdict {
    judge(record, &Book::empty(), &mode(false))
}

fn smoked(record: &Record) -> Verdict {
    judge(record, &Book::empty(), &mode(true))
}

fn refused(parameter: &str) -> BackendError {
    BackendError::Refused(Refusal::new(parameter, 2, "at least 3"))
}

fn outcomes() -> Vec<(&'static str, Outcome)> {
    let errored = |error, during: &str| Outcome::Errored { error, during: during.to_owned() };
    let during = || "run".to_owned();
    vec![
        ("completed", Outcome::Completed),
        ("refused", errored(refused("knob"), "run")),
        ("refused, other name", errored(refused("other"), "run")),
        ("refused in reference", errored(refused("knob"), "reference")),
        ("model", errored(BackendError::Model("no tensor `x`".into()), "load")),
        (
            "unavailable",
            errored(
                BackendError::Unavailable { reason: "off".into(), remedy: "turn it on".into() },
                "load",
            ),
        ),
        ("out of memory", errored(BackendError::OutOfMemory("80 GiB".into()), "run")),
        ("failed", errored(BackendError::Failed("kernel".into()), "run")),
        ("exited", Outcome::Died { code: Some(3), signal: None, during: during() }),
        ("signalled", Outcome::Died { code: None, signal: Some(6), during: during() }),
        ("unknown signal", Outcome::Died { code: None, signal: Some(42), during: during() }),
        ("killed", Outcome::Died { code: None, signal: Some(9), during: during() }),
        ("timed out", Outcome::TimedOut { limit_s: 1.5, during: during() }),
        ("silent", Outcome::Silent { limit_s: 2.0, during: during() }),
        ("skipped", Outcome::Skipped { reason: "needs 2 GPUs, found 0".into() }),
        ("broken", Outcome::Broken { reason: "no worker".into() }),
    ]
}

/// One line per outcome: status, kind, cause.
fn table(kind: Kind) -> String {
    let mut lines = String::new();
    for (name, outcome) in outcomes() {
        let mut record = record(Relation::None, &[5, 6], &[5, 7]);
        record.case.kind = kind;
        if outcome != Outcome::Completed {
            record.output = None;
        }
        record.outcome = outcome;
        let verdict = judged(&record);
        assert_eq!(verdict, smoked(&record), "{name}: the outcome does not depend on the mode");
        let word = verdict.status.word();
        lines.push_str(format!("{name}: {word} {}: {}", verdict.kind, verdict.cause).trim_end());
        lines.push('\n');
    }
    lines
}

#[test]
fn outcomes_of_a_valid_value() {
    insta::assert_snapshot!(table(Kind::Valid), @r"
    completed: pass :
    refused: fail refused: knob = 2 is refused: at least 3
    refused, other name: fail refused: other = 2 is refused: at least 3
    refused in reference: error reference: the reference could not be generated: knob = 2 is refused: at least 3
    model: error model: no tensor `x`
    unavailable: skip requirement: off; turn it on
    out of memory: error out-of-memory: out of memory: 80 GiB during run
    failed: error backend: run failed: kernel
    exited: error crash: the worker exited with code 3 during run
    signalled: error crash: the worker was ended by SIGABRT during run
    unknown signal: error crash: the worker was ended by signal 42 during run
    killed: error crash: the worker was killed by SIGKILL (the kernel does so when memory is out: see dmesg) during run
    timed out: error timeout: still in run after 1.5 s; killed (see --timeout)
    silent: error silence: no output and no report for 2 s in run; killed (see --silence-timeout)
    skipped: skip requirement: needs 2 GPUs, found 0
    broken: error harness: no worker
    ");
}

#[test]
fn outcomes_of_a_negative_value() {
    insta::assert_snapshot!(table(Kind::Negative), @r"
    completed: fail refusal: knob = 2 was accepted; it must be refused
    refused: pass :
    refused, other name: fail refusal: knob = 2 was refused, but the refusal names `other`: other = 2 is refused: at least 3
    refused in reference: error reference: the reference could not be generated: knob = 2 is refused: at least 3
    model: fail refusal: knob = 2 failed in load instead of being refused: no tensor `x`
    unavailable: skip requirement: off; turn it on
    out of memory: fail refusal: knob = 2 failed in run instead of being refused: out of memory: 80 GiB
    failed: fail refusal: knob = 2 failed in run instead of being refused: kernel
    exited: error crash: the worker exited with code 3 during run
    signalled: error crash: the worker was ended by SIGABRT during run
    unknown signal: error crash: the worker was ended by signal 42 during run
    killed: error crash: the worker was killed by SIGKILL (the kernel does so when memory is out: see dmesg) during run
    timed out: error timeout: still in run after 1.5 s; killed (see --timeout)
    silent: error silence: no output and no report for 2 s in run; killed (see --silence-timeout)
    skipped: skip requirement: needs 2 GPUs, found 0
    broken: error harness: no worker
    ");
}

#[test]
fn a_baseline_has_no_effect_to_judge() {
    let mut record = record(Relation::None, &[5], &[5]);
    record.case.kind = Kind::Baseline;
    record.case.parameter = None;
    record.reference = None;
    let verdict = smoked(&record);
    assert_eq!((verdict.status, verdict.effect), (Status::Pass, None));
}

#[test]
fn a_load_parameter_must_be_refused_before_loading() {
    let mut record = record(Relation::None, &[], &[]);
    record.case.kind = Kind::Negative;
    record.case.load_paths = vec!["knob".to_owned()];
    record.output = None;
    for (during, status) in [("load", Status::Pass), ("run", Status::Fail)] {
        record.outcome = Outcome::Errored { error: refused("knob"), during: during.to_owned() };
        assert_eq!(judged(&record).status, status, "{during}");
    }
}

#[test]
fn a_misspelt_name_is_named_as_it_was_spelt() {
    let mut record = record(Relation::None, &[], &[]);
    record.case.kind = Kind::Negative;
    record.case.settings = [("knbo", 2)].into_iter().collect();
    record.output = None;
    record.outcome = Outcome::Errored { error: refused("knbo"), during: "run".to_owned() };
    assert_eq!(judged(&record).status, Status::Pass);
}

#[test]
fn relations() {
    let relations = [
        ("same", Relation::SameTokens),
        ("equals", Relation::Equals("candle::x=1".to_owned())),
        ("limits", Relation::Limits),
        ("changes", Relation::Changes),
        ("none", Relation::None),
    ];
    let outputs: [(&str, &[u32]); 5] = [
        ("equal", &[5, 6, 7]),
        ("shorter", &[5, 6]),
        ("longer", &[5, 6, 7, 8]),
        ("other", &[5, 9, 7]),
        ("empty", &[]),
    ];
    let mut lines = String::new();
    for (name, relation) in relations {
        for (what, output) in outputs {
            let verdict = judged(&record(relation.clone(), output, &[5, 6, 7]));
            let line = format!("{name}, {what}: {} {}", verdict.status.word(), verdict.cause);
            lines.push_str(line.trim_end());
            lines.push('\n');
        }
    }
    insta::assert_snapshot!(lines, @r"
    same, equal: pass
    same, shorter: fail the tokens must not change, but row 0 has 2 tokens where the reference has 3
    same, longer: fail the tokens must not change, but row 0 has 4 tokens where the reference has 3
    same, other: fail the tokens must not change, but row 0 has token 9 at step 1 where the reference has 6
    same, empty: fail nothing was generated: every row is empty
    equals, equal: pass
    equals, shorter: fail the tokens must be those of candle::x=1, but row 0 has 2 tokens where the reference has 3
    equals, longer: fail the tokens must be those of candle::x=1, but row 0 has 4 tokens where the reference has 3
    equals, other: fail the tokens must be those of candle::x=1, but row 0 has token 9 at step 1 where the reference has 6
    equals, empty: fail nothing was generated: every row is empty
    limits, equal: fail no row is shorter than without the limit
    limits, shorter: pass
    limits, longer: fail the output must be a beginning of the reference, but row 0 has 4 tokens where the reference has 3
    limits, other: fail the output must be a beginning of the reference, but row 0 has token 9 at step 1 where the reference has 6
    limits, empty: pass
    changes, equal: pass
    changes, shorter: pass
    changes, longer: pass
    changes, other: pass
    changes, empty: fail nothing was generated: every row is empty
    none, equal: pass
    none, shorter: pass
    none, longer: pass
    none, other: pass
    none, empty: fail nothing was generated: every row is empty
    ");
}

#[test]
fn rows_must_be_as_many_as_in_the_reference() {
    let mut record = record(Relation::SameTokens, &[5], &[5]);
    let row = generation(&[5]).prompts[0].rows[0].clone();
    record.output.as_mut().unwrap().prompts[0].rows.push(row);
    let (output, reference) = (record.output.as_ref(), record.reference.as_ref());
    record.comparison = Some(Comparison::between(output.unwrap(), reference.unwrap()));
    let verdict = judged(&record);
    assert_eq!(verdict.kind, "relation");
    assert!(verdict.cause.ends_with("there are 2 rows where the reference has 1"), "{verdict:?}");
}

#[test]
fn a_relation_without_a_reference_does_not_hold() {
    let mut record = record(Relation::SameTokens, &[5], &[5]);
    record.reference = None;
    record.comparison = None;
    assert_eq!(judged(&record).kind, "relation");
}

/// The effect by what is read back (asked for is 2) and by what was generated.
#[test]
fn effects() {
    let readbacks = [
        ("none", None, None),
        ("2", Some(2), Some(1)),
        ("reference's", Some(1), Some(1)),
        ("other", Some(3), Some(1)),
    ];
    let mut lines = String::new();
    for (name, relation) in [
        ("same", Relation::SameTokens),
        ("limits", Relation::Limits),
        ("changes", Relation::Changes),
        ("none", Relation::None),
    ] {
        for (read, value, reference) in readbacks {
            for (what, output) in [("equal", &[5, 6][..]), ("shorter", &[5]), ("other", &[7, 6])] {
                let mut record = record(relation.clone(), output, &[5, 6]);
                let set = |generation: &mut Option<crate::backends::Generation>,
                           value: Option<i32>| {
                    if let (Some(generation), Some(value)) = (generation.as_mut(), value) {
                        generation.effective.set("knob", value);
                    }
                };
                set(&mut record.output, value);
                set(&mut record.reference, reference);
                let verdict = smoked(&record);
                lines.push_str(&format!(
                    "{name}, read {read}, {what}: {} {} ({})\n",
                    verdict.status.word(),
                    verdict.effect.unwrap().word(),
                    verdict.kind,
                ));
            }
        }
    }
    insta::assert_snapshot!(lines, @r"
    same, read none, equal: pass unverified ()
    same, read none, shorter: fail unverified (relation)
    same, read none, other: fail unverified (relation)
    same, read 2, equal: pass verified ()
    same, read 2, shorter: fail unverified (relation)
    same, read 2, other: fail unverified (relation)
    same, read reference's, equal: fail ignored (effect)
    same, read reference's, shorter: fail ignored (relation)
    same, read reference's, other: fail ignored (relation)
    same, read other, equal: pass normalised ()
    same, read other, shorter: fail normalised (relation)
    same, read other, other: fail normalised (relation)
    limits, read none, equal: fail unverified (relation)
    limits, read none, shorter: pass verified ()
    limits, read none, other: fail unverified (relation)
    limits, read 2, equal: fail unverified (relation)
    limits, read 2, shorter: pass verified ()
    limits, read 2, other: fail unverified (relation)
    limits, read reference's, equal: fail ignored (relation)
    limits, read reference's, shorter: fail ignored (effect)
    limits, read reference's, other: fail ignored (relation)
    limits, read other, equal: fail normalised (relation)
    limits, read other, shorter: pass normalised ()
    limits, read other, other: fail normalised (relation)
    changes, read none, equal: fail no_effect (effect)
    changes, read none, shorter: pass verified ()
    changes, read none, other: pass verified ()
    changes, read 2, equal: fail no_effect (effect)
    changes, read 2, shorter: pass verified ()
    changes, read 2, other: pass verified ()
    changes, read reference's, equal: fail ignored (effect)
    changes, read reference's, shorter: fail ignored (effect)
    changes, read reference's, other: fail ignored (effect)
    changes, read other, equal: pass normalised ()
    changes, read other, shorter: pass normalised ()
    changes, read other, other: pass normalised ()
    none, read none, equal: pass unverified ()
    none, read none, shorter: pass verified ()
    none, read none, other: pass verified ()
    none, read 2, equal: pass verified ()
    none, read 2, shorter: pass verified ()
    none, read 2, other: pass verified ()
    none, read reference's, equal: fail ignored (effect)
    none, read reference's, shorter: fail ignored (effect)
    none, read reference's, other: fail ignored (effect)
    none, read other, equal: pass normalised ()
    none, read other, shorter: pass normalised ()
    none, read other, other: pass normalised ()
    ");
}

#[test]
fn other_scores_are_a_change_where_the_tokens_are_the_same() {
    let mut record = record(Relation::Changes, &[5, 6], &[5, 6]);
    assert_eq!(smoked(&record).effect, Some(Effect::NoEffect));
    record.comparison = Some(Comparison { scores_differ: Some(true), ..Comparison::default() });
    let verdict = smoked(&record);
    assert_eq!((verdict.status, verdict.effect), (Status::Pass, Some(Effect::Verified)));
    assert_eq!(verdict.evidence, "not read back; the same tokens, other scores");
}

#[test]
fn the_resolved_value_is_what_is_read_back() {
    let mut record = record(Relation::Changes, &[9], &[5]);
    record.case.settings.set("knob", "@token.1");
    record.case.value = Some(Value::from("@token.1"));
    record.resolved = Some([("knob", 17)].into_iter().collect());
    record.output.as_mut().unwrap().effective.set("knob", 17);
    assert_eq!(judged(&record).effect, Some(Effect::Verified));
}

#[test]
fn a_crash_after_the_end_fails_the_case() {
    let mut record = record(Relation::None, &[5], &[5]);
    record.aftermath = Some("asked to end, it ended by signal 11".to_owned());
    let verdict = judged(&record);
    assert_eq!((verdict.status, verdict.kind.as_str()), (Status::Fail, "aftermath"));
}

const BOOK: &str = "\
KNOWN:
  pattern: old warning
  description: Looked after.
  status: wontfix
  created: 2026-01-01
  expires: 2026-01-31
  examples: [an old warning]
";

fn book() -> Book {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("issues.yaml");
    std::fs::write(&file, BOOK).unwrap();
    Book::load(&file).unwrap()
}

#[test]
fn findings_by_mode_and_day() {
    let mut record = record(Relation::None, &[5], &[5]);
    record.findings = vec![finding("an old warning"), finding("a new warning")];
    let on = |smoke, today: Date| judge(&record, &book(), &Mode { today, ..mode(smoke) });
    let lenient = on(false, date(2026, 1, 15));
    assert_eq!(lenient.status, Status::Pass);
    assert_eq!(lenient.known, [("KNOWN".to_owned(), 2)]);
    assert_eq!(lenient.unknown, [1]);
    let smoke = on(true, date(2026, 1, 15));
    assert_eq!(
        (smoke.kind.as_str(), smoke.cause.as_str()),
        ("unknown-issue", "1 unknown issue: a new warning")
    );
    let expired = on(true, date(2026, 2, 1));
    assert_eq!(expired.kind, "unknown-issue");
    assert_eq!(expired.further.len(), 1, "{expired:?}");
    record.findings.pop();
    let expired = judge(&record, &book(), &mode(true));
    assert_eq!((expired.kind.as_str(), expired.blame), ("expired-issue", Some(1)));
}

#[test]
fn findings_that_were_not_kept_are_unknown() {
    let mut record = record(Relation::None, &[5], &[5]);
    record.findings_dropped = 4;
    let verdict = smoked(&record);
    assert_eq!(verdict.kind, "unknown-issue");
    assert_eq!(verdict.cause, "4 findings beyond the bound on distinct ones");
}

#[test]
fn the_relation_weighs_more_than_a_warning() {
    let mut record = record(Relation::SameTokens, &[5], &[6]);
    record.findings = vec![finding("a new warning")];
    let verdict = smoked(&record);
    assert_eq!(verdict.kind, "relation");
    assert_eq!(verdict.further, ["1 unknown issue: a new warning"]);
}

fn known(answer: Answer, because: Option<&str>) -> Option<KnownAnswer> {
    Some(KnownAnswer { answer, because: because.map(str::to_owned) })
}

/// Every outcome of a negative value: the answer to it, and the verdict where one is known.
#[test]
fn answers_to_a_negative_value() {
    let mut lines = String::new();
    for (name, outcome) in outcomes() {
        let mut record = record(Relation::None, &[5, 6], &[5, 7]);
        record.case.kind = Kind::Negative;
        if outcome != Outcome::Completed {
            record.output = None;
        }
        record.outcome = outcome;
        let word = judged(&record).answer.map_or("-", Answer::word);
        let passes = Answer::ALL.into_iter().filter(|answer| {
            record.case.known = known(*answer, None);
            let verdict = judged(&record);
            assert_eq!(verdict.as_known.is_some(), verdict.status == Status::Pass, "{name}");
            verdict.status == Status::Pass
        });
        let passes: Vec<_> = passes.map(Answer::word).collect();
        lines.push_str(&format!("{name}: {word}; passes as {}\n", passes.join(", ")));
    }
    insta::assert_snapshot!(lines, @"
    completed: accepted; passes as accepted
    refused: refused; passes as refused
    refused, other name: unclear; passes as unclear
    refused in reference: -; passes as 
    model: late; passes as late
    unavailable: -; passes as 
    out of memory: late; passes as late
    failed: late; passes as late
    exited: died; passes as died
    signalled: died; passes as died
    unknown signal: died; passes as died
    killed: died; passes as died
    timed out: timed_out; passes as timed_out
    silent: timed_out; passes as timed_out
    skipped: -; passes as 
    broken: -; passes as
    ");
}

#[test]
fn a_known_answer_passes_and_says_so() {
    let mut record = record(Relation::None, &[5], &[5]);
    record.case.kind = Kind::Negative;
    record.case.known = known(Answer::Accepted, Some("it is clamped to 3"));
    for verdict in [judged(&record), smoked(&record)] {
        assert_eq!((verdict.status, verdict.cause.as_str()), (Status::Pass, ""));
        assert_eq!(verdict.as_known.as_deref(), Some("accepted: it is clamped to 3"));
    }
    record.case.known = known(Answer::Accepted, None);
    insta::assert_snapshot!(
        judged(&record).as_known.unwrap(),
        @"accepted: knob = 2 was accepted; it must be refused"
    );
    // It excuses the answer and nothing else.
    record.findings = vec![finding("a new warning")];
    assert_eq!(judged(&record).status, Status::Pass);
    assert_eq!(smoked(&record).kind, "unknown-issue");
    record.aftermath = Some("asked to end, it ended by signal 11".to_owned());
    assert_eq!(judged(&record).kind, "aftermath");
}

#[test]
fn an_entry_that_no_longer_holds_fails() {
    let cause = |record: &Record| {
        let verdict = smoked(record);
        assert_eq!(verdict.as_known, None);
        format!("{} {}: {}", verdict.status.word(), verdict.kind, verdict.cause)
    };
    let mut negative = record(Relation::None, &[], &[]);
    negative.case.kind = Kind::Negative;
    negative.output = None;
    negative.case.known = known(Answer::Accepted, None);
    let refused = |name| Outcome::Errored { error: refused(name), during: "run".to_owned() };
    negative.outcome = refused("knob");
    insta::assert_snapshot!(cause(&negative), @"fail known-answer: `known` says accepted, but it was refused clearly; take the entry of `known` away, or correct it");
    negative.outcome = refused("");
    insta::assert_snapshot!(cause(&negative), @"fail refusal: knob = 2 was refused, but the refusal names no parameter: at least 3; `known` says accepted: take that entry away, or correct it");
    negative.outcome = Outcome::Died { code: None, signal: Some(11), during: "run".to_owned() };
    insta::assert_snapshot!(cause(&negative), @"error crash: the worker was ended by SIGSEGV during run; `known` says accepted: take that entry away, or correct it");
    negative.outcome = Outcome::Broken { reason: "no worker".to_owned() };
    insta::assert_snapshot!(cause(&negative), @"error harness: no worker");

    let mut valid = record(Relation::Changes, &[5], &[6]);
    valid.case.known = known(Answer::Ignored, Some("it is not passed on"));
    insta::assert_snapshot!(cause(&valid), @"fail known-answer: `known` says ignored, but nothing is wrong with it; take the entry of `known` away, or correct it");
}

/// The effect verdicts that may be known, and what follows from them.
#[test]
fn known_effects() {
    let with = |relation: Relation, output: &[u32], read: i32, answer| {
        let mut record = record(relation, output, &[5, 6]);
        record.output.as_mut().unwrap().effective.set("knob", read);
        record.reference.as_mut().unwrap().effective.set("knob", 1);
        record.case.known = known(answer, Some("so it is"));
        let verdict = smoked(&record);
        assert_eq!(verdict.status, judged(&record).status, "known answers hold in any mode");
        let (as_known, cause) = (verdict.as_known.unwrap_or_default(), verdict.cause);
        format!("{}: {as_known}{cause}", verdict.status.word())
    };
    let same = &[5, 6][..];
    insta::assert_snapshot!(with(Relation::Changes, same, 1, Answer::Ignored), @"pass: ignored: so it is");
    insta::assert_snapshot!(with(Relation::Changes, same, 2, Answer::NoEffect), @"pass: no_effect: so it is");
    insta::assert_snapshot!(with(Relation::Changes, same, 3, Answer::Normalised), @"pass: normalised: so it is");
    // A limit that is not in force shortens nothing.
    insta::assert_snapshot!(with(Relation::Limits, same, 1, Answer::Ignored), @"pass: ignored: so it is");
    insta::assert_snapshot!(with(Relation::Limits, same, 2, Answer::NoEffect), @"pass: no_effect: so it is");
    // What must hold whatever the engine uses is not excused.
    insta::assert_snapshot!(with(Relation::SameTokens, &[7, 6], 1, Answer::Ignored), @"fail: ignored: so it isthe tokens must not change, but row 0 has token 7 at step 0 where the reference has 5");
    insta::assert_snapshot!(with(Relation::Changes, same, 1, Answer::NoEffect), @"fail: `known` says no_effect, but ignored; take the entry of `known` away, or correct it");
    insta::assert_snapshot!(with(Relation::Changes, &[7, 6], 2, Answer::NoEffect), @"fail: `known` says no_effect, but nothing is wrong with it; take the entry of `known` away, or correct it");
}
