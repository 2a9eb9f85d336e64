//! Wrong options and broken input: exit code 2, every fault said, nothing run.

use crate::support::{Place, params};

const SCRIPT: &str = "cases:\n  a: {steps: []}\n";

#[test]
fn unknown_options_are_refused_with_a_suggestion() {
    let place = Place::with_script(SCRIPT);
    place
        .scripted(&["--smok", "--timeout=soon"])
        .exits(2)
        .complains("there is no option --smok; did you mean --smoke?")
        .complains("--timeout is `soon`; it takes a duration such as 30s");
    assert!(!place.path("out").exists(), "something was run");
    place.wattest(&["tset"]).exits(2).complains("unrecognized subcommand");
}

#[test]
fn help_and_version_are_answers() {
    let place = Place::new();
    place.wattest(&["--version"]).exits(0).says(concat!("wattest ", env!("CARGO_PKG_VERSION")));
    place.wattest(&["--help"]).exits(0).says("Exit codes");
    place.wattest(&["test", "--help"]).exits(0).says("WATTEST_SILENCE_TIMEOUT");
    for command in ["params", "scan", "issues", "report", "rescan", "model", "run", "doctor"] {
        place.wattest(&[command, "--help"]).exits(0).says("Usage: wattest");
    }
}

#[test]
fn unknown_backends_are_refused_with_a_suggestion() {
    let place = Place::with_script(SCRIPT);
    place
        .wattest(&["test", "--backend", "cand1e", "--params", &params()])
        .exits(2)
        .complains("there is no backend `cand1e`; did you mean `candle`?");
    place.wattest(&["test", "--backend", "scripted"]).exits(2).complains("--script FILE");
}

#[test]
fn broken_parameters_and_issues_are_reported_together() {
    let place = Place::with_script(SCRIPT);
    std::fs::create_dir(place.path("params")).unwrap();
    place.write("params/candle.yaml", "backend: candle\nnonsense: 1\n");
    place.write("issues.yaml", "A:\n  pattern: \".*\"\n  colour: red\n");
    place.wattest(&["test"]).exits(2).complains("candle.yaml").complains("issues.yaml");
    assert!(!place.path("target").exists(), "something was run");
}

#[test]
fn a_broken_issues_file_is_never_an_empty_one() {
    let place = Place::with_script(SCRIPT);
    place.write("issues.yaml", "A: [\n");
    place.scripted(&["--smoke"]).exits(2).complains("issues.yaml:");
    place.scripted(&["--issues", "missing.yaml"]).exits(2).complains("missing.yaml");
    place.wattest(&["issues", "lint"]).exits(2).complains("issues.yaml:");
}

#[test]
fn a_model_directory_that_lacks_something_is_said_before_anything_runs() {
    let place = Place::new();
    std::fs::create_dir(place.path("model")).unwrap();
    place
        .wattest(&["test", "--params", &params(), "--model", "model", "--out", "out"])
        .exits(2)
        .complains("config.json");
    assert!(!place.path("out").exists());
}

#[test]
fn nothing_selected_is_4_with_near_names() {
    let place = Place::with_script("cases:\n  temperature: {steps: []}\n");
    place
        .scripted(&["temprature"])
        .exits(4)
        .complains("no case matches `temprature`; near are: scripted::script=temperature");
    place.scripted(&["--exact", "scripted::script=temp"]).exits(4);
    place.scripted(&["nothing", "--no-tests=pass"]).exits(0).says("2 filtered out");
    place
        .scripted(&["nothing", "--no-tests=warn"])
        .exits(0)
        .complains("warning: nothing was selected");
}

#[test]
fn options_have_twins_in_the_environment() {
    let place = Place::with_script(SCRIPT);
    let mut command = place.command(&["test"]);
    command.envs([
        ("WATTEST_BACKEND", "scripted"),
        ("WATTEST_SCRIPT", "script.yaml"),
        ("WATTEST_OUT", "out"),
        ("WATTEST_JUNIT", "deep/other.xml"),
        ("WATTEST_EVENTS", "events.ndjson"),
    ]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(place.read("out/junit.xml"), place.read("deep/other.xml"));
    let events: Vec<serde_json::Value> = place
        .read("events.ndjson")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "run_started",
            "case_started",
            "case_finished",
            "case_started",
            "case_finished",
            "run_finished"
        ]
    );
}

#[test]
fn json_keeps_stdout_for_events() {
    let place = Place::with_script("cases:\n  a: {steps: [{stdout: \"noise\\n\"}]}\n");
    let run =
        place.scripted(&["--format", "json", "-Z", "unstable-options", "--nocapture"]).exits(0);
    for line in run.stdout.lines() {
        serde_json::from_str::<serde_json::Value>(line)
            .unwrap_or_else(|_| panic!("{line}\n{run:?}"));
    }
    run.complains("wattest: 2 cases: 2 passed");
}

#[test]
fn nocapture_shows_what_a_case_writes() {
    let place = Place::with_script("cases:\n  a: {steps: [{stdout: \"noise\\n\"}]}\n");
    place.scripted(&["--nocapture"]).exits(0).says("noise");
    place.scripted(&["--no-capture"]).exits(0).says("noise");
    let quiet = place.scripted(&[]).exits(0);
    assert!(!quiet.stdout.contains("noise"), "{quiet:?}");
}

#[test]
fn no_colour_where_there_is_no_terminal() {
    let place = Place::with_script("cases:\n  a: {steps: [abort]}\n");
    let run = place.scripted(&["--smoke"]).exits(101);
    assert!(!run.stdout.contains('\x1b') && !run.stderr.contains('\x1b'), "{run:?}");
    let run = place.scripted(&["--smoke", "--color", "always"]).exits(101);
    assert!(run.stdout.contains('\x1b'), "{run:?}");
}
