//! A worker that goes on to the next engine of its backend, and one that does not.

use std::time::Duration;

use wattest::backends::BackendError;
use wattest::record::{Outcome, Record};
use wattest::run::{Isolate, Supervisor};
use wattest::settings::Settings;

use crate::fixture::{Run, Test, stdout};

pub(crate) const TESTS: &[Test] = &[
    ("reuse::a_hundred_engines_in_one_process", a_hundred_engines_in_one_process),
    ("reuse::only_where_the_backend_says_so", only_where_the_backend_says_so),
    ("reuse::not_where_every_case_has_its_own", not_where_every_case_has_its_own),
    ("reuse::what_is_written_as_an_engine_goes", what_is_written_as_an_engine_goes),
    ("reuse::a_crash_as_an_engine_goes", a_crash_as_an_engine_goes),
    ("reuse::an_engine_that_does_not_go", an_engine_that_does_not_go),
    ("reuse::a_crash_takes_its_own_case_only", a_crash_takes_its_own_case_only),
    ("reuse::a_wedged_engine_is_killed", a_wedged_engine_is_killed),
    ("reuse::an_engine_that_fails_leaves_the_process", an_engine_that_fails_leaves_the_process),
    ("reuse::one_engine_at_a_time", one_engine_at_a_time),
    ("reuse::skipped_cases_need_no_process_each", skipped_cases_need_no_process_each),
];

/// Three cases with an engine each.
const THREE: &str = "\
cases:
  a: {load: [{stdout: \"a\\n\"}]}
  b: {load: [{stdout: \"b\\n\"}]}
  c: {load: [{stdout: \"c\\n\"}]}
";

fn keeps(script: &str) -> Run {
    Run::new(&format!("keeps_process: true\n{script}"))
}

#[track_caller]
fn all_completed(records: &[Record]) {
    for record in records {
        assert_eq!(record.outcome, Outcome::Completed, "{}", record.case.name);
        assert_eq!(record.aftermath, None, "{}", record.case.name);
    }
}

fn a_hundred_engines_in_one_process() {
    let cases: String =
        (0..100).map(|n| format!("  c{n}: {{load: [{{stdout: \"load {n}\\n\"}}]}}\n")).collect();
    let run = keeps(&format!("cases:\n{cases}"));
    let names: Vec<String> = (0..100).map(|n| format!("c{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (records, workers) = run.run_counted(run.options(), &names);
    assert_eq!(workers, 1);
    all_completed(&records);
    let groups: std::collections::HashSet<_> = records.iter().map(|one| &one.group).collect();
    assert_eq!(groups.len(), 100);
    for (n, record) in records.iter().enumerate() {
        assert_eq!(run.text(stdout, record), format!("load {n}\n"));
        assert_eq!(record.captured.stdout.stray_bytes, 0);
        // All are compared with the same output of the same other engine: it is made once.
        assert_eq!(record.phases_s.contains_key("reference"), n == 0, "{n}");
    }
}

fn only_where_the_backend_says_so() {
    let run = Run::new(THREE);
    let (records, workers) = run.run_counted(run.options(), &["a", "b", "c"]);
    assert_eq!(workers, 3);
    all_completed(&records);

    let run = keeps(&THREE.replace("b\\n\"}]", "b\\n\"}], steps: [unfit]"));
    let (records, workers) = run.run_counted(run.options(), &["a", "b", "c"]);
    assert_eq!(workers, 2, "a and b share one, and c has its own");
    all_completed(&records);
}

fn not_where_every_case_has_its_own() {
    let run = keeps(THREE);
    let mut options = run.options();
    options.isolate = Isolate::Case;
    let (records, workers) = run.run_counted(options, &["a", "b", "c"]);
    assert_eq!(workers, 3);
    all_completed(&records);
}

fn what_is_written_as_an_engine_goes() {
    let run = keeps("cases:\n  a: {load: [{late: \"a goes\\n\"}]}\n  b: {load: [{stdout: b}]}\n");
    let (records, workers) = run.run_counted(run.options(), &["a", "b"]);
    assert_eq!(workers, 1);
    all_completed(&records);
    assert_eq!(run.text(stdout, &records[0]), "a goes\n");
    assert_eq!(records[0].captured.stdout.stray_bytes, 7);
    assert_eq!(run.text(stdout, &records[1]), "b");
    assert_eq!(records[1].captured.stdout.stray_bytes, 0);
}

fn a_crash_as_an_engine_goes() {
    let run = keeps(
        "cases:\n  a: {load: [{late: \"bye\\n\"}, {exit_late: 7}]}\n  b: {load: [sleep: 0]}\n",
    );
    let (records, workers) = run.run_counted(run.options(), &["a", "b"]);
    assert_eq!(workers, 2);
    assert_eq!(records[0].outcome, Outcome::Completed);
    let aftermath = records[0].aftermath.as_deref();
    assert_eq!(aftermath, Some("asked to drop its engine, it exited with code 7"));
    assert_eq!(run.text(stdout, &records[0]), "bye\n");
    all_completed(&records[1..]);
}

fn an_engine_that_does_not_go() {
    let run = keeps(
        "cases:\n  a: {load: [{late_on: {pipe: '{run}/pipe', done: '{run}/done', prints: x}}]}\n  \
         b: {load: [sleep: 0]}\n",
    );
    let pipe = run.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut options = run.options();
    options.timeout = Duration::from_secs(2);
    let (records, workers) = run.run_counted(options, &["a", "b"]);
    assert_eq!(workers, 2);
    assert_eq!(records[0].outcome, Outcome::Completed);
    let aftermath = records[0].aftermath.as_deref();
    assert_eq!(aftermath, Some("asked to drop its engine, it did not within 2s; killed"));
    all_completed(&records[1..]);
}

fn a_crash_takes_its_own_case_only() {
    let run = keeps(
        "cases:\n  a: {load: [{stdout: a}]}\n  b: {load: [{stdout: b}, abort]}\n  \
         c: {load: [{stdout: c}]}\n  d: {load: [{stdout: d}]}\n",
    );
    let (records, workers) = run.run_counted(run.options(), &["a", "b", "c", "d"]);
    assert_eq!(workers, 2, "one for a and b, one for c and d");
    let died = Outcome::Died { code: None, signal: Some(6), during: "load".to_owned() };
    assert_eq!(records[1].outcome, died);
    for (record, text) in records.iter().zip(["a", "b", "c", "d"]) {
        assert_eq!(run.text(stdout, record), text);
    }
    all_completed(&[&records[..1], &records[2..]].concat());
}

fn a_wedged_engine_is_killed() {
    let run = keeps(
        "cases:\n  a: {load: [{stdout: a}]}\n  b: {load: [{stdout: b}], steps: [hang]}\n  \
         c: {load: [{stdout: c}]}\n",
    );
    let mut options = run.options();
    options.silence = Duration::from_secs(1);
    let (records, workers) = run.run_counted(options, &["a", "b", "c"]);
    assert_eq!(workers, 2);
    assert_eq!(records[1].outcome, Outcome::Silent { limit_s: 1.0, during: "run".to_owned() });
    assert_eq!(run.text(stdout, &records[1]), "b");
    all_completed(&[&records[..1], &records[2..]].concat());
}

/// It is the backend that says whether a failure leaves anything behind.
fn an_engine_that_fails_leaves_the_process() {
    let run = keeps("cases:\n  a: {load: [{fail: no good}]}\n  b: {load: [{stdout: b}]}\n");
    let (records, workers) = run.run_counted(run.options(), &["a", "b"]);
    assert_eq!(workers, 1);
    assert!(matches!(records[0].outcome, Outcome::Errored { .. }), "{:?}", records[0].outcome);
    all_completed(&records[1..]);
}

/// A case that is compared with an output of another engine than its own, which is loaded: that
/// one goes, and comes again.
fn one_engine_at_a_time() {
    for one_engine in [true, false] {
        let run =
            keeps(&format!("one_engine: {one_engine}\n{}", THREE.replace("}]", "}], tokens: [1]")));
        let mut supervisor = Supervisor::new(run.options());
        let first = supervisor.run(run.case("a"), 1);
        let mut second = run.case("a").clone();
        second.reference = [("script", "b")].into_iter().collect::<Settings>();
        let second = supervisor.run(&second, 2);
        let third = supervisor.run(run.case("c"), 1);
        assert!(supervisor.take_late().is_none() && supervisor.finish().is_none());
        all_completed(&[first, second.clone(), third]);
        assert_eq!(second.reference.as_ref().unwrap().effective.get("script").unwrap(), "b");
        assert_eq!(second.output.as_ref().unwrap().effective.get("script").unwrap(), "a");
        let loaded = if one_engine { "b\na\n" } else { "b\n" };
        assert_eq!(run.text(stdout, &second), loaded);
        assert_eq!(second.phases_s.contains_key("load"), one_engine);
    }
    // That the script tells a second engine is what makes this a test.
    let run = keeps("one_engine: true\ncases: {a: {load: [sleep: 0]}, b: {load: [sleep: 0]}}\n");
    let backend = wattest::backends::find("scripted", &run.options().backends).unwrap();
    let load = |name: &str| backend.load(run.path(), &[("script", name)].into_iter().collect());
    let _first = load("a").unwrap();
    assert!(matches!(load("b"), Err(BackendError::Failed(_))));
}

fn skipped_cases_need_no_process_each() {
    let run = Run::new(&THREE.replace("\\n\"}]", "\\n\"}], requirements: [{devices: 99}]"));
    let (records, workers) = run.run_counted(run.options(), &["a", "b", "c"]);
    assert_eq!(workers, 1);
    for record in records {
        assert!(matches!(record.outcome, Outcome::Skipped { .. }), "{:?}", record.outcome);
    }
}
