//! A known issue from the day it is met to the day it is gone.

use crate::support::Place;

const SCRIPT: &str = r###"
cases:
  quiet:
    steps: [{stdout: "loaded 12 tensors\n"}]
  warns:
    steps: [{stderr: "UserWarning: pool 3 of /tmp/a is 75% full\n"}]
  other:
    steps: [{stderr: "WARNING: odd: \"##[error]::error::x\"\n"}]
"###;

const MENDED: &str = r#"
cases:
  quiet:
    steps: [{stdout: "loaded 12 tensors\n"}]
  warns:
    steps: []
  other:
    steps: []
"#;

const BEFORE: &str = "\
# Ours.

# It is slow.
SLOW:
  pattern: slow path
  description: d
  status: wontfix
  scope: {param: gone}   # not any more
  examples: [slow path taken]
";

const DAY: [&str; 2] = ["--today", "2026-02-01"];

fn met() -> Place {
    let place = Place::with_script(SCRIPT);
    place.write("issues.yaml", BEFORE);
    place.scripted(&[&DAY[..], &["--smoke"]].concat()).exits(101).says("python warning 1 unknown");
    place
}

fn issues(place: &Place, words: &[&str]) -> crate::support::Run {
    place.wattest(&[&["issues"], words, &["out"]].concat())
}

#[test]
fn from_unknown_to_known_to_stale_to_gone() {
    let place = met();
    let triaged = issues(&place, &["triage", "--today", "2026-02-01", "--format", "json"]).exits(0);
    let unknown: serde_json::Value = serde_json::from_str(&triaged.stdout).unwrap();
    assert_eq!(unknown.as_array().unwrap().len(), 2, "{triaged:?}");
    let pool = unknown
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["cause"].as_str().unwrap().contains("warns"));
    let pool = pool.unwrap();
    let id = pool["suggestion"]["id"].as_str().unwrap();
    issues(&place, &["triage", "--today", "2026-02-01"])
        .exits(0)
        .says("cause: 1 of 1 with scripted.script=warns, 0 of 3 others\n")
        .says("2 unknown issues in 1 run");

    issues(&place, &["bless", "--today", "2026-02-01", "--accept", id]).exits(0).says("1 accepted");
    let blessed = place.read("issues.yaml");
    assert!(blessed.starts_with(BEFORE), "{blessed}");
    insta::assert_snapshot!(&blessed[BEFORE.len()..], @r##"
    PYTHON_USERWARNING_POOL_OF_IS_FULL:
      pattern: "^UserWarning: pool -?[\\d.,:/-]*\\d\\w* of \\S+ is -?[\\d.,:/-]*\\d\\w*% full$"
      description: "To be looked at: 1 of 1 with scripted.script=warns, 0 of 3 others."
      status: wip
      created: 2026-02-01
      expires: 2026-03-03
      scope: {backend: scripted, param: script, value: warns, stream: stderr, phase: run}
      examples:
      - "UserWarning: pool 3 of /tmp/a is 75% full"
    "##);
    issues(&place, &["triage"]).exits(0).says("1 unknown issue in 1 run");
    place.wattest(&["rescan", "out"]).exits(101).says("3 passed, 1 failed");
    assert!(place.junit().failure("scripted::script=warns").is_none());

    issues(&place, &["bless", "--today", "2026-02-01", "--accept-all"]).exits(0).says("1 accepted");
    place.wattest(&["rescan", "out"]).exits(0).says("4 passed");
    issues(&place, &["prune"]).exits(0).says("0 stale issues taken out");
    place.wattest(&["issues", "list"]).exits(0).says(&format!("{id}: x1 in 1 runs, first seen 20"));

    place.write("script.yaml", MENDED);
    place
        .scripted(&[&DAY[..], &["--smoke", "--strict-issues"]].concat())
        .exits(101)
        .says(&format!("stale-issue: issues.yaml:10: {id}: the one case in its scope ran here"));
    let report = place.json("out/report.json");
    assert_eq!(report["standings"][0]["state"], "not_observable", "the scope of SLOW is not here");
    assert_eq!(report["standings"][1]["state"], "stale");
    let held = place.read("issues.yaml");
    issues(&place, &["prune", "--dry-run"]).exits(0).says("2 stale issues would be taken out");
    assert_eq!(place.read("issues.yaml"), held);
    issues(&place, &["prune"]).exits(0).says("2 stale issues taken out");
    assert_eq!(place.read("issues.yaml"), BEFORE);
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let place = met();
    issues(&place, &["bless"]).exits(2).complains("--accept-all");
    let listed = issues(&place, &["bless", "--list"]).exits(0);
    assert_eq!(listed.stdout.lines().count(), 2, "{listed:?}");
    assert!(!listed.stdout.contains("##["), "{listed:?}");
    issues(&place, &["bless", "--accept", "NONE"]).exits(2).complains("no unknown issue is called");
    assert_eq!(place.read("issues.yaml"), BEFORE);
    let first = listed.stdout.split(' ').next().unwrap();
    issues(&place, &["bless", "--reject", first]).exits(0).says("1 rejected");
    let listed = issues(&place, &["bless", "--list"]).exits(0);
    assert_eq!(listed.stdout.lines().count(), 1, "{listed:?}");
}

#[test]
fn on_a_terminal_each_is_asked_about_and_each_answer_is_kept() {
    let place = met();
    let mut command = place.command(&["issues", "bless", "out", "--today", "2026-02-01"]);
    // An editor that changes one word, as a person would.
    let command = command.env_remove("CI").env("VISUAL", "sed -i s/wip/wontfix/");
    let mut terminal = crate::terminal::Terminal::run(command);
    let asks = "edit (e), quit (q)? ";
    assert!(terminal.until(asks).contains("1 of 2\r\n"));
    terminal.types("e\n");
    assert!(terminal.until(asks).contains("status: wontfix"));
    terminal.types("a\n");
    assert!(terminal.until(asks).contains("2 of 2\r\n"));
    // Before the second answer the first is in the file; an interrupt takes nothing back.
    let held = place.read("issues.yaml");
    assert!(held.starts_with(BEFORE) && held.matches("status: wontfix").count() == 2, "{held}");
    terminal.types("\u{3}");
    assert_ne!(terminal.ended(), Some(0), "interrupted");
    assert_eq!(place.read("issues.yaml"), held);

    let mut terminal = crate::terminal::Terminal::run(
        place.command(&["issues", "bless", "out", "--today", "2026-02-01"]).env_remove("CI"),
    );
    assert!(terminal.until(asks).contains("1 of 1\r\n"));
    terminal.types("r\n");
    assert!(terminal.until("judges the run by it").contains("0 accepted, 1 rejected, 0 left"));
    assert_eq!(terminal.ended(), Some(0));
    assert_eq!(place.read("issues.yaml"), held);
    issues(&place, &["bless", "--list"]).exits(0).says("");
}

#[test]
fn a_file_with_a_fault_is_not_written() {
    let place = met();
    let faulty = format!("{BEFORE}BAD: {{pattern: x y}}\n");
    place.write("issues.yaml", &faulty);
    issues(&place, &["bless", "--accept-all"]).exits(2).complains("[no-status]");
    issues(&place, &["prune"]).exits(2).complains("[no-status]");
    assert_eq!(place.read("issues.yaml"), faulty);
}

#[test]
fn github_is_shown_the_line_of_an_entry_and_nothing_that_was_captured() {
    let place = met();
    issues(&place, &["bless", "--today", "2026-02-01", "--accept-all"]).exits(0);
    let run = |words: &[&str]| {
        let own = ["test", "--backend", "scripted", "--script", "script.yaml", "--out", "out"];
        let words = [&own[..], words].concat();
        let mut command = place.command(&words);
        crate::support::Run::of(&words, command.env("GITHUB_ACTIONS", "true").output().unwrap())
    };
    let late = run(&["--smoke", "--today", "2027-01-01"]).exits(101);
    let commands: Vec<&str> =
        late.stdout.lines().filter(|line| line.trim_start().starts_with("::")).collect();
    assert_eq!(commands.len(), 2, "{late:?}");
    assert!(
        commands[0].starts_with("::error file=issues.yaml,line=10,title=expired-issue::"),
        "{late:?}"
    );
    assert!(!late.stdout.contains("##["), "{late:?}");
    let loud = run(&["--today", "2026-02-01", "--no-capture"]).exits(0);
    let at = |text: &str| loud.stdout.find(text).unwrap_or_else(|| panic!("{text}: {loud:?}"));
    let token = loud.stdout[at("::stop-commands::") + 17..].lines().next().unwrap();
    let both = format!("{}{}", loud.stdout, loud.stderr);
    assert!(both.contains("##[error]"), "as it was written: {loud:?}");
    assert!(at("::stop-commands::") < at("running 4 tests"), "{loud:?}");
    assert!(at("test result: ok") < at(&format!("\n::{token}::\n")), "{loud:?}");
    let early = run(&["--today", "2026-02-01"]).exits(0);
    assert!(!early.stdout.lines().any(|line| line.starts_with("::")), "{early:?}");
}
