//! Engines in Python where there is none: what is skipped and why, and that no process is started
//! for it.

use quick_junit::TestCaseStatus;

use crate::support::Place;

const PARAMS: &str = "
backend: vllm
engine: vLLM of any version
baseline: {max_tokens: 4}
params:
- {path: max_num_seqs, section: engine, type: int, default: 8, bounds: {ge: 1}, samples: [2, 4, 6],
   relation: none, description: Most sequences of a step.}
- {path: max_tokens, section: sampling, type: int, default: 16, bounds: {ge: 1}, samples: [2],
   relation: none, description: Most tokens of a row.}
";

/// A program that answers as an interpreter of an old version would, and notes that it was asked.
const OLD: &str = r#"#!/bin/sh
echo asked >> asked
echo '{"implementation": "cpython", "version": [3, 8, 1], "prefix": "/env", "base_prefix": "/usr",
 "executable": "/env/bin/python", "site_packages": [], "package": "/env/vllm"}' | tr -d '\n'
"#;

/// A folder with the parameters, and the interpreter `python`.
fn place() -> Place {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    place.write("params/vllm.yaml", PARAMS);
    place.write("python", OLD);
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(place.path("python"), mode).unwrap();
    place
}

#[test]
fn a_listing_asks_nobody() {
    let place = place();
    let list = ["test", "--list", "--backend", "vllm", "--python", "./python"];
    place.wattest(&list).exits(0).says("vllm::max_num_seqs=2: test");
    assert!(!place.path("asked").exists());
}

/// A worker would ask once more, and each engine would have one of its own.
#[test]
fn cases_of_an_engine_that_is_not_here_are_skipped_without_a_worker() {
    let place = place();
    let run = ["test", "--backend", "vllm", "--python", "./python", "--out", "out", "--smoke"];
    let run = place.wattest(&run).exits(0);
    let junit = place.junit();
    assert!(junit.cases().len() > 8, "{run:?}");
    for case in junit.cases() {
        let TestCaseStatus::Skipped { message, .. } = &case.status else { panic!("{case:?}") };
        let message = message.as_ref().unwrap().as_str();
        for part in reasons() {
            assert!(message.contains(part), "{message}");
        }
    }
    let asked = std::fs::read_to_string(place.path("asked")).unwrap_or_default();
    assert_eq!(asked.lines().count(), usize::from(cfg!(feature = "python")));
}

#[test]
fn the_doctor_says_what_to_do() {
    let run =
        place().wattest(&["doctor", "--python", "./python"]).exits(0).says("off backend vllm");
    for part in reasons() {
        assert!(run.stdout.contains(part), "{run:?}");
    }
}

/// What the reason of a skip has in it: both versions and a way out, or how to have the backend.
fn reasons() -> &'static [&'static str] {
    if cfg!(feature = "python") {
        &["cpython 3.8.1", "linked with CPython 3.", "--python", "PYO3_PYTHON=/env/bin/python"]
    } else {
        &["is not in this build", "run `scripts/engines`, then build with `--features python`"]
    }
}
