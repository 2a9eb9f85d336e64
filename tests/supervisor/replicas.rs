//! Engines of several processes: what they write and how they end.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use wattest::backends::{self, BackendError, Engine, Prompt};
use wattest::record::Outcome;
use wattest::run::WorkerCommand;
use wattest::settings::Settings;

use crate::fixture::{ROLE, Run, Test, options, processes_with, stderr, stdout, until};

pub(crate) const TESTS: &[Test] = &[
    ("replicas::share_the_prompts_of_a_case", share_the_prompts_of_a_case),
    ("replicas::deaths_name_the_replica", deaths_name_the_replica),
    ("replicas::one_error_does_not_wait_for_the_others", one_error_does_not_wait),
    ("replicas::deadline_ends_them", deadline_ends_them),
    ("replicas::children_of_a_replica_are_found", children_of_a_replica_are_found),
    ("replicas::refusal_leaves_the_engine_as_it_is", refusal_leaves_the_engine),
    ("replicas::lost_engine_says_so", lost_engine_says_so),
    ("replicas::program_that_is_none", program_that_is_none),
    ("replicas::end_with_a_parent_that_is_killed", end_with_a_killed_parent),
];

const FOLDER: &str = "WATTEST_TEST_FOLDER";

fn failed(text: &str, during: &str) -> Outcome {
    let error = BackendError::Failed(text.into());
    Outcome::Errored { error, during: during.to_owned() }
}

fn share_the_prompts_of_a_case() {
    let run = Run::new(
        r#"
cases:
  three:
    num_processes: 3
    load: [{in_replica: {number: 2, steps: [{stderr: "loading\n"}]}}]
    steps:
    - in_replica: {number: 0, steps: [{stdout: "from the first\n"}]}
    - in_replica: {number: 1, steps: [{stdout: "from the second\n"}]}
  late: {num_processes: 2, steps: [{late: "bye\n"}]}
  alone: {num_processes: 1, steps: [{in_replica: {number: 0, steps: [abort]}}]}
"#,
    );
    let records = run.run(&["three", "late", "alone"]);
    for record in &records {
        assert_eq!(record.outcome, Outcome::Completed);
        assert!(record.comparison.as_ref().unwrap().same_tokens);
        assert!(record.left_children.is_empty(), "{:?}", record.left_children);
        assert_eq!(record.aftermath, None);
    }
    let count = |at: usize| {
        records[at].output.as_ref().unwrap().effective.get("num_processes").unwrap().clone()
    };
    assert_eq!((count(0), count(1), count(2)), (json!(3), json!(2), json!(1)));
    let ours = &records[0].output.as_ref().unwrap().prompts;
    let theirs = &records[0].reference.as_ref().unwrap().prompts;
    assert_eq!(ours, theirs, "prompts are where they were");
    let out = run.text(stdout, &records[0]);
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["from the first", "from the second"]);
    assert_eq!(run.text(stderr, &records[0]), "loading\n");
    // They are told to end, and do so in their own time.
    assert_eq!(run.text(stdout, &records[1]), "bye\nbye\n");
    assert_eq!(records[1].captured.stdout.stray_bytes, 8);
    none_left(run.path());
}

fn deaths_name_the_replica() {
    let run = Run::new(
        r#"
cases:
  killed: {num_processes: 2, steps: [{in_replica: {number: 1, steps: [{stdout: "here\n"}, {signal: 9}]}}]}
  exits: {num_processes: 4, steps: [{in_replica: {number: 0, steps: [{exit: 3}]}}]}
  panics: {num_processes: 2, steps: [{in_replica: {number: 1, steps: [{panic: oh dear}]}}]}
  loading: {num_processes: 2, load: [{in_replica: {number: 1, steps: [abort]}}]}
  starves: {num_processes: 2, load: [{in_replica: {number: 1, steps: [{out_of_memory: 5 GiB}]}}]}
  refuses: {num_processes: 2, kind: negative, load: [{refuse: {rule: must be better}}]}
  fine: {num_processes: 2}
"#,
    );
    let names = ["killed", "fine", "exits", "panics", "loading", "starves", "refuses", "fine"];
    let records = run.run(&names);
    let hint = "; its output may say why, and where memory ran out a lower num_processes helps";
    assert_eq!(
        records[0].outcome,
        failed(
            &format!("replica 1 of 2 ended by signal 9 while it continued prompts 2 to 3{hint}"),
            "run"
        )
    );
    assert_eq!(run.text(stdout, &records[0]), "here\n");
    assert_eq!(
        records[2].outcome,
        failed(
            &format!("replica 0 of 4 exited with code 3 while it continued prompt 0{hint}"),
            "run"
        )
    );
    assert_eq!(
        records[3].outcome,
        failed("replica 1 of 2: panicked: oh dear; its stderr says where", "run")
    );
    assert!(run.text(stderr, &records[3]).contains("oh dear"));
    assert_eq!(
        records[4].outcome,
        failed(
            &format!("replica 1 of 2 ended by signal 6 while it loaded the model{hint}"),
            "load"
        )
    );
    let error = BackendError::OutOfMemory("replica 1 of 2: 5 GiB".into());
    assert_eq!(records[5].outcome, Outcome::Errored { error, during: "load".to_owned() });
    assert!(
        matches!(&records[6].outcome, Outcome::Errored { error: BackendError::Refused(_), .. }),
        "{:?}",
        records[6].outcome
    );
    for fine in [&records[1], &records[7]] {
        assert_eq!(fine.outcome, Outcome::Completed);
    }
    for record in &records {
        assert!(record.left_children.is_empty(), "{:?}", record.left_children);
        assert_eq!(record.aftermath, None, "the worker lives on");
    }
    none_left(run.path());
}

fn one_error_does_not_wait() {
    let run = Run::new(
        r#"
cases:
  mixed:
    num_processes: 3
    steps:
    - in_replica: {number: 0, steps: [hang]}
    - in_replica: {number: 1, steps: [{fail: no good}]}
  loading:
    num_processes: 2
    load:
    - in_replica: {number: 0, steps: [hang]}
    - in_replica: {number: 1, steps: [{exit: 4}]}
"#,
    );
    let start = Instant::now();
    let records = run.run(&["mixed", "loading"]);
    assert_eq!(records[0].outcome, failed("replica 1 of 3: no good", "run"));
    assert!(matches!(&records[1].outcome, Outcome::Errored { during, .. } if during == "load"));
    // Far from the deadline of a minute, and from the grace of those that may still answer.
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    none_left(run.path());
}

fn deadline_ends_them() {
    let run = Run::new(
        r#"
cases:
  hangs: {num_processes: 2, steps: [{in_replica: {number: 1, steps: [{stdout: here}, hang]}}]}
  fine: {num_processes: 2}
"#,
    );
    let mut options = run.options();
    // Long enough for processes to start on a busy machine.
    options.silence = Duration::from_secs(8);
    let records = run.run_with(options, &["hangs", "fine"]);
    assert_eq!(records[0].outcome, Outcome::Silent { limit_s: 8.0, during: "run".to_owned() });
    assert_eq!(run.text(stdout, &records[0]), "here");
    assert_eq!(records[1].outcome, Outcome::Completed);
    none_left(run.path());
}

fn children_of_a_replica_are_found() {
    let run = Run::new(
        r#"
cases:
  leaves:
    num_processes: 2
    steps: [{in_replica: {number: 1, steps: [{leave_child: {seconds: 98771}}]}}]
  fine: {num_processes: 2}
"#,
    );
    let records = run.run(&["leaves", "fine"]);
    let left = &records[0].left_children;
    assert!(matches!(&left[..], [name] if name.contains("98771")), "{left:?}");
    for record in &records {
        assert_eq!(record.outcome, Outcome::Completed);
    }
    assert!(records[1].left_children.is_empty(), "{:?}", records[1].left_children);
}

fn refusal_leaves_the_engine() {
    let run = Run::new("cases:\n  no: {steps: [{refuse: {rule: never}}]}\n");
    let mut engine = engine(run.path(), 2).unwrap();
    let asked = |name: &str| [("script", name)].into_iter().collect::<Settings>();
    let refused = engine.generate(&prompts(), &asked("no")).unwrap_err();
    assert!(matches!(&refused, BackendError::Refused(one) if one.rule == "never"), "{refused}");
    let misspelt = engine.generate(&prompts(), &asked("yes")).unwrap_err();
    assert!(matches!(misspelt, BackendError::Refused(_)), "{misspelt}");
    assert_eq!(engine.generate(&prompts(), &Settings::new()).unwrap().prompts.len(), 3);
    assert_eq!(engine.token_text(7), " 7");
    assert_eq!(engine.architecture(), "scripted");
    assert_eq!(processes_with(FOLDER, run.path()).len(), 2);
    drop(engine);
    none_left(run.path());
}

fn lost_engine_says_so() {
    let run = Run::new("cases:\n  dies: {steps: [{in_replica: {number: 1, steps: [abort]}}]}\n");
    let mut engine = engine(run.path(), 2).unwrap();
    assert_eq!(engine.effective().get("num_processes"), Some(&json!(2)));
    let asked: Settings = [("script", "dies")].into_iter().collect();
    engine.generate(&prompts(), &asked).unwrap_err();
    assert_eq!(engine.effective().get("num_processes"), Some(&json!(0)));
    let again = engine.generate(&prompts(), &Settings::new()).unwrap_err().to_string();
    let begins = "the engine has lost its replicas, load it anew: replica 1 of 2 ended by signal 6";
    assert!(again.starts_with(begins), "{again}");
    assert_eq!(engine.token_text(7), "");
    none_left(run.path());
}

fn program_that_is_none() {
    let load = |program: &str| {
        let command = WorkerCommand { program: program.into(), environment: Vec::new() };
        let options = backends::Options { replica: Some(command), ..Default::default() };
        let settings: Settings = [("num_processes", 2)].into_iter().collect();
        let backend = backends::find("scripted", &options).unwrap();
        backend.load(Path::new("no-model"), &settings).err().unwrap().to_string()
    };
    let text = load("true").replacen("replica 1 of", "replica 0 of", 1);
    assert_eq!(
        text,
        "replica 0 of 2 exited with code 0 while it loaded the model; the main function of true \
         must call wattest::run::worker::serve"
    );
    let text = load("/nowhere/at-all");
    assert!(text.starts_with("replica 0 of 2 cannot be started: /nowhere/at-all: "), "{text}");
}

fn end_with_a_killed_parent() {
    let run = Run::new("cases:\n  hangs: {steps: [{stdout: \"at it\\n\"}, hang]}\n");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(ROLE, "replicate").env(FOLDER, run.path()).stdout(Stdio::piped());
    let mut parent = command.spawn().unwrap();
    let mut said = BufReader::new(parent.stdout.take().unwrap()).lines();
    // Both are in the middle of it.
    assert_eq!(said.next().unwrap().unwrap(), "at it");
    assert_eq!(said.next().unwrap().unwrap(), "at it");
    assert_eq!(processes_with(FOLDER, run.path()).len(), 3);
    parent.kill().unwrap();
    parent.wait().unwrap();
    none_left(run.path());
}

/// Asks two replicas for something that never ends.
pub(crate) fn role() -> ExitCode {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let mut engine = engine(&folder, 2).unwrap();
    let asked: Settings = [("script", "hangs")].into_iter().collect();
    let _ = engine.generate(&prompts(), &asked);
    ExitCode::SUCCESS
}

fn prompts() -> [Prompt; 3] {
    [1, 2, 3].map(|token| Prompt::Tokens(vec![token]))
}

/// An engine of replicas in this process, over the script in `folder`.
fn engine(folder: &Path, count: usize) -> Result<Box<dyn Engine>, BackendError> {
    let mut command = options(folder).worker;
    command.environment.push((FOLDER.to_owned(), folder.display().to_string()));
    let script = Some(folder.join("script.yaml"));
    let of = backends::Options { script, replica: Some(command), ..backends::Options::default() };
    let backend = backends::find("scripted", &of).unwrap();
    let settings: Settings = [("num_processes", count)].into_iter().collect();
    backend.load(Path::new("no-model"), &settings)
}

/// Waits until no process of the run in `folder` is there, be it one that waits to be reaped.
fn none_left(folder: &Path) {
    until("all replicas are gone", || {
        processes_with(FOLDER, folder).is_empty() && zombies().is_empty()
    });
}

/// Children of this process that have ended, and were not waited for.
fn zombies() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let children =
        tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let is_zombie = |pid: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
    };
    let mut zombies = Vec::new();
    for line in children {
        zombies.extend(line.split_whitespace().filter(|pid| is_zombie(pid)).map(str::to_owned));
    }
    zombies
}
