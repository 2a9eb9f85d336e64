//! As nextest runs it: one process per case, all into one folder.

use std::process::{Command, Stdio};

use crate::support::{Place, Run};

const SCRIPT: &str =
    "cases:\n  a: {steps: []}\n  b: {steps: [{fail: \"broken\"}]}\n  c: {steps: []}\n";

fn one(place: &Place, run: &str, case: &str) -> Command {
    let mut command = place.command(&["test", case, "--exact", "--nocapture"]);
    command.envs([
        ("NEXTEST", "1"),
        ("NEXTEST_RUN_ID", run),
        ("WATTEST_BACKEND", "scripted"),
        ("WATTEST_SCRIPT", "script.yaml"),
    ]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn processes_of_one_run_share_its_folder() {
    let place = Place::with_script(SCRIPT);
    let children: Vec<_> = ["a", "b", "c"]
        .map(|case| one(&place, "4711", &format!("scripted::script={case}")).spawn().unwrap())
        .into_iter()
        .map(|child| child.wait_with_output().unwrap())
        .collect();
    let codes: Vec<_> = children.iter().map(|output| output.status.code()).collect();
    assert_eq!(codes, [Some(0), Some(101), Some(0)]);
    let report = place.json("target/wattest/4711/report.json");
    assert_eq!(report["summary"]["passed"], 2);
    assert_eq!(report["summary"]["errors"], 1);
    assert_eq!(place.json("target/wattest/latest/report.json"), report);
    let output = one(&place, "4711", "scripted::script=b").output().unwrap();
    let run = Run::of(&["test"], output).exits(101);
    assert!(run.stderr.trim_end().ends_with("run failed: broken"), "{run:?}");
    // Another run starts afresh, in another folder.
    assert!(one(&place, "4712", "scripted::script=a").status().unwrap().success());
    assert_eq!(
        place.json("target/wattest/latest/report.json")["cases"].as_array().unwrap().len(),
        1
    );
}
