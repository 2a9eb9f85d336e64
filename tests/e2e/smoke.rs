//! Unknown, known and expired issues, with and without `--smoke`.

use quick_junit::TestCaseStatus;

use crate::support::Place;

const SCRIPT: &str = r#"
cases:
  quiet:
    steps: [{stdout: "loaded 12 tensors\n"}]
  warns:
    steps: [{stderr: "UserWarning: something new\n"}]
"#;

const ISSUES: &str = r#"
SOMETHING_NEW:
  pattern: "something new"
  description: A warning that is looked after.
  status: wip
  created: 2026-01-01
  expires: 2026-06-30
  ticket: https://example.com/1
  examples: ["UserWarning: something new"]
"#;

const WARNS: &str = "scripted::script=warns";

#[test]
fn an_unknown_warning_fails_a_smoke_run_with_cause_and_command() {
    let place = Place::with_script(SCRIPT);
    let command = "wattest test --exact 'scripted::script=warns' --script=script.yaml --smoke";
    place
        .scripted(&["--smoke"])
        .exits(101)
        .says("test scripted::script=warns ... FAILED")
        .says("test scripted::script=quiet ... ok")
        .says("unknown-issue: 1 unknown issue: ")
        .says("something new")
        .says(&format!("reproduce: {command}\n"))
        .says("out/report.md");
    let junit = place.junit();
    let (kind, text) = junit.failure(WARNS).unwrap();
    assert_eq!(kind, "unknown-issue");
    assert!(text.starts_with("1 unknown issue: "), "{text}");
    assert!(text.ends_with(&format!("reproduce: {command}")), "{text}");
    assert!(matches!(junit.case("scripted::script=quiet").status, TestCaseStatus::Success { .. }));
}

#[test]
fn the_command_that_is_printed_reproduces_the_failure() {
    let place = Place::with_script(SCRIPT);
    let run = place.scripted(&["--smoke"]).exits(101);
    let line =
        run.stdout.lines().find_map(|line| line.strip_prefix("reproduce: wattest ")).unwrap();
    let words: Vec<String> =
        line.split(' ').map(|word| word.trim_matches('\'').to_owned()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    place.wattest(&words).exits(101).says("running 1 test").says("1 unknown issue");
}

#[test]
fn without_smoke_it_is_reported_and_passes() {
    let place = Place::with_script(SCRIPT);
    place.scripted(&[]).exits(0).says("test scripted::script=warns ... ok").says("1 unknown");
    let report = place.json("out/report.json");
    assert_eq!(report["issues"][0]["unknown"], true);
    assert_eq!(report["issues"][0]["cases"][0], WARNS);
}

#[test]
fn a_matching_entry_makes_it_pass_and_is_shown_as_matched() {
    let place = Place::with_script(SCRIPT);
    place.write("issues.yaml", ISSUES);
    place.scripted(&["--smoke", "--today", "2026-02-01"]).exits(0).says("1 known");
    let report = place.json("out/report.json");
    assert_eq!(report["standings"][0]["id"], "SOMETHING_NEW");
    assert_eq!(report["standings"][0]["state"], "matched");
    assert_eq!(report["standings"][0]["cases"][0], WARNS);
    let junit = place.junit();
    let known = junit.case(WARNS).properties.iter().find(|one| one.name.as_str() == "issue.known");
    assert_eq!(known.unwrap().value.as_str(), "SOMETHING_NEW x1");
}

#[test]
fn an_expired_entry_fails_and_points_at_its_line() {
    let place = Place::with_script(SCRIPT);
    place.write("issues.yaml", ISSUES);
    place.scripted(&["--smoke", "--today", "2026-07-01"]).exits(101).says(
        "expired-issue: the known issue SOMETHING_NEW (line 2 of the issues file) is expired",
    );
    let junit = place.junit();
    let case = junit.case(WARNS);
    let attribute = |name: &str| case.extra.get(name).map(|value| value.as_str().to_owned());
    assert_eq!(attribute("file").as_deref(), Some("issues.yaml"));
    assert_eq!(attribute("line").as_deref(), Some("2"));
    assert_eq!(place.json("out/report.json")["standings"][0]["state"], "expired");
    // Without --smoke it is reported only.
    place.scripted(&["--today", "2026-07-01"]).exits(0);
}

#[test]
fn a_stale_entry_fails_only_with_strict_issues() {
    let place = Place::with_script(SCRIPT);
    place.write("issues.yaml", &ISSUES.replace("something new", "long gone"));
    place.scripted(&["--today", "2026-02-01"]).exits(0);
    place
        .scripted(&["--today", "2026-02-01", "--strict-issues"])
        .exits(101)
        .says("stale-issue: issues.yaml:2: SOMETHING_NEW");
    let (kind, _) = place.junit().failure("issues::SOMETHING_NEW").unwrap();
    assert_eq!(kind, "stale-issue");
}

#[test]
fn rescan_judges_a_recorded_run_by_a_changed_issues_file() {
    let place = Place::with_script(SCRIPT);
    place.scripted(&["--smoke", "--today", "2026-02-01"]).exits(101);
    place.write("issues.yaml", ISSUES);
    place.wattest(&["rescan", "out", "--issues", "issues.yaml"]).exits(0).says("3 passed");
    assert!(place.junit().failure(WARNS).is_none());
    place.wattest(&["rescan", "out", "--today", "2026-07-01"]).exits(101);
}

#[test]
fn hostile_output_reaches_no_view_as_markup_or_command() {
    let place = Place::with_script(
        r#"
cases:
  hostile:
    steps:
    - stderr: "UserWarning: ]]></failure><script>x</script> | `a` \x1b[31mred\x1b[0m \x07 ::error::no\n"
    - stdout: "::error file=x::injected\n##[error]y\n"
    - fail: "::error::from the backend\n::warning::second line"
"#,
    );
    let run = place.scripted(&["--smoke"]).exits(101);
    for line in run.stdout.lines() {
        assert!(!line.trim_start().starts_with("::"), "{line:?}\n{run:?}");
        assert!(!line.contains("##[") && !line.contains('\x1b'), "{line:?}");
    }
    let markdown = place.read("out/report.md");
    assert!(!markdown.contains("<script>") && !markdown.contains("::error::"), "{markdown}");
    let junit = place.junit();
    let case = junit.case("scripted::script=hostile");
    assert!(case.system_err.as_ref().unwrap().as_str().contains("]]></failure><script>"));
}
