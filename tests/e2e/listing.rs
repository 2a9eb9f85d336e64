//! Lists: only names, cheap, and the same through options and environment.

use std::collections::BTreeSet;

use crate::support::{Place, params};

const SCRIPT: &str = "cases:\n  aa: {steps: []}\n  ab: {steps: []}\n  bb: {steps: []}\n";

fn names(stdout: &str) -> Vec<String> {
    let lines = stdout.lines();
    lines.map(|line| line.strip_suffix(": test").expect("only names").to_owned()).collect()
}

#[test]
fn a_list_has_only_names_and_touches_no_model() {
    let place = Place::new();
    let words = ["test", "--params", &params(), "--list", "--format", "terse"];
    let run = place.wattest(&words).exits(0);
    let names = names(&run.stdout);
    assert!(names.len() > 50, "{run:?}");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "names are unique");
    assert_eq!(names[0], "candle::@baseline");
    for name in &names {
        assert!(name.is_ascii() && !name.contains([' ', '(', ')', ',', '[', ']', '\n']), "{name}");
    }
    assert!(run.stderr.is_empty(), "{run:?}");
    assert!(!place.path("target").exists(), "a list leaves nothing behind");
}

#[test]
fn filters_skip_and_exact_choose() {
    let place = Place::with_script(SCRIPT);
    let list = |words: &[&str]| {
        names(&place.scripted(&[&["--list"], words].concat()).exits(0).stdout)
            .iter()
            .map(|name| name.trim_start_matches("scripted::").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(list(&["=a"]), ["script=aa", "script=ab"]);
    assert_eq!(list(&["=aa", "=bb"]), ["script=aa", "script=bb"]);
    assert_eq!(list(&["script", "--skip", "a"]), ["script=bb"]);
    assert_eq!(list(&["--exact", "scripted::script=ab"]), ["script=ab"]);
    assert_eq!(list(&["--ignored"]), [""; 0]);
    assert_eq!(list(&["--include-ignored"]).len(), 4);
    assert_eq!(list(&["nothing"]), [""; 0]);
}

#[test]
fn partitions_are_disjoint_and_complete() {
    let place = Place::with_script(SCRIPT);
    for kind in ["slice", "hash"] {
        let share = |nth: u8| {
            names(
                &place
                    .scripted(&["--list", &format!("--partition={kind}:{nth}/2")])
                    .exits(0)
                    .stdout,
            )
        };
        let (one, two) = (share(1), share(2));
        let all: BTreeSet<_> = one.iter().chain(&two).collect();
        assert_eq!((all.len(), one.len() + two.len()), (4, 4), "{kind}");
    }
}

#[test]
fn a_seed_gives_another_order_and_always_the_same() {
    let place = Place::with_script(SCRIPT);
    let list =
        |seed: &str| names(&place.scripted(&["--list", "--shuffle-seed", seed]).exits(0).stdout);
    assert_eq!(list("7"), list("7"));
    let orders: BTreeSet<_> = (0..8).map(|seed: u8| list(&seed.to_string())).collect();
    assert!(orders.len() > 1);
}

#[test]
fn exact_runs_one_case_and_counts_it() {
    let place = Place::with_script(SCRIPT);
    place
        .scripted(&["--exact", "scripted::script=ab", "--nocapture"])
        .exits(0)
        .says("running 1 test\ntest scripted::script=ab ... ok");
    place
        .scripted(&["=a"])
        .exits(0)
        .says("2 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out");
}

#[test]
fn a_list_as_json_has_an_object_per_line() {
    let place = Place::with_script(SCRIPT);
    let run = place.scripted(&["--list", "--format", "json", "-Z", "unstable-options"]).exits(0);
    let events: Vec<serde_json::Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 6, "{run:?}");
    assert_eq!(events[2]["name"], "scripted::script=aa");
}
