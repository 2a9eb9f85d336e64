//! Cases that end the process they run in.

use std::time::Duration;

use wattest::backends::BackendError;
use wattest::record::Outcome;
use wattest::run::{Isolate, WorkerCommand};

use crate::fixture::{Run, Test, stderr, stdout};

pub(crate) const TESTS: &[Test] = &[
    ("deaths::all_are_told_apart_and_others_run", all_are_told_apart_and_others_run),
    ("deaths::while_loading", while_loading),
    ("deaths::exit_0_is_no_success", exit_0_is_no_success),
    ("deaths::deadline", deadline),
    ("deaths::silence", silence),
    ("deaths::deadline_though_it_writes", deadline_though_it_writes),
    ("deaths::panic_is_an_error_with_its_place", panic_is_an_error_with_its_place),
    ("deaths::after_the_end", after_the_end),
    ("deaths::no_worker_can_be_started", no_worker_can_be_started),
    ("deaths::program_that_is_no_worker", program_that_is_no_worker),
];

fn died(code: Option<i32>, signal: Option<i32>, during: &str) -> Outcome {
    Outcome::Died { code, signal, during: during.to_owned() }
}

fn all_are_told_apart_and_others_run() {
    let run = Run::new(
        r#"
cases:
  fine: {steps: [{stdout: "fine\n"}]}
  aborts: {steps: [{stdout: "before abort\n"}, abort]}
  segfaults: {steps: [{stderr: "before segfault"}, segfault]}
  exits: {steps: [{stdout: "before exit\n"}, {exit: 3}]}
  killed: {steps: [{stdout: "before kill\n"}, {signal: 9}]}
  fails: {steps: [{fail: no good}]}
  starves: {steps: [{out_of_memory: 5 GiB wanted}]}
  refuses: {kind: negative, steps: [{refuse: {rule: must be better}}]}
"#,
    );
    let names = [
        "fine",
        "aborts",
        "fine",
        "segfaults",
        "exits",
        "killed",
        "fails",
        "fine",
        "starves",
        "refuses",
        "fine",
    ];
    let records = run.run(&names);
    assert_eq!(records.len(), names.len());
    for record in &records {
        let name = record.case.value.as_ref().unwrap().as_str().unwrap();
        let out = run.text(stdout, record);
        let failed = |error| Outcome::Errored { error, during: "run".to_owned() };
        let (outcome, text) = match name {
            "fine" => (Outcome::Completed, "fine\n"),
            "aborts" => (died(None, Some(6), "run"), "before abort\n"),
            "segfaults" => (died(None, Some(11), "run"), ""),
            "exits" => (died(Some(3), None, "run"), "before exit\n"),
            "killed" => (died(None, Some(9), "run"), "before kill\n"),
            "fails" => (failed(BackendError::Failed("no good".into())), ""),
            "starves" => (failed(BackendError::OutOfMemory("5 GiB wanted".into())), ""),
            "refuses" => {
                assert!(matches!(
                    &record.outcome,
                    Outcome::Errored { error: BackendError::Refused(_), .. }
                ));
                continue;
            }
            other => panic!("{other}"),
        };
        assert_eq!((&record.outcome, out.as_str()), (&outcome, text), "{name}");
        assert_eq!(record.output.is_some(), outcome == Outcome::Completed);
        assert_eq!(record.aftermath, None, "{name}");
    }
    assert_eq!(run.text(stderr, &records[3]), "before segfault");
}

fn while_loading() {
    let run = Run::new(
        r#"
cases:
  crashes: {load: [{stderr: "loading\n"}, abort]}
  refuses: {kind: negative, load: [{refuse: {rule: must be better}}]}
  fine: {steps: []}
"#,
    );
    let records = run.run(&["crashes", "refuses", "fine"]);
    assert_eq!(records[0].outcome, died(None, Some(6), "load"));
    assert_eq!(run.text(stderr, &records[0]), "loading\n");
    // Its reference ran on another engine, before.
    assert!(records[0].phases_s.contains_key("reference"), "{:?}", records[0].phases_s);
    assert!(
        matches!(&records[1].outcome, Outcome::Errored { during, .. } if during == "load"),
        "{:?}",
        records[1].outcome
    );
    assert!(!records[1].phases_s.contains_key("run"));
    assert_eq!(records[2].outcome, Outcome::Completed);
    let groups: std::collections::HashSet<_> = records.iter().map(|one| &one.group).collect();
    assert_eq!(groups.len(), 3);
}

fn exit_0_is_no_success() {
    let run = Run::new("cases:\n  exits: {steps: [{exit: 0}]}\n");
    assert_eq!(run.run(&["exits"])[0].outcome, died(Some(0), None, "run"));
}

fn deadline() {
    let run = Run::new("cases:\n  hangs: {steps: [{stdout: here}, hang]}\n  fine: {}\n");
    let mut options = run.options();
    options.timeout = Duration::from_millis(300);
    let records = run.run_with(options, &["hangs", "fine"]);
    assert_eq!(records[0].outcome, Outcome::TimedOut { limit_s: 0.3, during: "run".to_owned() });
    assert_eq!(run.text(stdout, &records[0]), "here");
    assert!(records[0].duration_s < 10.0);
    assert_eq!(records[1].outcome, Outcome::Completed);
}

fn silence() {
    let run = Run::new("cases:\n  hangs: {steps: [{stdout: here}, hang]}\n  fine: {}\n");
    let mut options = run.options();
    options.silence = Duration::from_millis(300);
    let records = run.run_with(options, &["hangs", "fine"]);
    assert_eq!(records[0].outcome, Outcome::Silent { limit_s: 0.3, during: "run".to_owned() });
    assert_eq!(records[1].outcome, Outcome::Completed);
}

fn deadline_though_it_writes() {
    let run = Run::new("cases:\n  floods: {steps: [{flood: 1000000000000}]}\n  fine: {}\n");
    let mut options = run.options();
    options.timeout = Duration::from_millis(500);
    options.silence = Duration::from_secs(30);
    let records = run.run_with(options, &["floods", "fine"]);
    assert!(matches!(records[0].outcome, Outcome::TimedOut { .. }), "{:?}", records[0].outcome);
    let captured = &records[0].captured.stdout;
    assert!(captured.bytes > 1 << 20 && captured.dropped_bytes > 0, "{captured:?}");
    assert_eq!(records[1].outcome, Outcome::Completed);
}

fn panic_is_an_error_with_its_place() {
    let run = Run::new("cases:\n  panics: {steps: [{panic: oh dear}]}\n  fine: {}\n");
    let records = run.run(&["panics", "fine"]);
    let Outcome::Errored { error: BackendError::Failed(text), during } = &records[0].outcome else {
        panic!("{:?}", records[0].outcome)
    };
    assert!(text.message.contains("oh dear") && during == "run", "{text}");
    assert!(run.text(stderr, &records[0]).contains("deeds.rs"));
    assert_eq!(records[1].outcome, Outcome::Completed);
}

fn after_the_end() {
    // The thread of `late` stands in for anything that happens at shutdown.
    let run = Run::new("cases:\n  late: {steps: [{late: \"goodbye\\n\"}, {exit_late: 7}]}\n");
    let records = run.run(&["late"]);
    assert_eq!(records[0].outcome, Outcome::Completed);
    assert_eq!(records[0].aftermath.as_deref(), Some("asked to end, it exited with code 7"));
    assert_eq!(run.text(stdout, &records[0]), "goodbye\n");
    assert_eq!(records[0].captured.stdout.stray_bytes, 8);
}

fn no_worker_can_be_started() {
    let run = Run::new("cases: {}\n");
    let mut options = run.options();
    options.worker = WorkerCommand { program: "/nowhere/at-all".into(), environment: Vec::new() };
    let mut supervisor = wattest::run::Supervisor::new(options);
    let record = supervisor.run(&run.cases[0], 1);
    let Outcome::Broken { reason } = &record.outcome else { panic!("{:?}", record.outcome) };
    assert!(reason.contains("/nowhere/at-all"), "{reason}");
}

fn program_that_is_no_worker() {
    let run = Run::new("cases: {}\n");
    for isolate in [Isolate::Group, Isolate::Case] {
        let mut options = run.options();
        options.isolate = isolate;
        options.worker = WorkerCommand { program: "true".into(), environment: Vec::new() };
        let mut supervisor = wattest::run::Supervisor::new(options);
        let record = supervisor.run(&run.cases[0], 1);
        let Outcome::Broken { reason } = &record.outcome else { panic!("{:?}", record.outcome) };
        assert!(reason.contains("exited with code 0 before it was ready"), "{reason}");
    }
}
