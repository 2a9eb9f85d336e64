//! What cases write, and when.

use std::process::{Command, ExitCode};

use rustix::fs::{CWD, FileType, Mode};
use wattest::record::{Outcome, Record};
use wattest::scan::{Phase, Stream};

use crate::fixture::{ROLE, Run, Test, is_running, stderr, stdout, until};

pub(crate) const TESTS: &[Test] = &[
    ("output::each_case_has_its_own", each_case_has_its_own),
    ("output::findings_have_their_phase", findings_have_their_phase),
    ("output::any_bytes", any_bytes),
    ("output::flood_is_counted_and_bounded", flood_is_counted_and_bounded),
    ("output::closed_descriptors", closed_descriptors),
    ("output::left_child_is_named_and_ended", left_child_is_named_and_ended),
    ("output::child_of_the_load_stays", child_of_the_load_stays),
    ("output::child_of_a_dead_worker", child_of_a_dead_worker),
    ("output::stray_of_the_last_case", stray_of_the_last_case),
    ("output::stray_between_cases", stray_between_cases),
];

fn each_case_has_its_own() {
    let run = Run::new(
        r#"
cases:
  a: {load: [{stdout: "load a\n"}], steps: [{stdout: "run a\n"}, {stderr: {text: "x", repeat: 3}}]}
  b: {steps: [{stdout: "run b"}]}
  c: {steps: []}
"#,
    );
    let records = run.run(&["a", "b", "c", "b"]);
    assert_eq!(run.text(stdout, &records[0]), "load a\nrun a\n");
    assert_eq!(run.text(stderr, &records[0]), "xxx");
    assert_eq!(run.text(stdout, &records[1]), "run b");
    assert_eq!(records[2].captured.stdout.file, None);
    for record in &records {
        assert_eq!(record.outcome, Outcome::Completed);
        assert_eq!(record.captured.stdout.stray_bytes, 0);
        assert!(record.output.is_some() && record.reference.is_some());
        assert!(record.comparison.as_ref().unwrap().same_tokens);
    }
}

fn findings_have_their_phase() {
    let run = Run::new(
        r#"
cases:
  warns:
    load: [{stdout: "WARNING: slow path while loading\n"}]
    steps:
    - stderr: "all is well\nUserWarning: careful\n"
    - late: "RuntimeError: at the very end\n"
  fine: {steps: [{stdout: "0 errors\n"}]}
"#,
    );
    let records = run.run(&["warns", "fine"]);
    let findings = records[0].findings.iter();
    let seen: Vec<_> = findings.map(|one| (one.stream, one.phase, one.line)).collect();
    assert_eq!(
        seen,
        [
            (Stream::Stdout, Phase::Load, 1),
            (Stream::Stdout, Phase::Stray, 2),
            (Stream::Stderr, Phase::Run, 2),
        ],
        "{:#?}",
        records[0].findings
    );
    assert!(records[1].findings.is_empty(), "{:?}", records[1].findings);
}

fn any_bytes() {
    let run =
        Run::new("cases:\n  raw: {steps: [{stdout: {bytes: [255, 254, 0, 13, 10], repeat: 2}}]}\n");
    let records = run.run(&["raw"]);
    let file = records[0].captured.stdout.file.clone().unwrap();
    assert_eq!(std::fs::read(run.path().join(file)).unwrap(), b"\xff\xfe\0\r\n\xff\xfe\0\r\n");
}

/// In a process of its own: what the other tests of this one hold must not count.
fn flood_is_counted_and_bounded() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.env(ROLE, "flood").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn flood_role() -> ExitCode {
    const GIGABYTE: u64 = 1_000_000_000;
    let run = Run::new(
        "cases:\n  floods: {steps: [{stdout: first}, {flood: 1000000000}, {stdout: last}]}\n  fine: {}\n",
    );
    let before = peak_memory();
    let records = run.run(&["floods", "fine"]);
    let captured = &records[0].captured.stdout;
    assert_eq!(records[0].outcome, Outcome::Completed);
    assert_eq!(captured.bytes, GIGABYTE + 9);
    assert_eq!(captured.bytes - captured.dropped_bytes, 512 << 10);
    let text = run.text(stdout, &records[0]);
    assert!(text.starts_with("first") && text.ends_with("last"));
    assert!(text.len() < 600 << 10);
    let grown = peak_memory() - before;
    assert!(grown < 64 << 10, "grown by {grown} KiB");
    assert_eq!(records[1].outcome, Outcome::Completed);
    ExitCode::SUCCESS
}

/// Largest resident size of this process so far, in KiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

fn closed_descriptors() {
    let run = Run::new(
        r#"
cases:
  closes: {steps: [{stdout: "seen\n"}, close_descriptors, {stdout: "not seen\n"}]}
  fine: {steps: [{stdout: "fine\n"}]}
"#,
    );
    let records = run.run(&["closes", "fine"]);
    assert_eq!(records[0].outcome, Outcome::Completed);
    assert_eq!(run.text(stdout, &records[0]), "seen\n");
    // The next one has a worker with whole descriptors.
    assert_eq!(run.text(stdout, &records[1]), "fine\n");
}

fn left_child_is_named_and_ended() {
    let run = Run::new(
        r#"
cases:
  leaves: {steps: [{leave_child: {seconds: 98761, prints: "from the child\n"}}]}
  detaches: {steps: [{leave_child: {seconds: 98766, detached: true}}]}
  dies: {steps: [{leave_child: {seconds: 98767, detached: true, orphan: true}}, segfault]}
  orphans: {steps: [{leave_child: {seconds: 98762, prints: "from the orphan\n", orphan: true}}]}
  fine: {}
"#,
    );
    let records = run.run(&["leaves", "orphans", "fine", "detaches", "dies"]);
    assert!(names_only(&records[0], "98761"), "{:?}", records[0].left_children);
    assert_eq!(run.text(stdout, &records[0]), "from the child\n");
    assert!(names_only(&records[1], "98762"), "{:?}", records[1].left_children);
    assert_eq!(run.text(stdout, &records[1]), "from the orphan\n");
    assert!(records[2].left_children.is_empty());
    assert!(names_only(&records[3], "98766"), "{:?}", records[3].left_children);
    assert!(names_only(&records[4], "98767"), "{:?}", records[4].left_children);
    for record in &records[..4] {
        assert_eq!(record.outcome, Outcome::Completed);
    }
    assert!(!is_running("98766") && !is_running("98767"));
    assert!(!is_running("98761") && !is_running("98762"));
}

fn child_of_the_load_stays() {
    let run = Run::new(
        "cases:\n  keeps: {load: [{leave_child: {seconds: 98763}}], steps: []}\n  fine: {}\n",
    );
    let mut supervisor = run.supervisor();
    let record = supervisor.run(run.case("keeps"), 1);
    // An engine may have processes; they are not left behind until the engine is gone.
    assert!(record.left_children.is_empty(), "{:?}", record.left_children);
    assert!(is_running("98763"));
    supervisor.run(run.case("fine"), 1);
    let late = supervisor.take_late().unwrap();
    assert_eq!(late.case.name, record.case.name);
    assert!(names_only(&late, "98763"), "{:?}", late.left_children);
    assert!(!is_running("98763"));
}

fn child_of_a_dead_worker() {
    let run = Run::new(
        r#"
cases:
  dies: {steps: [{leave_child: {seconds: 98764, prints: "child\n"}}, abort]}
  fine: {}
"#,
    );
    // The child holds the pipes open: their end must not be waited for.
    let records = run.run(&["dies", "fine"]);
    assert!(matches!(records[0].outcome, Outcome::Died { signal: Some(6), .. }));
    assert!(names_only(&records[0], "98764"), "{:?}", records[0].left_children);
    assert_eq!(run.text(stdout, &records[0]), "child\n");
    assert!(!is_running("98764"));
    assert_eq!(records[1].outcome, Outcome::Completed);
}

/// Whether the one child that is named is the one with this argument: when it is looked at, its
/// shell may or may not have become `sleep` yet.
fn names_only(record: &Record, argument: &str) -> bool {
    matches!(&record.left_children[..], [name] if name.contains(argument))
}

fn stray_of_the_last_case() {
    let run = Run::new("cases:\n  late: {steps: [{stdout: \"now\\n\"}, {late: \"later\\n\"}]}\n");
    let mut supervisor = run.supervisor();
    let record = supervisor.run(run.case("late"), 1);
    assert_eq!(record.captured.stdout.bytes, 4);
    let late = supervisor.finish().unwrap();
    assert_eq!((late.captured.stdout.bytes, late.captured.stdout.stray_bytes), (10, 6));
    assert_eq!(run.text(stdout, &late), "now\nlater\n");
    assert_eq!(late.aftermath, None);
    assert!(supervisor.finish().is_none());

    let mut options = run.options();
    options.isolate = wattest::run::Isolate::Case;
    let mut supervisor = wattest::run::Supervisor::new(options);
    let whole = supervisor.run(run.case("late"), 2);
    assert_eq!(whole.captured.stdout.stray_bytes, 6, "nothing comes later when it has its own");
    assert!(supervisor.finish().is_none());
}

fn stray_between_cases() {
    let run = Run::new(
        r#"
cases:
  thread: {steps: [{late_on: {pipe: "{run}/pipe", done: "{run}/done", prints: "stray\n"}}]}
  fine: {steps: [{stdout: "fine\n"}]}
"#,
    );
    let pipe = run.path().join("pipe");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let mut supervisor = run.supervisor();
    let first = supervisor.run(run.case("thread"), 1);
    assert_eq!(first.captured.stdout.bytes, 0);
    drop(std::fs::File::options().write(true).open(&pipe).unwrap());
    until("the thread prints", || run.path().join("done").exists());
    let second = supervisor.run(run.case("fine"), 1);
    assert_eq!(run.text(stdout, &second), "fine\n");
    let late = supervisor.take_late().unwrap();
    assert_eq!(late.case.name, first.case.name);
    assert_eq!(late.captured.stdout.stray_bytes, 6);
    assert_eq!(run.text(stdout, &late), "stray\n");
    assert_eq!(late.outcome, Outcome::Completed);
}
