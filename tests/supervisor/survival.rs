//! The supervisor itself is killed.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use wattest::run::{Journal, Manifest, Supervisor};

use crate::fixture::{ROLE, Run, Test, is_running, options, processes_with, until};

pub(crate) const TESTS: &[Test] = &[("survival::kill_9_leaves_records_and_no_worker", kill_9)];

const FOLDER: &str = "WATTEST_TEST_FOLDER";

fn kill_9() {
    let run = Run::new(
        r#"
cases:
  a: {steps: [{stdout: "a\n"}]}
  b: {steps: [{leave_child: {seconds: 98765}}, hang]}
  c: {}
"#,
    );
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(ROLE, "supervise").env(FOLDER, run.path()).stdout(Stdio::piped());
    let mut supervisor = command.spawn().unwrap();
    let mut said = BufReader::new(supervisor.stdout.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), "running b");
    let mut workers = Vec::new();
    until("the case runs", || {
        workers = processes_with(FOLDER, run.path());
        workers.len() == 2 && is_running("98765")
    });
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    until("the worker and what it started are gone", || {
        processes_with(FOLDER, run.path()).is_empty() && !is_running("98765")
    });

    let journal = Journal::open(run.path()).unwrap();
    let records = journal.records().unwrap();
    let names: Vec<&str> = records.iter().map(|record| record.case.name.as_str()).collect();
    assert_eq!(names, ["scripted::script=a"]);
    let planned = journal.manifest().unwrap().unwrap().cases;
    let finished = journal.finished().unwrap();
    let missing: Vec<_> = planned.iter().filter(|name| !finished.contains(*name)).collect();
    assert_eq!(missing, ["scripted::script=b", "scripted::script=c"]);
}

/// Runs all cases of the script in the folder, and says which one is under way.
pub(crate) fn role() -> ExitCode {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let script = wattest::backends::scripted::Script::load(&folder.join("script.yaml")).unwrap();
    let cases = script.cases().split_off(1);
    let mut options = options(&folder);
    options.worker.environment.push((FOLDER.to_owned(), folder.display().to_string()));
    let journal = Journal::open(&folder).unwrap();
    journal.begin(&Manifest::new(&options, &cases)).unwrap();
    let mut supervisor = Supervisor::new(options);
    for case in &cases {
        if case.name.ends_with("=b") {
            println!("running b");
        }
        journal.write(&supervisor.run(case, 1)).unwrap();
    }
    ExitCode::SUCCESS
}
