//! What is said of experiment files.

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use crate::experiment::Experiment;
use crate::schema::Table;
use crate::settings::Value;

const TABLE: &str = "\
backend: x
engine: x 1
baseline: {}
refused:
- {names: [torch_compile], because: no Python runs here, instead: leave it out}
rules:
- id: lookup_and_beams
  forbids: {lookup: {not: null}, beams: {gt: 1}}
  because: There is no room
  example: {lookup: 2, beams: 2}
  near: {lookup: 2, beams: 1}
params:
- {path: beams, section: sampling, type: int, default: 1, bounds: {ge: 1}, aliases: [beam_search.num], relation: none, description: A.}
- {path: draws, section: sampling, type: bool, default: false, relation: none, description: A.}
- path: top_k
  section: sampling
  type: int
  default: 50
  bounds: {ge: 0}
  with: {draws: true}
  refused: [{value: 5, with: {}, because: Greedy search draws nothing.}]
  relation: none
  description: A.
- {path: lookup, section: sampling, type: int, optional: true, default: null, bounds: {ge: 1}, relation: none, description: A.}
- {path: penalty, section: sampling, type: float, default: 1.0, with: {beams: 2}, relation: none, description: A.}
- {path: kind, section: load, type: enum, choices: [auto, eager], default: auto, requires: [{devices: 1}], deprecated: since 1.0, relation: none, description: A.}
- {path: most, section: sampling, type: int, default: 20, conflicts: [length], relation: none, description: A.}
- {path: length, section: sampling, type: int, default: 20, relation: none, description: A.}
- {path: config, section: load, type: map, default: {}, samples: [{a: 1}], relation: none, description: A.}
- {path: config.mode, section: load, type: int, default: 0, bounds: {ge: 0}, relation: none, description: A.}
";

fn table() -> Table {
    Table::parse(Path::new("x.yaml"), TABLE).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn told(text: &str) -> String {
    let (experiment, mut problems) = Experiment::parse(Path::new("e.yaml"), text).unwrap();
    let resolved = experiment.resolve(&table());
    problems.extend(resolved.problems);
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    format!("{}\n{}", lines.join("\n"), json!(resolved.settings))
}

#[test]
fn a_sound_file_has_nothing_wrong() {
    insta::assert_snapshot!(told("\
backend: x
settings:
  beam_search: {num: 4}
  draws: true
  top_k: 5
  config: {mode: 3}
  kind: eager
prompts: [The mill]
"), @r#"
    3: note: settings.beam_search.num: another name of beams
    7: warning: settings.kind: is deprecated: since 1.0
    7: note: settings.kind: needs devices 1
    {"beams":4,"config.mode":3,"draws":true,"kind":"eager","top_k":5}
    "#);
    insta::assert_snapshot!(told("settings: {config: {mode: 3, other: 1}}\nrequests: r.jsonl\n"), @r#"

    {"config":{"mode":3,"other":1}}
    "#);
}

#[test]
fn every_problem_is_told_at_once() {
    insta::assert_snapshot!(told("\
bakend: x
settings:
  torch_compile: true
  nothing.like.it: 1
  beems: 2
  beams: 2
  beam_search.num: 3
  top_k: -1
  penalty: 2
  kind: eagr
  draws: null
  lookup: 2
  most: 8
  length: 9
  config: {mode: '@token.1'}
prompts: []
requests: 7
"), @r#"
    17: error: requests: `prompts` stands beside it; keep one of them
    17: error: requests: must be the path of a file of requests, and is 7
    16: error: prompts: is empty, and nothing would be asked; add a text
    1: error: bakend: unknown key; did you mean `backend`?
    3: error: settings.torch_compile: not a parameter of x: no Python runs here; leave it out
    4: error: settings.nothing.like.it: no parameter of x; see `wattest params list --backend x`
    5: error: settings.beems: no parameter of x; did you mean `beams`?
    6: error: settings.beams: beams > 1 and lookup is not null is refused (rule lookup_and_beams): There is no room. Accepted: beams=1, lookup=2
    7: note: settings.beam_search.num: another name of beams
    7: error: settings.beam_search.num: beams is set to 2 beside it; set one of them
    8: error: settings.top_k: -1 is out of bounds (>= 0)
    9: error: settings.penalty: 2 is not of type float; write a float with its point
    10: error: settings.kind: "eagr" is not one of the choices ["auto", "eager"]; did you mean `eager`?
    11: error: settings.draws: null is no value of it; give one of type bool
    13: error: settings.most: may not stand beside length; keep one of them
    15: error: settings.config.mode: "@token.1" means something in parameter files only; give a value
    {"beams":2,"length":9,"lookup":2,"most":8}
    "#);
    insta::assert_snapshot!(told("settings: {top_k: 5, penalty: 2.0}\nprompts: text\n"), @r#"
    2: error: prompts: must be a list of texts, and is "text"
    1: warning: nothing is asked; add `prompts` or `requests`
    1: warning: settings.penalty: may have no effect: it is tried with beams=2, and none of these is set
    1: warning: settings.top_k: may be refused: Greedy search draws nothing. It is tried with draws=true
    {"penalty":2.0,"top_k":5}
    "#);
    insta::assert_snapshot!(told("[1]"), @r#"
    1: error: must be a mapping of backend, model, settings, prompts, requests
    1: warning: nothing is asked; add `prompts` or `requests`
    {}
    "#);
}

proptest! {
    /// Whatever stands in the file, it is read, and every problem has a line of it.
    #[test]
    fn nothing_makes_reading_panic(
        key in prop::sample::select(vec!["backend", "model", "settings", "prompts", "requests", "x"]),
        name in prop::sample::select(vec!["beams", "config", "torch_compile", "a.b", "", "é"]),
        value in prop_oneof![
            Just(json!(null)), Just(json!([])), Just(json!({})), Just(json!("@token.1")),
            Just(json!({"mode": {"a": 1}})), any::<i64>().prop_map(Value::from), Just(json!(1.5)),
        ],
        nested in any::<bool>(),
    ) {
        let document = if nested { json!({key: {name: value}}) } else { json!({key: value}) };
        let text = document.to_string();
        let (experiment, mut problems) = Experiment::parse(Path::new("e.yaml"), &text).unwrap();
        let resolved = experiment.resolve(&table());
        problems.extend(resolved.problems);
        prop_assert!(problems.iter().all(|one| one.line == 1), "{:?}", problems);
        // What is left is what every parameter takes.
        for (path, value) in resolved.settings.iter() {
            prop_assert!(table().param(path).is_some_and(|param| param.refusal(value).is_none()));
        }
    }
}
