use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::{Date, date};

use super::*;
use crate::energy::Reading;
use crate::record::{Captured, Outcome, Record, SCHEMA_VERSION};
use crate::scan::{Finding, Phase, Scanner, Stream};
use crate::schema::{Case, Kind, Relation};
use crate::settings::Settings;
use crate::verdict::{Mode, Verdict};

const TODAY: Date = date(2026, 6, 1);

fn parse(text: &str) -> Result<Book, Vec<String>> {
    let file = Path::new("issues.yaml");
    Book::parse(file, text)
}

fn faults(text: &str) -> String {
    parse(text).unwrap_err().join("\n")
}

pub(super) fn mode() -> Mode {
    Mode { smoke: true, today: TODAY, engine_versions: BTreeMap::new(), gpu: None, energy: None }
}

pub(super) fn findings(text: &str) -> Vec<Finding> {
    let mut scanner = Scanner::new(Stream::Stderr, Phase::Run);
    scanner.feed(text.as_bytes());
    scanner.finish().findings
}

fn finding(text: &str) -> Finding {
    findings(text).remove(0)
}

pub(super) fn record(name: &str, output: &str) -> Record {
    let (backend, rest) = name.split_once("::").unwrap();
    let parameter = rest.trim_start_matches('!').split('=').next().unwrap();
    Record {
        schema_version: SCHEMA_VERSION,
        case: Case {
            name: name.to_owned(),
            backend: backend.to_owned(),
            kind: Kind::Valid,
            parameter: (!rest.starts_with('@')).then(|| parameter.to_owned()),
            value: None,
            settings: Settings::new(),
            reference: Settings::new(),
            load_paths: Vec::new(),
            relation: Relation::None,
            requirements: Vec::new(),
            alias: None,
            known: None,
        },
        attempt: 1,
        model: String::new(),
        group: String::new(),
        started: String::new(),
        duration_s: 0.0,
        phases_s: BTreeMap::new(),
        outcome: Outcome::Completed,
        output: None,
        reference: None,
        resolved: None,
        findings: findings(output),
        findings_dropped: 0,
        energy: Reading::unknown("not measured"),
        series: None,
        against: None,
        environment: String::new(),
        captured: Captured::default(),
        left_children: Vec::new(),
        aftermath: None,
        comparison: None,
        verdict: Verdict::pending(),
    }
}

#[test]
fn the_format_of_the_origin_is_read() {
    let book = parse(
        "RAY_INIT:\n  pattern: \"object store is using /tmp\"\n  description: Small shared memory\n  \
         status: wontfix\n  created: 2026-01-29\n  ticket: null\n  notes: |\n    Harmless.\n    \
         Really.\n",
    )
    .unwrap();
    let entry = book.entry("RAY_INIT").unwrap();
    assert_eq!(entry.line, 1);
    assert_eq!(entry.status, Status::Wontfix);
    assert_eq!(entry.created, Some(date(2026, 1, 29)));
    assert_eq!(entry.ticket, None);
}

#[test]
fn files_without_entries_are_empty_books() {
    for text in ["", "# nothing yet\n\n# at all\n", "{}\n", "---\n"] {
        assert!(parse(text).unwrap().entries().is_empty(), "{text:?}");
    }
}

#[test]
fn the_file_of_this_repository_is_clean() {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/issues.yaml"));
    let book = Book::load(file).unwrap();
    assert_eq!(book.warnings(), [""; 0]);
}

#[test]
fn a_missing_file_is_a_fault() {
    let faults = Book::load(Path::new("/nowhere/issues.yaml")).unwrap_err();
    insta::assert_snapshot!(faults.join("\n"), @"/nowhere/issues.yaml: cannot be read: No such file or directory (os error 2); check the path and its permissions [unreadable]");
}

#[test]
fn what_is_not_a_mapping_is_a_fault() {
    insta::assert_snapshot!(faults("- a\n- b\n"), @"issues.yaml:1: the file is not a mapping of IDs to entries; write `ID:` and its keys below, indented [not-a-mapping]");
    insta::assert_snapshot!(faults("A: [1,\n"), @"issues.yaml:2: not valid YAML: while parsing a node, did not find expected node content [yaml]");
    insta::assert_snapshot!(
        faults("A:\n  pattern: one two\n  pattern: x\n"),
        @"issues.yaml:3: key `pattern` stands here again, first at line 2; remove one of them [repeated-key]"
    );
    insta::assert_snapshot!(faults("A: {}\nB: {}\nA: {}\n"), @"issues.yaml:3: key `A` stands here again, first at line 1; remove one of them [repeated-key]");
}

#[test]
fn every_fault_is_reported_at_once() {
    let text = "\
NO_SHAPE: {description: d, status: wontfix}
BOTH: {description: d, status: wontfix, pattern: one two, template: three four}
EMPTY: {description: d, status: wontfix, pattern: \"\"}
ALL: {description: d, status: wontfix, pattern: \".*\"}
BROAD: {description: d, status: wontfix, pattern: \"[a-z] .\"}
BROKEN: {description: d, status: wontfix, pattern: \"use (x\"}
HUGE: {description: d, status: wontfix, pattern: \"(?:ab{1000}){1000}\"}
MISSPELT: {description: d, status: wontfix, patern: x, colour: red}
BAD:
  pattern: object store
  description: d
  status: open
  created: 29.01.2026
  expires: tomorrow
  severity: bad
  min: 3
  max: 2
  strict: {stale: never}
  scope: {backend: candel, stream: stdin, phase: end, engine_version: new, params: x, param: a*b}
  examples: [the object store is full, other words]
  counter_examples: [the Object Store again]
LATE: {description: d, status: wontfix, pattern: late thing, created: 2026-02-01, expires: 2026-01-01}
SAME: {description: d, status: wontfix, pattern: object store, scope: {backend: candle}}
TWIN: {description: d, status: wontfix, pattern: object store, scope: {backend: candle}}
BARE: {pattern: bare words}
WORDLESS: {description: d, status: wontfix, template: \"<n>\"}
LIST: [a]
\"SP ACE\": {description: d, status: wontfix, pattern: some words, notes: [a]}
";
    insta::assert_snapshot!(faults(text), @r##"
    issues.yaml:1: NO_SHAPE: has neither `pattern` nor `template`; add one of them [no-shape]
    issues.yaml:2: BOTH.template: stands beside `pattern`; keep one of them [two-shapes]
    issues.yaml:3: EMPTY.pattern: is empty and would match everything; give words of the message [empty-shape]
    issues.yaml:4: ALL.pattern: matches the empty text and so everything; give words of the message [empty-shape]
    issues.yaml:5: BROAD.pattern: matches 9 of 10 unrelated messages; give more words of the message [broad-pattern]
    issues.yaml:6: BROKEN.pattern: not a regular expression: unclosed group; escape a literal with `\`, or see the syntax of Rust's regex crate [broken-pattern]
    issues.yaml:7: HUGE.pattern: too large when compiled; make its repetitions shorter [large-pattern]
    issues.yaml:8: MISSPELT.colour: not a key of an entry; known are pattern, template, description, status, created, ticket, notes, owner, expires, scope, severity, min, max, strict, examples, counter_examples [unknown-key]
    issues.yaml:8: MISSPELT.patern: not a key of an entry; did you mean `pattern`? [unknown-key]
    issues.yaml:8: MISSPELT: has neither `pattern` nor `template`; add one of them [no-shape]
    issues.yaml:12: BAD.status: "open" is none of wip, wontfix, external [bad-value]
    issues.yaml:13: BAD.created: "29.01.2026" is not a date; write YYYY-MM-DD [bad-value]
    issues.yaml:14: BAD.expires: "tomorrow" is not a date; write YYYY-MM-DD [bad-value]
    issues.yaml:15: BAD.severity: `bad` is none of warning, deprecation, error, critical [bad-value]
    issues.yaml:16: BAD.min: 3 is more than `max` 2; correct one [bounds]
    issues.yaml:18: BAD.strict: write `strict: {stale: fail}`, or `warn` or `ignore` in its place [bad-value]
    issues.yaml:19: BAD.scope.backend: no backend is called `candel`; did you mean `candle`? [unknown-backend]
    issues.yaml:19: BAD.scope.engine_version: `new` is not a bound; write for example `>=0.7, <0.9` or `0.7` [bad-version]
    issues.yaml:19: BAD.scope.param: `a*b` is not a dotted path; `*` may stand at its end only [bad-param]
    issues.yaml:19: BAD.scope.params: not a key of a scope; did you mean `param`? [unknown-key]
    issues.yaml:19: BAD.scope.phase: `end` is none of load, reference, run, stray [bad-value]
    issues.yaml:19: BAD.scope.stream: `stdin` is none of stdout, stderr [bad-value]
    issues.yaml:20: BAD.examples.1: does not match: "other words"; correct it or the pattern [example-missed]
    issues.yaml:21: BAD.counter_examples.0: matches: "the Object Store again"; correct it or narrow the pattern [counter-example-hit]
    issues.yaml:22: LATE.expires: 2026-01-01 lies before `created` 2026-02-01; correct one [dates]
    issues.yaml:24: TWIN: the same shape and scope as SAME at line 23; remove one of them [duplicate]
    issues.yaml:25: BARE.description: missing; say in a sentence what this issue is [no-description]
    issues.yaml:25: BARE.status: missing; give one of wip, wontfix, external [no-status]
    issues.yaml:27: LIST: an entry is a mapping; write its `pattern`, `description` and `status` [not-a-mapping]
    issues.yaml:28: SP ACE.notes: must be text; write it on one line or as a block after `|` [bad-value]
    issues.yaml:28: SP ACE: an ID is made of letters, digits, `_`, `-` and `.`; rename it [id]
    "##);
}

#[test]
fn a_status_asks_for_something() {
    let text = "\
A: {description: d, status: wip, pattern: first thing}
B: {description: d, status: wip, pattern: second thing, ticket: 77}
C: {description: d, status: external, pattern: third thing}
D: {description: d, status: external, pattern: fourth thing, notes: fixed in 0.12.1}
E: {description: d, status: external, pattern: fifth thing, ticket: 'owner/name#12'}
F: {description: d, status: external, pattern: sixth thing, scope: {engine_version: <0.9}}
G: {description: d, status: wip, pattern: seventh thing, expires: 2026-12-31}
";
    insta::assert_snapshot!(faults(text), @"
    issues.yaml:1: A.status: `wip` says that someone is at it; add `ticket`, or `expires` by when it is done [wip-forever]
    issues.yaml:3: C.status: `external` waits for others; add a link or the version that will have the fix to `ticket` or `notes`, or bound `scope.engine_version` [external-nowhere]
    ");
}

#[test]
fn entries_do_not_take_each_others_findings() {
    let text = "\
ANY: {description: d, status: wontfix, pattern: slow path}
PART: {description: d, status: wontfix, pattern: slow, scope: {backend: candle}}
WHOLE: {description: d, status: wontfix, pattern: slow path taken, scope: {backend: candle}}
ELSEWHERE: {description: d, status: wontfix, pattern: slow path taken, scope: {backend: vllm}}
ONE: {description: d, status: wontfix, pattern: odd \\w+, examples: [odd number]}
TWO: {description: d, status: wontfix, pattern: (even|odd) number}
OLD: {description: d, status: wontfix, pattern: late, scope: {engine_version: <0.9}}
NEW: {description: d, status: wontfix, pattern: late, scope: {engine_version: '>=0.9'}}
SAME: {description: d, status: wontfix, pattern: late, scope: {engine_version: '>=0.9'}}
MASKED: {description: d, status: wontfix, template: Add 3 layers}
ADDED: {description: d, status: wontfix, pattern: add \\d+ layers}
UNRELATED: {description: d, status: wontfix, pattern: even}
";
    insta::assert_snapshot!(faults(text), @r##"
    issues.yaml:3: WHOLE: PART at line 2 matches all that is known of it ("slow path taken"), in its whole scope; remove one of them, or narrow the scope of this one [shadowed]
    issues.yaml:6: TWO: ONE at line 5 covers "odd number" too, and neither scope is narrower; narrow one scope or pattern [tie]
    issues.yaml:9: SAME: the same shape and scope as NEW at line 8; remove one of them [duplicate]
    issues.yaml:10: MASKED: ADDED at line 11 matches all that is known of it ("Add 0 layers"), in its whole scope; remove one of them, or narrow the scope of this one [shadowed]
    issues.yaml:12: UNRELATED: TWO at line 6 covers "even number" too, and neither scope is narrower; narrow one scope or pattern [tie]
    "##);
}

#[test]
fn the_most_specific_entry_wins() {
    let book = parse(
        "\
Z_ANY: {description: d, status: wontfix, pattern: slow path}
A_ONE: {description: d, status: wontfix, pattern: slow, scope: {backend: candle}}
VALUE: {description: d, status: wontfix, pattern: slow, scope: {backend: candle, param: top_k, value: 5}}
",
    )
    .unwrap();
    let finding = finding("WARNING: slow path taken");
    let place = |backend, parameter, value| Place { backend, parameter, value, ..Place::default() };
    let id = |place| book.find(&finding, &place, TODAY).unwrap().id;
    assert_eq!(id(place("candle", None, None)), "A_ONE");
    assert_eq!(id(place("scripted", None, None)), "Z_ANY");
    assert_eq!(id(place("candle", Some("top_k"), Some("5"))), "VALUE");
    assert_eq!(id(place("candle", Some("top_k"), Some("6"))), "A_ONE");
}

#[test]
fn a_tie_that_no_text_foretold_is_told_where_it_comes_up() {
    let book = parse(
        "\
SLOW: {description: d, status: wontfix, pattern: slow}
ODD: {description: d, status: wontfix, pattern: odd}
",
    )
    .unwrap();
    let records = [record("candle::top_k=1", "WARNING: slow and odd\n")];
    let standings = book.settle(&records, &["candle::top_k=1"], &mode());
    insta::assert_snapshot!(standings[1].reason, @"matched once; nothing to do; SLOW covers the same findings as narrowly: narrow one scope or pattern");
    assert_eq!((standings[0].count, standings[1].count), (0, 1));
}

#[test]
fn patterns_reach_over_lines_and_case() {
    let book = parse(
        "A: {description: d, status: wontfix, pattern: 'valueerror: .*gone$'}\nB: {description: d, \
         status: wontfix, template: Add 3 padding layers}\n",
    )
    .unwrap();
    let place = Place { backend: "candle", ..Place::default() };
    let text = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: \
                one\n  two gone\n";
    assert_eq!(book.find(&finding(text), &place, TODAY).unwrap().id, "A");
    let text = "WARNING: Add 17 padding layers";
    assert_eq!(book.find(&finding(text), &place, TODAY).unwrap().id, "B");
    let text = "WARNING: Add 17 padding layers twice";
    assert_eq!(book.find(&finding(text), &place, TODAY), None);
}

#[test]
fn scopes_hold_by_stream_phase_severity_engine_and_gpu() {
    let book = parse(
        "\
A:
  description: d
  status: wontfix
  pattern: slow
  severity: [warning, error]
  scope: {stream: stderr, phase: run, engine_version: '>=0.7, <0.9', gpu: h200, param: cache.*}
",
    )
    .unwrap();
    let warning = finding("WARNING: slow");
    let place = Place {
        backend: "candle",
        parameter: Some("cache.dtype"),
        value: Some("x"),
        engine_version: Some("0.8.1"),
        gpu: Some("NVIDIA H200"),
    };
    let holds = |finding: &Finding, place: &Place<'_>| book.find(finding, place, TODAY).is_some();
    assert!(holds(&warning, &place));
    assert!(!holds(&finding("CRITICAL: slow"), &place));
    assert!(!holds(&Finding { stream: Stream::Stdout, ..warning.clone() }, &place));
    assert!(!holds(&Finding { phase: Phase::Load, ..warning.clone() }, &place));
    assert!(!holds(&warning, &Place { engine_version: Some("0.9"), ..place.clone() }));
    assert!(!holds(&warning, &Place { engine_version: None, ..place.clone() }));
    assert!(!holds(&warning, &Place { gpu: Some("A100"), ..place.clone() }));
    assert!(!holds(&warning, &Place { parameter: Some("top_k"), ..place.clone() }));
}

#[test]
fn an_entry_holds_through_its_last_day() {
    let book = parse("A: {description: d, status: wontfix, pattern: slow, expires: 2026-06-01}\n")
        .unwrap();
    let place = Place { backend: "candle", ..Place::default() };
    let slow = finding("WARNING: slow");
    assert!(!book.find(&slow, &place, TODAY).unwrap().expired);
    assert!(book.find(&slow, &place, date(2026, 6, 2)).unwrap().expired);
}

#[test]
fn every_entry_ends_in_one_state() {
    let book = parse(
        "\
MATCHED: {description: d, status: wontfix, pattern: slow path}
STALE: {description: d, status: wontfix, pattern: odd thing, scope: {backend: candle, param: top_k}}
FEW: {description: d, status: wontfix, pattern: few thing, min: 3, scope: {backend: candle, param: top_k}}
PARTLY: {description: d, status: wontfix, pattern: partly thing, scope: {backend: candle}}
NOWHERE: {description: d, status: wontfix, pattern: nowhere thing, scope: {param: gone}}
SKIPPED: {description: d, status: wontfix, pattern: skipped thing, scope: {param: top_p}}
MACHINE: {description: d, status: wontfix, pattern: machine thing, scope: {gpu: B200}}
EXPIRED: {description: d, status: wontfix, pattern: odd kind, expires: 2026-05-31}
OVER: {description: d, status: wontfix, pattern: too often, max: 1}
",
    )
    .unwrap();
    let mut skipped = record("candle::top_p=0.5", "");
    skipped.outcome = Outcome::Skipped { reason: "needs a GPU".to_owned() };
    let records = [
        record(
            "candle::top_k=1",
            "WARNING: slow path 1\nWARNING: few thing\nWARNING: slow path 2\n",
        ),
        record("candle::top_k=5", "WARNING: slow path\nWARNING: too often\nWARNING: too often\n"),
        skipped,
    ];
    let planned = ["candle::@baseline", "candle::top_k=1", "candle::top_k=5", "candle::top_p=0.5"];
    let standings = book.settle(&records, &planned, &mode());
    let lines: Vec<String> = standings
        .iter()
        .map(|one| {
            format!("{} {:?} {} {:?}: {}", one.id, one.state, one.count, one.cases, one.reason)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r##"
    MATCHED Matched 3 ["candle::top_k=1", "candle::top_k=5"]: matched 3 times in 2 cases; nothing to do
    STALE Stale 0 []: all 2 cases in its scope ran here and it never matched; remove it
    FEW Stale 1 ["candle::top_k=1"]: all 2 cases in its scope ran here with matched once, at least 3 expected; lower `min` or remove it
    PARTLY NotObservable 0 []: 2 of 4 cases in its scope ran here, never matched; run all of them to know
    NOWHERE NotObservable 0 []: no planned case is in its scope; correct the scope if the parameter was renamed, or remove the entry
    SKIPPED NotObservable 0 []: 0 of 1 cases in its scope ran here, never matched; run all of them to know
    MACHINE NotObservable 0 []: it is about another engine or GPU than is here (candle of unknown version, no known GPU); run it there to know more
    EXPIRED Expired 0 []: expired on 2026-05-31, never matched in this run; renew `expires` or remove it
    OVER OverMax 2 ["candle::top_k=5"]: matched 2 times in 1 case, at most 1 allowed; find out what changed or raise `max`
    "##);
}

#[test]
fn an_entry_about_a_machine_is_stale_on_that_machine_only() {
    let book = parse(
        "\
GPU: {description: d, status: wontfix, pattern: slow, scope: {gpu: B200}}
OLD: {description: d, status: wontfix, pattern: odd, scope: {engine_version: <0.24}}
NOW: {description: d, status: wontfix, pattern: new, scope: {engine_version: '0.24'}}
",
    )
    .unwrap();
    let mut mode = mode();
    mode.gpu = Some("NVIDIA B200".to_owned());
    mode.engine_versions.insert("vllm".to_owned(), "0.24.0".to_owned());
    let states = |output: &str, mode: &Mode| {
        let records = [record("vllm::top_k=1", output)];
        let standings = book.settle(&records, &["vllm::top_k=1"], mode);
        let line = |one: &Standing| format!("{} {:?}: {}", one.id, one.state, one.reason);
        standings.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(states("WARNING: slow\n", &mode), @"
    GPU Matched: matched once; nothing to do
    OLD NotObservable: it is about another engine or GPU than is here (vllm 0.24.0, NVIDIA B200); run it there to know more
    NOW Stale: the one case in its scope ran here and it never matched; remove it
    ");
    mode.gpu = None;
    insta::assert_snapshot!(states("WARNING: slow\n", &mode), @"
    GPU NotObservable: it is about another engine or GPU than is here (vllm 0.24.0, no known GPU); run it there to know more
    OLD NotObservable: it is about another engine or GPU than is here (vllm 0.24.0, no known GPU); run it there to know more
    NOW Stale: the one case in its scope ran here and it never matched; remove it
    ");
}

/// An example of a lint in the documentation: its name, the file, and the messages below it.
fn documented() -> Vec<(String, String, String)> {
    let text = include_str!("../../docs/issues.md");
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks = blocks.filter_map(|block| {
        let (name, _) = block.strip_prefix("# ")?.split_once(": ")?;
        let messages = block.lines().filter(|line| line.ends_with(&format!("[{name}]")));
        let messages: Vec<&str> = messages.map(|line| line.trim_start_matches("# ")).collect();
        Some((name.to_owned(), block.to_owned(), messages.join("\n")))
    });
    blocks.collect()
}

#[test]
fn every_lint_has_an_example_in_the_documentation() {
    let examples = documented();
    let names: Vec<&str> = examples.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, Lint::ALL.map(Lint::name));
    let mut all = Vec::new();
    for (name, block, messages) in &examples {
        let said = match (name.as_str(), parse(block)) {
            ("unreadable", _) => Book::load(Path::new("/nowhere/issues.yaml")).unwrap_err(),
            (_, Ok(book)) => book.warnings().to_vec(),
            (_, Err(faults)) => faults,
        };
        assert_eq!(&said.join("\n"), messages, "the example of {name}");
        all.extend(said);
    }
    insta::assert_snapshot!(all.join("\n"), @r##"
    /nowhere/issues.yaml: cannot be read: No such file or directory (os error 2); check the path and its permissions [unreadable]
    issues.yaml:4: not valid YAML: while parsing a node, did not find expected node content [yaml]
    issues.yaml:3: key `A` stands here again, first at line 2; remove one of them [repeated-key]
    issues.yaml:2: A: an entry is a mapping; write its `pattern`, `description` and `status` [not-a-mapping]
    issues.yaml:2: SLOW PATH: an ID is made of letters, digits, `_`, `-` and `.`; rename it [id]
    issues.yaml:2: A.descripton: not a key of an entry; did you mean `description`? [unknown-key]
    issues.yaml:2: A.status: "open" is none of wip, wontfix, external [bad-value]
    issues.yaml:2: A.description: missing; say in a sentence what this issue is [no-description]
    issues.yaml:2: A.status: missing; give one of wip, wontfix, external [no-status]
    issues.yaml:2: A.expires: 2026-01-01 lies before `created` 2026-02-01; correct one [dates]
    issues.yaml:2: A.max: 0 asks nothing of an entry; leave the key out, or remove the entry [bounds]
    issues.yaml:2: A: has neither `pattern` nor `template`; add one of them [no-shape]
    issues.yaml:2: A.template: stands beside `pattern`; keep one of them [two-shapes]
    issues.yaml:2: A.pattern: matches the empty text and so everything; give words of the message [empty-shape]
    issues.yaml:2: A.pattern: matches 9 of 10 unrelated messages; give more words of the message [broad-pattern]
    issues.yaml:2: A.pattern: not a regular expression: unclosed group; escape a literal with `\`, or see the syntax of Rust's regex crate [broken-pattern]
    issues.yaml:2: A.pattern: too large when compiled; make its repetitions shorter [large-pattern]
    issues.yaml:2: A.scope.backend: no backend is called `candel`; did you mean `candle`? [unknown-backend]
    issues.yaml:2: A.scope.param: `cache.*.size` is not a dotted path; `*` may stand at its end only [bad-param]
    issues.yaml:2: A.scope.engine_version: `newest` is not a bound; write for example `>=0.7, <0.9` or `0.7` [bad-version]
    issues.yaml:2: A.scope.engine_version: no version is within all of these bounds; correct one [no-version]
    issues.yaml:2: A.scope.param: `cache.size` is within `cache.*` already; remove one of them [repeated-scope]
    issues.yaml:2: A.examples.0: does not match: "slow road"; correct it or the pattern [example-missed]
    issues.yaml:2: A.counter_examples.0: matches: "slow paths"; correct it or narrow the pattern [counter-example-hit]
    issues.yaml:2: A.status: `wip` says that someone is at it; add `ticket`, or `expires` by when it is done [wip-forever]
    issues.yaml:2: A.status: `external` waits for others; add a link or the version that will have the fix to `ticket` or `notes`, or bound `scope.engine_version` [external-nowhere]
    issues.yaml:3: B: the same shape and scope as A at line 2; remove one of them [duplicate]
    issues.yaml:3: B: A at line 2 matches all that is known of it ("slow path"), in its whole scope; remove one of them, or narrow the scope of this one [shadowed]
    issues.yaml:3: B: A at line 2 covers "slow path" too, and neither scope is narrower; narrow one scope or pattern [tie]
    issues.yaml:2: A: nothing shows that it matches what it is meant for; add `examples` [no-example]
    "##);
}
