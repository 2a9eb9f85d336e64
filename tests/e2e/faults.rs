//! Whatever a case does, the others are reported, what it wrote is kept, and junit.xml is valid.

use std::time::{Duration, Instant};

use quick_junit::{NonSuccessKind, TestCaseStatus};

use crate::support::Place;

const SCRIPT: &str = r#"
cases:
  a_fine: {steps: [{stdout: "fine\n"}]}
  b_segfault: {steps: [{stdout: "before the end\n"}, segfault]}
  c_abort: {steps: [{stderr: "before the end\n"}, abort]}
  d_exit: {steps: [{stdout: "before the end\n"}, {exit: 0}]}
  e_killed: {steps: [{stdout: "before the end\n"}, {signal: 9}]}
  f_panic: {steps: [{panic: "at the disco"}]}
  g_fail: {steps: [{fail: "no such kernel"}]}
  h_memory: {steps: [{out_of_memory: "80 GiB wanted"}]}
  i_hang: {steps: [{stdout: "before the end\n"}, hang]}
  j_closed: {steps: [{stdout: "before the end\n"}, close_descriptors]}
  k_refused: {steps: [{refuse: {rule: "must be something else"}}]}
  l_accepted: {kind: negative, steps: []}
  m_refused_well: {kind: negative, steps: [{refuse: {rule: "must be something else"}}]}
  n_load: {load: [{stdout: "before the end\n"}, abort]}
  o_skipped: {requirements: [{devices: 99}]}
  p_same: {relation: same_tokens, tokens: [1, 2, 3]}
  z_fine: {steps: [{stdout: "fine\n"}]}
"#;

#[test]
fn every_fault_is_reported_and_the_rest_go_on() {
    let place = Place::with_script(SCRIPT);
    let run = place.scripted(&["--silence-timeout", "2s"]).exits(101);
    let junit = place.junit();
    let expected = [
        ("a_fine", "", ""),
        ("b_segfault", "crash", "SIGSEGV"),
        ("c_abort", "crash", "SIGABRT"),
        ("d_exit", "crash", "exited with code 0"),
        ("e_killed", "crash", "SIGKILL"),
        ("f_panic", "backend", "at the disco"),
        ("g_fail", "backend", "no such kernel"),
        ("h_memory", "out-of-memory", "80 GiB wanted"),
        ("i_hang", "silence", "for 2 s in run"),
        ("j_closed", "", ""),
        ("k_refused", "refused", "must be something else"),
        ("n_load", "crash", "during load"),
        ("o_skipped", "", ""),
        ("p_same", "relation", "the tokens must not change"),
        ("z_fine", "", ""),
    ];
    for (name, kind, says) in expected {
        let failure = junit.failure(&format!("scripted::script={name}"));
        let (found, text) = failure.unwrap_or_default();
        assert_eq!(found, kind, "{name}: {text}\n{run:?}");
        assert!(text.contains(says), "{name}: {text}");
    }
    let (kind, text) = junit.failure("scripted::!script=l_accepted").unwrap();
    assert_eq!(kind, "refusal", "{text}");
    assert!(junit.failure("scripted::!script=m_refused_well").is_none(), "{run:?}");
    for name in ["b_segfault", "d_exit", "e_killed", "i_hang", "j_closed", "n_load"] {
        let case = junit.case(&format!("scripted::script={name}"));
        let out = case.system_out.as_ref().map(|text| text.as_str()).unwrap_or_default();
        assert_eq!(out.trim(), "before the end", "{name}");
    }
    let TestCaseStatus::Skipped { message, description, .. } =
        &junit.case("scripted::script=o_skipped").status
    else {
        panic!("o_skipped was not skipped\n{run:?}")
    };
    assert!(message.as_ref().is_some_and(|text| text.as_str().contains("99")), "{message:?}");
    assert_eq!(message, description, "some readers show one, some the other");
    // A broken backend is an error, a wrong output a failure.
    let kind_of = |name: &str| match &junit.case(name).status {
        TestCaseStatus::NonSuccess { kind, .. } => *kind,
        _ => panic!("{name} passed"),
    };
    assert_eq!(kind_of("scripted::script=b_segfault"), NonSuccessKind::Error);
    assert_eq!(kind_of("scripted::script=p_same"), NonSuccessKind::Failure);
    let suite = &junit.0.test_suites[0];
    assert_eq!((suite.tests, suite.skipped), (18, 1));
    for case in junit.cases() {
        assert_eq!(case.classname.as_ref().map(|name| name.as_str()), Some("wattest.scripted"));
        assert!(case.time.is_some(), "{}", case.name.as_str());
    }
}

#[test]
fn the_deadline_ends_a_case_that_keeps_talking() {
    let place = Place::with_script(
        "cases:\n  talks: {steps: [{stdout: {text: \"tick\\n\", repeat: 3}}, {sleep: 30}]}\n",
    );
    let begun = Instant::now();
    place.scripted(&["--timeout", "1s"]).exits(101).says("timeout: still in run after 1 s; killed");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn retries_tell_flaky_from_failed() {
    let place = Place::with_script("cases:\n  fails: {steps: [{fail: \"again\"}]}\n");
    place.scripted(&["--retries", "2"]).exits(101);
    let junit = place.junit();
    let TestCaseStatus::NonSuccess { reruns, .. } = &junit.case("scripted::script=fails").status
    else {
        panic!("it passed")
    };
    assert_eq!(reruns.runs.len(), 2);
    assert_eq!(place.json("out/report.json")["cases"][1]["attempts"], 3);
}

#[test]
fn no_case_is_started_after_the_failures_that_are_allowed() {
    let script = "cases:\n  a: {steps: [abort]}\n  b: {steps: [abort]}\n  c: {steps: []}\n";
    let place = Place::with_script(script);
    place.scripted(&["--fail-fast"]).exits(101).says("ignored (not run: after 1 failure)");
    assert_eq!(place.json("out/report.json")["summary"]["not_run"], 2);
    place.scripted(&["--max-fail", "2"]).exits(101).says("ignored (not run: after 2 failures)");
    place.scripted(&["--max-fail", "3"]).exits(101).says("test scripted::script=c  ... ok");
}

#[test]
fn rerun_failed_takes_what_failed_in_the_latest_run() {
    let place = Place::with_script(SCRIPT);
    place.scripted(&["--smoke", "a_fine", "g_fail", "--skip", "zzz"]).exits(101);
    place
        .wattest(&["test", "--backend", "scripted", "--script", "script.yaml", "--rerun-failed"])
        .exits(101)
        .says("running 1 test")
        .says("test scripted::script=g_fail ... FAILED");
}

#[test]
fn flooding_is_bounded_in_the_views() {
    let place =
        Place::with_script("cases:\n  floods: {steps: [{flood: 200000000}, {fail: \"x\"}]}\n");
    place.scripted(&[]).exits(101);
    let size = std::fs::metadata(place.path("out/junit.xml")).unwrap().len();
    assert!(size < 300_000, "junit.xml has {size} bytes");
}
