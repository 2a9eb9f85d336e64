//! What an engine is known to get wrong passes while it gets it wrong, and says so.

use crate::support::Place;

const SCRIPT: &str = r#"
cases:
  a_accepted: {kind: negative, steps: [], known: {is: accepted, because: nobody looks}}
  b_late: {kind: negative, steps: [{fail: "index out of range"}], known: {is: late}}
  c_died: {steps: [abort], known: {is: died, because: a check of the kernel}}
  d_failed: {load: [{fail: "no such kernel"}], known: {is: failed, because: no kernel here}}
  e_hangs: {steps: [hang], known: {is: timed_out, because: it waits for itself}}
  f_fine: {steps: []}
  g_mended: {kind: negative, steps: [{refuse: {rule: "must be better"}}], known: {is: accepted}}
  h_worse: {steps: [abort], known: {is: failed, because: no kernel here}}
  i_warns: {kind: negative, steps: [{stderr: "UserWarning: odd\n"}], known: {is: accepted}}
"#;

#[test]
fn a_known_answer_passes_and_any_other_fails() {
    let place = Place::with_script(SCRIPT);
    let run = place.scripted(&["--smoke", "--silence-timeout", "1s"]).exits(101);
    let junit = place.junit();
    for name in ["!script=a_accepted", "!script=b_late", "script=c_died", "script=d_failed"] {
        assert!(junit.failure(&format!("scripted::{name}")).is_none(), "{name}\n{run:?}");
    }
    let failures = ["!script=g_mended", "script=h_worse", "!script=i_warns"].map(|name| {
        let (kind, text) = junit.failure(&format!("scripted::{name}")).unwrap();
        format!("{kind}: {}", text.lines().next().unwrap_or_default())
    });
    insta::assert_snapshot!(failures.join("\n"), @"
    known-answer: `known` says accepted, but it was refused clearly; take the entry of `known` away, or correct it
    crash: the worker was ended by SIGABRT during run; `known` says failed: take that entry away, or correct it
    unknown-issue: 1 unknown issue: UserWarning: odd
    ");
    let run = run
        .says("  what must be refused: 1 refused, 1 late, 2 accepted\n")
        .says("  as known: 5 cases: 1 late, 1 accepted, 1 failed, 1 died, 1 timed_out\n")
        .says("    scripted::!script=a_accepted: as known: accepted: nobody looks\n");
    assert!(place.read("out/report.md").contains("## As known"), "{run:?}");
    let report = place.json("out/report.json");
    assert_eq!(report["summary"]["as_known"]["timed_out"], 1);
    let record = place.json("out/records/scripted--script=c_died@1.json");
    assert_eq!(record["verdict"]["answer"], "died");
    assert_eq!(record["verdict"]["as_known"], "died: a check of the kernel");

    // The records hold all that the judgement needs.
    let verdicts = |place: &Place| {
        let report = place.json("out/report.json");
        let cases = report["cases"].as_array().unwrap().clone();
        cases.iter().map(|one| format!("{} {}", one["name"], one["status"])).collect::<Vec<_>>()
    };
    let before = verdicts(&place);
    place.wattest(&["rescan", "out"]).exits(101).says("  as known: 5 cases");
    assert_eq!(verdicts(&place), before);
}
