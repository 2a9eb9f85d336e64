//! Cases without a worker process. Descriptors 1 and 2 belong to the whole program, so that these
//! tests have a program of their own.

use std::io::Write;
use std::process::{Command, ExitCode};

use wattest::backends::BackendError;
use wattest::record::Outcome;
use wattest::run::{Isolate, Supervisor};

use crate::fixture::{ROLE, Run, Test, stderr, stdout};

pub(crate) const TESTS: &[Test] = &[("here::captures_and_restores", captures_and_restores)];

fn captures_and_restores() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.env(ROLE, "here").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    // Only what is written outside of cases comes through, and what is echoed.
    assert_eq!(text, "before\nbetween\nechoed\nafter\n");
}

pub(crate) fn role() -> ExitCode {
    let say = |text: &str| std::io::stdout().write_all(text.as_bytes()).unwrap();
    let run = Run::new(
        r#"
cases:
  loads: {load: [{stdout: "load\n"}], steps: [{stdout: "run\n"}]}
  writes: {steps: [{stdout: "inside\n"}, {stderr: "wrong\n"}]}
  panics: {steps: [{panic: oh dear}]}
  floods: {steps: [{flood: 50000000}]}
  late: {steps: [{late: "bye\n"}]}
  echoes: {steps: [{stdout: "echoed\n"}]}
"#,
    );
    let mut options = run.options();
    options.isolate = Isolate::None;
    say("before\n");
    let mut supervisor = Supervisor::new(options.clone());
    let loads = supervisor.run(run.case("loads"), 1);
    assert_eq!(run.text(stdout, &loads), "load\nrun\n");
    let writes = supervisor.run(run.case("writes"), 1);
    say("between\n");
    assert_eq!(writes.outcome, Outcome::Completed);
    assert_eq!(run.text(stdout, &writes), "inside\n");
    assert_eq!(run.text(stderr, &writes), "wrong\n");
    let panics = supervisor.run(run.case("panics"), 1);
    assert!(
        matches!(&panics.outcome, Outcome::Errored { error: BackendError::Failed(_), .. }),
        "{:?}",
        panics.outcome
    );
    assert!(run.text(stderr, &panics).contains("oh dear"));
    let floods = supervisor.run(run.case("floods"), 1);
    assert_eq!(floods.captured.stdout.bytes, 50_000_000);
    let late = supervisor.run(run.case("late"), 1);
    assert_eq!(late.captured.stdout.bytes, 0);
    let late = supervisor.finish().unwrap();
    assert_eq!(late.captured.stdout.stray_bytes, 4);
    assert_eq!(late.aftermath, None);

    options.echo = true;
    let mut supervisor = Supervisor::new(options);
    let echoes = supervisor.run(run.case("echoes"), 1);
    assert_eq!(run.text(stdout, &echoes), "echoed\n");
    drop(supervisor);
    say("after\n");
    ExitCode::SUCCESS
}
