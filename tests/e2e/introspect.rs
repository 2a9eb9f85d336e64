//! Surfaces: what is asked of an engine, and what changed between two.

use crate::support::Place;

const OLD: &str = "
engine: x
version: '1'
method: by hand
params:
- {path: gone, type: int}
- {path: other, type: int, default: 1}
";

const NEW: &str = "
engine: x
version: '2'
method: by hand
params:
- {path: come, type: bool, default: false}
- {path: other, type: int, default: 2}
";

#[test]
fn a_diff_tells_what_changed_and_fails_on_new_names_where_asked() {
    let place = Place::new();
    place.write("old.yaml", OLD);
    place.write("new.yaml", NEW);
    let words = ["introspect", "--diff", "old.yaml", "new.yaml"];
    let run = place.wattest(&words).exits(0);
    insta::assert_snapshot!(run.stdout, @r"
    added    come
    removed  gone
    altered  other: default 1 -> 2
    ");
    place
        .wattest(&[&words[..], &["--fail-on-new-param"]].concat())
        .exits(101)
        .complains("new.yaml has names that old.yaml has not: come");
    place
        .wattest(&[&words[..], &["--fail-on-change"]].concat())
        .exits(101)
        .complains("new.yaml is not old.yaml: 3 changes");
    let gates = ["--fail-on-new-param", "--fail-on-change"];
    let words = [&["introspect", "--diff", "new.yaml", "new.yaml"], &gates[..]].concat();
    assert_eq!(place.wattest(&words).exits(0).stdout, "");
}

#[test]
fn an_interpreter_that_is_not_there_is_named() {
    let place = Place::new();
    place
        .wattest(&["introspect", "--backend", "vllm", "--python", "/nowhere/python"])
        .exits(2)
        .complains("`/nowhere/python` cannot be started");
    place.wattest(&["introspect", "--backend", "tensorrt"]).exits(2).complains("--source");
    place.wattest(&["introspect"]).exits(2).complains("--backend");
    assert!(!place.path("params").exists(), "nothing is left behind");
}
