//! The embedded backend on a tiny model: knobs that do what they say.

use crate::support::{Place, params};

#[test]
fn a_knob_that_changes_the_output_is_verified() {
    let place = Place::new();
    let params = params();
    let words = [
        "test",
        "--params",
        &params,
        "--backend",
        "candle",
        "--quick",
        "max_new_tokens",
        "--out",
        "out",
    ];
    let run = place.wattest(&words).exits(0);
    let report = place.json("out/report.json");
    let cases = report["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        assert_eq!(case["status"], "pass", "{case}\n{run:?}");
        assert_eq!(case["effect"], "verified", "{case}");
        assert!(case["tokens"].as_u64().unwrap() > 0);
    }
}

#[test]
fn a_negative_case_is_refused() {
    let place = Place::new();
    let params = params();
    let list =
        place.wattest(&["test", "--params", &params, "--list", "candle::!temperature"]).exits(0);
    let name = list.stdout.lines().next().unwrap().trim_end_matches(": test").to_owned();
    place.wattest(&["test", "--params", &params, "--exact", &name]).exits(0).says("1 passed");
}
