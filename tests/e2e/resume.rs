//! What is left after a kill, and how a run goes on.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Place, Run};

/// Four cases that end, and one that does not before it is told to.
const SCRIPT: &str = r#"
cases:
  a: {steps: [{stdout: "one\n"}]}
  b: {steps: [{fail: "broken"}]}
  c: {steps: [{stdout: "two\n"}]}
  d: {steps: [{sleep: 60}]}
  e: {steps: [{stdout: "three\n"}]}
"#;

/// Starts the run and waits until three cases and the baseline are in the views.
fn start(place: &Place, words: &[&str]) -> Child {
    let own = ["test", "--backend", "scripted", "--script", "script.yaml", "--out", "out"];
    let mut command = place.command(&[&own, words].concat());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let report = place.path("out/report.json");
    wait_for(|| counted(&report) >= 4);
    // The last view that is written.
    let markdown = place.path("out/report.md");
    wait_for(|| std::fs::read_to_string(&markdown).is_ok_and(|text| text.contains("script=c")));
    child
}

fn counted(report: &Path) -> usize {
    let Ok(text) = std::fs::read(report) else { return 0 };
    // Every reading, at whatever moment, must find a whole report.
    let report: serde_json::Value = serde_json::from_slice(&text).unwrap();
    report["cases"].as_array().unwrap().len()
}

fn wait_for(mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it did not come to pass");
        std::thread::yield_now();
    }
}

fn started(place: &Place) -> BTreeMap<String, String> {
    let report = place.json("out/report.json");
    let cases = report["cases"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    cases.map(|case| (text(&case["name"]), text(&case["started"]))).collect()
}

#[test]
fn a_killed_run_leaves_valid_views_and_resume_runs_the_rest() {
    let place = Place::with_script(SCRIPT);
    let mut child = start(&place, &[]);
    child.kill().unwrap();
    child.wait().unwrap();

    let junit = place.junit();
    assert_eq!(junit.cases().len(), 4);
    assert!(junit.failure("scripted::script=b").is_some());
    assert!(place.read("out/report.md").contains("# wattest: failed"));
    let before = started(&place);

    place.write("script.yaml", &SCRIPT.replace("{sleep: 60}", "{stdout: \"done\\n\"}"));
    place
        .scripted(&["--resume"])
        .exits(101)
        .says("test scripted::script=d  ... ok")
        .says("test scripted::script=e  ... ok")
        .says("6 cases: 5 passed, 1 error");
    let after = started(&place);
    assert_eq!(after.len(), 6);
    for (name, time) in &before {
        assert_eq!(after.get(name), Some(time), "{name} ran again");
    }
}

#[test]
fn an_interrupted_run_finishes_its_views_and_exits_130() {
    let place = Place::with_script(SCRIPT);
    let child = start(&place, &[]);
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let run = Run::of(&["test"], child.wait_with_output().unwrap());
    let run = run.exits(130).complains("interrupted: go on with --resume").says("2 not run");
    drop(run);
    assert_eq!(place.junit().cases().len(), 4);
}

#[test]
fn a_run_that_is_not_there_cannot_be_resumed() {
    let place = Place::with_script(SCRIPT);
    place.scripted(&["--resume=nowhere"]).exits(2).complains("there is no run `nowhere`");
    std::fs::create_dir(place.path("out")).unwrap();
    place.scripted(&["--resume"]).exits(2).complains("is not the folder of a run");
}

#[test]
fn a_new_run_in_the_same_folder_replaces_the_old_one_and_nothing_else() {
    let place = Place::with_script("cases:\n  a: {steps: []}\n");
    place.scripted(&[]).exits(0);
    place.write("out/mine.txt", "keep");
    place.write("script.yaml", "cases:\n  b: {steps: []}\n");
    place.scripted(&[]).exits(0);
    let names: Vec<_> = started(&place).into_keys().collect();
    assert_eq!(names, ["scripted::@baseline", "scripted::script=b"]);
    assert_eq!(place.read("out/mine.txt"), "keep");
}

#[test]
fn report_makes_all_views_from_the_journal() {
    let place = Place::with_script("cases:\n  a: {steps: [{fail: \"broken\"}]}\n");
    place.scripted(&[]).exits(101);
    let views = ["junit.xml", "report.json", "report.md"];
    let before: Vec<_> = views.iter().map(|view| place.read(&format!("out/{view}"))).collect();
    for view in views {
        std::fs::remove_file(place.path(&format!("out/{view}"))).unwrap();
    }
    place.wattest(&["report", "out"]).exits(0).says("1 error");
    let after: Vec<_> = views.iter().map(|view| place.read(&format!("out/{view}"))).collect();
    assert_eq!(before, after);
}
