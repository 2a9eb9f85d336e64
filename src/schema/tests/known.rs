//! What an engine is known to get wrong: read, checked, and carried by the cases.

use std::path::Path;

use crate::schema::{Answer, Case, Kind, Selection, Table};

fn file(known: &str) -> String {
    format!(
        "\
backend: x
engine: x 1
baseline: {{}}
params:
- path: rate
  section: sampling
  type: float
  default: 0.5
  bounds: {{ge: 0.0, le: 1.0}}
  refused:
  - {{value: 0.25, with: {{mode: b}}, because: it needs a}}
  relation: changes
  known:
{known}  description: A rate.
- path: mode
  section: load
  type: enum
  default: a
  choices: [a, b, c]
  relation: none
  description: A mode.
"
    )
}

fn faults(known: &str) -> String {
    let faults = Table::parse(Path::new("x.yaml"), &file(known)).unwrap_err();
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn cases(known: &str) -> Vec<Case> {
    Table::parse(Path::new("x.yaml"), &file(known)).unwrap().cases(Selection::All)
}

const KNOWN: &str = "  - {values: [1.0], is: ignored, because: it takes 1 for nothing}
  - {values: [-0.01, true], is: accepted}
  - {values: [1], is: died, because: no whole number is expected}
  - {values: [0.25], is: late}
";

#[test]
fn cases_carry_what_is_known_of_their_value() {
    let known = cases(KNOWN).into_iter().filter_map(|case| {
        let known = case.known?;
        Some(format!("{} {} {}", case.name, known.answer.word(), known.because.unwrap_or_default()))
    });
    insta::assert_snapshot!(known.collect::<Vec<_>>().join("\n"), @"
    x::rate=1.0 ignored it takes 1 for nothing
    x::!rate=-0.01 accepted 
    x::!rate=1 died no whole number is expected
    x::!rate=true accepted 
    x::!rate=0.25 late
    ");
}

/// In a record a case without says nothing of it, and one with says it as the file does.
#[test]
fn cases_are_written_as_the_file_says_it() {
    for case in cases(KNOWN) {
        let written = serde_json::to_value(&case).unwrap();
        match case.name.as_str() {
            "x::rate=1.0" => insta::assert_snapshot!(
                written["known"],
                @r#"{"is":"ignored","because":"it takes 1 for nothing"}"#
            ),
            "x::!rate=-0.01" => {
                insta::assert_snapshot!(written["known"], @r#"{"is":"accepted"}"#);
            }
            "x::@baseline" => assert!(written.get("known").is_none()),
            _ => {}
        }
        assert_eq!(serde_json::from_value::<Case>(written).unwrap(), case);
    }
}

#[test]
fn the_telling_value_is_one_that_the_engine_treats_well() {
    let quick = |known: &str| {
        let table = Table::parse(Path::new("x.yaml"), &file(known)).unwrap();
        table.cases(Selection::Quick)[1].name.clone()
    };
    let first = quick("  - {values: [1], is: late}\n");
    let value = first.split_once('=').unwrap().1;
    let other = quick(&format!("  - {{values: [{value}], is: ignored, because: so it is}}\n"));
    assert_ne!(first, other);
}

/// Both would fail of it: the case by another name is held against what its parameter's is.
#[test]
fn by_another_name_the_same_is_known() {
    let text = file("  - {values: [1], is: late}\n").replace(
        "choices: [a, b, c]\n",
        "choices: [a, b]\n  aliases: [kind]\n  known: [{values: [b], is: failed, because: so}]\n",
    );
    let table = Table::parse(Path::new("x.yaml"), &text).unwrap();
    let (own, alias) = (table.case("x::mode=b").unwrap(), table.case("x::kind=b").unwrap());
    assert_eq!(own.known.as_ref().unwrap().answer, Answer::Failed);
    let (name, other) = (alias.name.clone(), alias.alias.clone());
    assert_eq!(alias, Case { name, alias: other, ..own });
}

#[test]
fn every_fault_has_its_place() {
    insta::assert_snapshot!(
        faults(
            "  - {values: [0.75], is: ignored, because: no such value}
  - {values: [1.0], is: accepted}
  - {values: [1.0], is: ignored}
  - {values: [1.0], is: no_effect, because: again}
  - {values: [true], is: failed, because: it must be refused}
  - {values: [], is: late}
  - {values: [9], is: late}
  - {values: [9], is: died, because: ''}
"
        ),
        @r#"
    x.yaml:14: rate.known.0.values.0: 0.75 is not among the values that are tried; add it to `samples`
    x.yaml:15: rate.known.1.values.0: 1.0 must be taken, so it cannot be known as `accepted`; use refused, failed, died, timed_out, ignored, no_effect or normalised
    x.yaml:16: rate.known.2: has no `because`; say why the value is ignored
    x.yaml:17: rate.known.3.values.0: 1.0 stands twice; keep one of them
    x.yaml:18: rate.known.4.values.0: true must be refused, so it cannot be known as `failed`; use accepted, late, unclear, died or timed_out
    x.yaml:19: rate.known.5.values: is empty; name the values, or remove the entry
    x.yaml:20: rate.known.6.values.0: 9 is not among the values that must be refused; add it to `negatives`, or remove it
    x.yaml:21: rate.known.7.because: "" is not one line of text; say it in one
    x.yaml:21: rate.known.7.values.0: 9 is not among the values of this parameter; add it to `samples` or `negatives`
    "#
    );
    insta::assert_snapshot!(
        faults("  - {values: [1.0], is: broken}\n  - {is: late, why: x}\n"),
        @r#"
    x.yaml:14: rate.known.0.is: must be accepted, late, unclear (of a value that must be refused), refused, failed, ignored, no_effect, normalised (of one that must be taken), died or timed_out, and is "broken"
    x.yaml:15: rate.known.1: has no `values`; add it: a list of values
    x.yaml:15: rate.known.1.why: unknown key; remove it, or use one of: values, is, because
    "#
    );
}

#[test]
fn each_answer_is_wrong_for_some_kind_and_has_its_word() {
    for answer in Answer::ALL {
        assert!([Kind::Valid, Kind::Negative].iter().any(|kind| answer.is_wrong_for(*kind)));
        assert!(!answer.is_wrong_for(Kind::Baseline));
        assert_eq!(serde_json::to_value(answer).unwrap(), answer.word());
    }
}
