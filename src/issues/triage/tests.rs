use std::path::Path;

use jiff::civil::date;

use super::*;
use crate::issues::tests::{findings, mode, record};
use crate::scan::Phase;
use crate::settings::Value;

const TODAY: Date = date(2026, 6, 1);

/// A record of `vllm::<path>=<value>` with that setting over a shared one.
fn case(path: &str, value: impl Into<Value>, output: &str) -> Record {
    let value = value.into();
    let mut record = record(&format!("vllm::{path}={value}"), output);
    record.case.settings.set("dtype", "float32");
    record.case.settings.set(path, value);
    record.verdict.status = crate::verdict::Status::Pass;
    record
}

fn triaged(records: &[Record], book: &Book) -> Vec<Unknown> {
    let mode = mode();
    triage(&[Seen { id: "one", mode: &mode, records }], book, TODAY)
}

fn causes(records: &[Record]) -> String {
    let all = triaged(records, &Book::empty());
    all.iter()
        .map(|one| format!("x{} {}", one.cluster.count, one.cause))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_most_frequent_comes_first_with_what_sets_it_apart() {
    let mut records: Vec<Record> = (0..5).map(|n| case("top_k", n, "")).collect();
    for record in &mut records[..2] {
        record.case.settings.set("enforce_eager", true);
        record.findings = findings("WARNING: no graphs of 7\nWARNING: no graphs of 8\n");
    }
    records[4].findings = findings("WARNING: odd thing\n");
    for record in &mut records {
        record.findings.extend(findings("WARNING: everywhere\n"));
    }
    insta::assert_snapshot!(causes(&records), @"
    x5 in all 5 cases
    x4 2 of 2 with vllm.enforce_eager=true, 0 of 3 others
    x1 1 of 1 with vllm.top_k=4, 0 of 4 others
    ");
}

#[test]
fn what_no_setting_explains_is_said_so() {
    let mut records: Vec<Record> = (0..9)
        .map(|n| case("seed", n, if n % 2 == 0 { "WARNING: at times\n" } else { "" }))
        .collect();
    insta::assert_snapshot!(causes(&records), @"x5 5 of 9 cases; no setting explains it");
    // A case that did not run says nothing, nor does one that loaded nothing of what loading says.
    records.truncate(2);
    records[1].phases_s.insert("run".to_owned(), 1.0);
    records[0].phases_s.insert("load".to_owned(), 1.0);
    records[0].findings[0].phase = Phase::Load;
    insta::assert_snapshot!(causes(&records), @"x1 in the one case that ran");
}

#[test]
fn an_entry_is_suggested_that_covers_all_and_no_more() {
    let records = [
        case("top_k", 1, "WARNING: pool 3 of /tmp/a is 7.5% full (see https://x.y/z)\n"),
        case("top_k", 2, "WARNING: pool 4 of /srv/b is 12% full (see https://x.y/z)\n"),
        case("top_p", 1, ""),
    ];
    let unknown = triaged(&records, &Book::empty());
    insta::assert_snapshot!(unknown[0].suggestion.yaml, @r##"
    OTHER_POOL_OF_IS_FULL_SEE:
      pattern: "^pool -?[\\d.,:/-]*\\d\\w* of \\S+ is -?[\\d.,:/-]*\\d\\w*% full \\(see \\S+\\)$"
      description: "To be looked at: 2 of 2 with vllm.top_k under test, 0 of 1 others."
      status: wip
      created: 2026-06-01
      expires: 2026-07-01
      scope: {backend: vllm, param: top_k, stream: stderr, phase: run}
      examples:
      - "pool 3 of /tmp/a is 7.5% full (see https://x.y/z)"
    "##);
    let book = Book::parse(Path::new("issues.yaml"), &unknown[0].suggestion.yaml).unwrap();
    assert_eq!(triaged(&records, &book), []);
    let elsewhere =
        [case("top_p", 3, "WARNING: pool 3 of /tmp/a is 7.5% full (see https://x.y/z)\n")];
    let unknown = triaged(&elsewhere, &book);
    let nearest = unknown[0].nearest.as_ref().unwrap();
    assert!(nearest.out_of_scope && nearest.id == book.entries()[0].id, "{nearest:?}");
}

#[test]
fn what_loading_says_is_not_laid_to_a_setting_of_the_run() {
    let mut records = [case("top_k", 1, "WARNING: weights are odd\n"), case("top_k", 2, "")];
    records[0].findings[0].phase = Phase::Load;
    let scope = |records: &[Record]| {
        let yaml = triaged(records, &Book::empty()).remove(0).suggestion.yaml;
        yaml.lines().find(|line| line.contains("scope:")).unwrap_or_default().trim().to_owned()
    };
    insta::assert_snapshot!(scope(&records), @"scope: {backend: vllm, stream: stderr, phase: load}");
    records[0].case.load_paths.push("top_k".to_owned());
    insta::assert_snapshot!(scope(&records), @r##"scope: {backend: vllm, param: top_k, value: "1", stream: stderr, phase: load}"##);
}

#[test]
fn a_version_is_named_where_it_makes_the_difference() {
    let old = [case("top_k", 1, "WARNING: old thing\n"), case("top_k", 2, "WARNING: old thing\n")];
    let new = [case("top_k", 1, ""), case("top_k", 2, "")];
    let mut modes = [mode(), mode()];
    for (mode, version) in modes.iter_mut().zip(["0.23.1+cpu", "0.24.0"]) {
        mode.engine_versions.insert("vllm".to_owned(), version.to_owned());
    }
    let runs = [
        Seen { id: "old", mode: &modes[0], records: &old },
        Seen { id: "new", mode: &modes[1], records: &new },
    ];
    let unknown = triage(&runs, &Book::empty(), TODAY);
    insta::assert_snapshot!(unknown[0].cause, @"2 of 2 with vllm 0.23.1+cpu, 0 of 2 others");
    assert!(unknown[0].suggestion.yaml.contains("engine_version: \"0.23.1\""), "{unknown:?}");
}

#[test]
fn messages_of_few_words_and_hostile_ones_give_sound_entries() {
    let book = Book::parse(
        Path::new("issues.yaml"),
        "VLLM_KV_IP: {pattern: kv_ip is not set, description: d, status: wontfix}\n",
    )
    .unwrap();
    let long = "x".repeat(3000);
    for message in
        ["kv_ip", "é: `{[(*+?|^$\\ \u{202e}\"'%}", "# - a: b", &long, "a  \tb <n> 3", "9"]
    {
        let mut records = [case("top_k", 1, "WARNING: something\n")];
        let finding = &mut records[0].findings[0];
        finding.message = message.to_owned();
        finding.template = crate::scan::mask(message);
        let unknown = triaged(&records, &book);
        let text = format!(
            "VLLM_KV_IP: {{pattern: kv_ip is not set, description: d, status: wontfix}}\n{}",
            unknown[0].suggestion.yaml
        );
        match Book::parse(Path::new("issues.yaml"), &text) {
            Ok(book) => assert_eq!(triaged(&records, &book), [], "{text}"),
            Err(faults) => assert!(message == "9", "{faults:?}\n{text}"),
        }
    }
}
