//! Combinations that are refused: what a file may say of them, and their cases.

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use crate::schema::{Kind, Selection, Table};
use crate::settings::{Settings, Value};

const PARAMS: &str = "\
params:
- {path: beams, section: sampling, type: int, default: 1, bounds: {ge: 1}, relation: none, description: A.}
- {path: draws, section: sampling, type: bool, default: false, relation: none, description: A.}
- {path: lookup, section: sampling, type: int, optional: true, default: null, bounds: {ge: 1}, relation: none, description: A.}
- {path: kind, section: load, type: enum, choices: [a, b, c], default: a, relation: none, description: A.}
";

fn parse(rules: &str) -> Result<Table, String> {
    let text = format!("backend: x\nengine: x 1\nbaseline: {{}}\n{PARAMS}rules:\n{rules}");
    Table::parse(Path::new("x.yaml"), &text)
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

const RULES: &str = "\
- id: lookup_and_beams
  forbids: {lookup: {not: null}, beams: {gt: 1}, kind: [b, c]}
  because: There is no room.
  example: {lookup: 2, beams: 2, kind: b}
  near: {lookup: 2, beams: 2}
  requires: [{devices: 1}]
";

#[test]
fn a_rule_has_two_cases() {
    let table = parse(RULES).unwrap();
    let lines: Vec<String> = table
        .cases(Selection::All)
        .iter()
        .filter(|case| case.name.contains("rule:"))
        .map(|case| {
            assert_eq!(table.case(&case.name).as_ref(), Some(case));
            format!(
                "{} {:?} {} beside {} for {}",
                case.name,
                case.kind,
                json!(case.settings),
                json!(case.reference),
                json!(case.requirements)
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    x::!rule:lookup_and_beams=example Negative {"beams":2,"kind":"b","lookup":2} beside {} for []
    x::rule:lookup_and_beams=near Valid {"beams":2,"lookup":2} beside {} for [{"devices":1}]
    "#);
    assert_eq!(table.case("x::rule:nonesuch=near"), None);
    insta::assert_snapshot!(
        table.rules[0].in_words(),
        @r#"beams > 1 and kind is "b" or "c" and lookup is not null"#
    );
    assert!(table.cases(Selection::Quick).iter().all(|case| case.kind != Kind::Negative));
}

#[test]
fn what_is_wrong_with_rules_is_told_at_once() {
    insta::assert_snapshot!(parse("\
- {id: Two, forbids: {beams: {gt: 1}}, because: '', example: {beams: 1}, near: {beams: 2}}
- {id: two, forbids: {beam: 1, kind: {}, draws: []}, because: why, example: {beams: 0}, near: {}}
- {id: two, forbids: {beams: 1, draws: false}, because: why, example: {}, near: {draws: true}}
- {id: four, forbids: {beams: {above: 1}, draws: {not: [true], gt: 1}}, because: why, example: {}}
- {id: five, forbids: {beams: 2, draws: [false]}, because: why, example: {beams: 2}, near: {}}
").unwrap_err(), @"
    x.yaml:10: rules.0.id: must be lower-case words of a-z, 0-9 and _
    x.yaml:10: rules.0.because: is not one line of text; say it in one
    x.yaml:10: rules.0.forbids: names fewer than two parameters; a value that is never accepted belongs to the `negatives` of its parameter
    x.yaml:10: rules.0.example: is not what it forbids: beams > 1; correct one
    x.yaml:10: rules.0.near: is forbidden too; change what makes it so
    x.yaml:11: rules.1.forbids.beam: no parameter is named `beam`; did you mean `beams`?
    x.yaml:11: rules.1.example.beams: 0 is out of bounds (>= 1); correct it, or the bounds
    x.yaml:11: rules.1.forbids.draws: says nothing; give a value, a list of values, bounds or `not`
    x.yaml:11: rules.1.forbids.kind: says nothing; give a value, a list of values, bounds or `not`
    x.yaml:11: rules.1.example: is not what it forbids: beam is 1 and draws is  and kind ; correct one
    x.yaml:12: rules.2.id: `two` stands here twice; rename one
    x.yaml:12: rules.2.forbids: forbids the baseline, which every case starts from
    x.yaml:13: rules.3.forbids.beams.above: unknown key; remove it, or use one of: ge, gt, le, lt
    x.yaml:13: rules.3.forbids.draws.gt: unknown key; remove it, or use one of: not
    x.yaml:13: rules.3: has no `near`; add it: a mapping of parameters to values
    ");
    // A case shows that the engine takes two beams.
    let one = "- {id: five, forbids: {beams: 2, draws: [false]}, because: why, \
               example: {beams: 2}, near: {}}\n";
    insta::assert_snapshot!(parse(one).unwrap_err(), @"x.yaml:10: rules.0.forbids: forbids what `x::beams=2` shows to be accepted");
}

proptest! {
    /// A rule forbids what fulfils all of its conditions, and nothing else.
    #[test]
    fn a_rule_is_all_of_its_conditions(
        beams in 1..5_i64, draws in any::<bool>(), lookup in prop::option::of(1..4_i64), kind in "[abc]",
    ) {
        let table = parse(RULES).unwrap();
        let settings: Settings = [
            ("beams", Value::from(beams)),
            ("draws", Value::from(draws)),
            ("lookup", lookup.map_or(Value::Null, Value::from)),
            ("kind", Value::from(kind.clone())),
        ].into_iter().collect();
        let forbidden = beams > 1 && lookup.is_some() && kind != "a";
        prop_assert_eq!(table.broken_rule(&settings).is_some(), forbidden);
        // What is not set is at its default.
        let alone = settings.only(|path| path != "kind");
        prop_assert!(table.broken_rule(&alone).is_none());
    }

    /// Whatever stands among the rules, the file is taken or refused with a line.
    #[test]
    fn nothing_among_the_rules_makes_loading_panic(
        key in prop::sample::select(vec!["id", "forbids", "because", "example", "near", "requires"]),
        inner in prop::sample::select(vec!["beams", "kind", "not", "gt", "le", "nonesuch"]),
        value in prop_oneof![
            Just(json!(null)), Just(json!([])), Just(json!({})), Just(json!("a")), Just(json!(-1)),
            Just(json!({"not": []})), Just(json!({"gt": 1, "ge": 1})), Just(json!([[{}]])),
        ],
        nested in any::<bool>(),
    ) {
        let mut rule = json!({
            "id": "a", "forbids": {"beams": {"gt": 1}, "kind": "b"}, "because": "why",
            "example": {"beams": 2, "kind": "b"}, "near": {"beams": 2},
        });
        if nested {
            rule[key] = json!({inner: value});
        } else {
            rule[key] = value;
        }
        if let Err(told) = parse(&format!("- {rule}\n")) {
            prop_assert!(told.lines().all(|line| line.starts_with("x.yaml:")), "{}", told);
        }
    }
}
