//! What is asked of a backend: references, placeholders, requirements, refusals.

use serde_json::json;
use wattest::backends::BackendError;
use wattest::record::{Difference, Outcome};
use wattest::run::{Isolate, Journal, Manifest, WorkerCommand, order};
use wattest::schema::Requirement;

use crate::fixture::{Run, Test};

pub(crate) const TESTS: &[Test] = &[
    ("requests::compared_with_the_reference", compared_with_the_reference),
    ("requests::placeholders", placeholders),
    ("requests::requirements", requirements),
    ("requests::backend_that_is_not", backend_that_is_not),
    ("requests::backend_that_is_off", backend_that_is_off),
    ("requests::misspelt_name_is_refused", misspelt_name_is_refused),
    ("requests::broken_script_is_a_skip", broken_script_is_a_skip),
    ("requests::journal_and_resume", journal_and_resume),
];

fn compared_with_the_reference() {
    let run = Run::new(
        r#"
cases:
  same: {steps: []}
  shorter: {tokens: [11, 7, 42]}
  other: {tokens: [11, 8, 42, 7, 19, 3, 23, 5]}
"#,
    );
    let records = run.run(&["same", "shorter", "other"]);
    let compared: Vec<_> = records.iter().map(|one| one.comparison.clone().unwrap()).collect();
    assert!(compared[0].same_tokens);
    let at = |index| Some(Difference { prompt: 0, row: 0, index });
    assert_eq!((compared[1].first_departure, compared[1].first_difference), (None, at(3)));
    assert_eq!(compared[1].shorter_rows, 4);
    assert_eq!((compared[2].first_departure, compared[2].first_difference), (at(1), at(1)));
    // The reference is made once, and then known.
    assert!(records[0].phases_s.contains_key("reference"));
    assert!(!records[1].phases_s.contains_key("reference"));
    assert!(records[0].phases_s.contains_key("load"));
    assert!(!records[1].phases_s.contains_key("load"));
    // That of the baseline is known to other workers, too.
    run.supervisor().run(&run.cases[0], 1);
    let mut options = run.options();
    options.isolate = Isolate::Case;
    let records = run.run_with(options, &["same"]);
    assert!(!records[0].phases_s.contains_key("reference"));
    assert!(records[0].comparison.as_ref().unwrap().same_tokens);
    let journal = Journal::open(run.path()).unwrap();
    journal.discard_references().unwrap();
    journal.discard_references().unwrap();
    assert!(!run.path().join("references").exists());
}

fn placeholders() {
    // The scripted backend's baseline begins 11, 7, 42.
    let run = Run::new("cases:\n  '42': {tokens: [1]}\n  ' 7': {tokens: [2]}\n");
    let ask = |value: serde_json::Value| {
        let mut case = run.case("42").clone();
        case.settings.set("script", value.clone());
        case.value = Some(value);
        run.supervisor().run(&case, 1)
    };
    let text = ask(json!("@text.1"));
    assert_eq!(text.outcome, Outcome::Completed);
    assert_eq!(text.resolved.unwrap().get("script"), Some(&json!(" 7")));
    assert_eq!(text.output.unwrap().prompts[0].rows[0].tokens, [2]);
    let token = ask(json!("@token.2"));
    assert_eq!(token.resolved.unwrap().get("script"), Some(&json!(42)));
    assert!(matches!(token.outcome, Outcome::Errored { error: BackendError::Refused(_), .. }));
    let beyond = ask(json!("@token.99"));
    let Outcome::Skipped { reason } = beyond.outcome else { panic!("{:?}", beyond.outcome) };
    assert!(reason.contains("only 8 tokens"), "{reason}");
}

fn requirements() {
    let run = Run::new(
        r#"
cases:
  needs:
    steps: [abort]
    requirements: [{processors: 1000000}]
  has:
    requirements: [{processors: 1}, {architecture: [scripted]}]
  other:
    requirements: [{architecture: [llama]}]
"#,
    );
    let records = run.run(&["needs", "has", "other"]);
    let Outcome::Skipped { reason } = &records[0].outcome else { panic!() };
    assert!(reason.starts_with("needs 1000000 processors, found "), "{reason}");
    assert_eq!(records[0].case.requirements, [Requirement::Processors(1_000_000)]);
    assert_eq!(records[1].outcome, Outcome::Completed);
    let reason = "needs a model of type llama, found scripted".to_owned();
    assert_eq!(records[2].outcome, Outcome::Skipped { reason });
}

/// Its cases are many, and each would need an engine of its own.
fn backend_that_is_off() {
    let run = Run::new("cases: {}\n");
    let mut options = run.options();
    options.worker = WorkerCommand { program: "/nowhere/at-all".into(), environment: Vec::new() };
    options.backends.python = Some("/nowhere/python".into());
    let mut supervisor = wattest::run::Supervisor::new(options);
    for number in 0..2 {
        let mut case = run.cases[0].clone();
        case.backend = "vllm".to_owned();
        case.name = format!("vllm::{number}");
        // The worker that cannot be started is not asked for.
        let record = supervisor.run(&case, 1);
        let Outcome::Skipped { reason } = record.outcome else { panic!("{:?}", record.outcome) };
        assert!(reason.contains("`scripts/engines`"), "{reason}");
    }
    assert_eq!(supervisor.finish(), None);
}

fn backend_that_is_not() {
    let run = Run::new("cases: {}\n");
    let mut case = run.cases[0].clone();
    case.backend = "abacus".to_owned();
    let record = run.supervisor().run(&case, 1);
    let Outcome::Broken { reason } = record.outcome else { panic!("{:?}", record.outcome) };
    assert!(reason.contains("`abacus`") && reason.contains("scripted"), "{reason}");
}

fn misspelt_name_is_refused() {
    let run = Run::new("cases:\n  a: {kind: negative}\n");
    let mut case = run.case("a").clone();
    case.settings = [("scrpt", "a")].into_iter().collect();
    let record = run.supervisor().run(&case, 1);
    let Outcome::Errored { error: BackendError::Refused(refusal), during } = record.outcome else {
        panic!("{:?}", record.outcome)
    };
    assert_eq!((refusal.parameter.as_str(), during.as_str()), ("scrpt", "run"));
    assert_eq!((record.reference, record.output), (None, None));
}

fn broken_script_is_a_skip() {
    let run = Run::new("cases:\n  a: {}\n");
    std::fs::write(run.path().join("script.yaml"), "cases: [").unwrap();
    let records = run.run(&["a"]);
    assert!(
        matches!(&records[0].outcome, Outcome::Skipped { reason } if reason.contains("script.yaml:")),
        "{:?}",
        records[0].outcome
    );
}

fn journal_and_resume() {
    let run = Run::new("cases:\n  a: {}\n  b: {steps: [abort]}\n  c: {}\n");
    let cases = order(run.cases.clone());
    let journal = Journal::open(run.path()).unwrap();
    let manifest = Manifest::new(&run.options(), &cases);
    assert_eq!(journal.manifest().unwrap(), None);
    journal.begin(&manifest).unwrap();
    assert_eq!(journal.manifest().unwrap(), Some(manifest.clone()));
    assert_eq!(manifest.conflict(&Manifest::new(&run.options(), &cases[1..])), None);
    let mut other = run.options();
    other.model = run.path().to_owned();
    let conflict = manifest.conflict(&Manifest::new(&other, &cases)).unwrap();
    assert!(conflict.contains("the run has model no-model"), "{conflict}");

    for record in run.run(&["c", "b", "a"]) {
        journal.write(&record).unwrap();
    }
    // What a killed run may leave is not a record.
    std::fs::write(run.path().join("records/.tmp-1-1"), "{\"schema_ver").unwrap();
    let records = journal.records().unwrap();
    let names: Vec<&str> = records.iter().map(|record| record.case.name.as_str()).collect();
    assert_eq!(names, ["scripted::script=c", "scripted::script=b", "scripted::script=a"]);
    let missing: Vec<_> =
        cases.iter().filter(|case| !names.contains(&case.name.as_str())).collect();
    assert_eq!(missing.len(), 1);
    assert_eq!(journal.finished().unwrap().len(), 3);

    // A new attempt stands beside the first; the same attempt again replaces it.
    let again = run.supervisor().run(run.case("a"), 2);
    journal.write(&again).unwrap();
    journal.write(&again).unwrap();
    assert_eq!(journal.records().unwrap().len(), 4);
    assert_eq!(journal.finished().unwrap().len(), 3);

    std::fs::write(run.path().join("records/x.json"), "{\"schema_version\": 99}").unwrap();
    let error = journal.records().unwrap_err().to_string();
    assert!(error.contains("x.json: has version 99"), "{error}");
}
