//! The embedded backend on a tiny model: knobs that do what they say.

use crate::support::Place;

#[test]
fn a_knob_that_changes_the_output_is_verified() {
    let place = Place::new();
    let run = place.candle(&["--quick", "max_new_tokens"]).exits(0);
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
    let list = place.candle(&["--list", "candle::!temperature"]).exits(0);
    let name = list.stdout.lines().next().unwrap().trim_end_matches(": test").to_owned();
    place.candle(&["--exact", &name]).exits(0).says("1 passed");
}
