//! The parameter files of this repository hold what a parameter file should.

use std::collections::HashSet;
use std::path::Path;

use crate::schema::{
    Case, Kind, Param, Reference, Relation, Selection, Table, load_all, name, negatives,
    same_value, values,
};
use crate::settings::{Settings, Value};

fn tables() -> Vec<Table> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("params");
    load_all(&folder).unwrap_or_else(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    })
}

fn params() -> Vec<Param> {
    tables().into_iter().flat_map(|table| table.params).collect()
}

fn candle() -> Table {
    tables().into_iter().find(|table| table.backend == "candle").unwrap()
}

#[test]
fn the_table_covers_the_engine() {
    let table = candle();
    let cases = table.cases(Selection::All);
    let count = |kind: Kind| cases.iter().filter(|case| case.kind == kind).count();
    assert!(table.params.len() >= 58, "{} parameters", table.params.len());
    assert_eq!(count(Kind::Baseline), 1);
    assert!(count(Kind::Valid) >= 180, "{} valid", count(Kind::Valid));
    assert!(count(Kind::Negative) >= 290, "{} negative", count(Kind::Negative));
    assert_eq!(table.cases(Selection::Quick).len(), 1 + table.params.len());
}

#[test]
fn every_value_is_in_range_and_new() {
    for param in params() {
        let values = values(&param);
        assert!(!values.is_empty(), "{}: nothing is tried", param.path);
        // How many choices an engine of others has is not for this project to say.
        let most = 16 + if param.origin.is_file() { 0 } else { param.choices.len() };
        assert!(values.len() <= most, "{}: {} values", param.path, values.len());
        for (index, value) in values.iter().enumerate() {
            assert_eq!(param.rejection(value), None, "{} = {value}", param.path);
            assert!(!same_value(value, param.in_force()), "{} = {value}", param.path);
            let earlier = values[..index].iter().find(|earlier| same_value(earlier, value));
            assert_eq!(earlier, None, "{}: twice", param.path);
        }
    }
}

#[test]
fn the_default_is_tried_only_where_the_baseline_sets_something_else() {
    for param in params() {
        let tried = values(&param).iter().any(|value| same_value(value, &param.default));
        assert!(!tried || param.baseline.is_some(), "{} = {}", param.path, param.default);
    }
}

#[test]
fn every_generated_negative_is_no_value_of_its_parameter() {
    for param in params() {
        let negatives = negatives(&param);
        assert!(!negatives.is_empty(), "{}", param.path);
        for value in negatives.iter().filter(|value| !param.negatives.contains(value)) {
            assert!(param.rejection(value).is_some(), "{} = {value}", param.path);
        }
    }
}

#[test]
fn every_parameter_says_what_it_does() {
    for param in params() {
        // Those of a surface are the engine's own.
        if !param.origin.is_file() {
            continue;
        }
        assert!(param.description.ends_with('.'), "{}: {:?}", param.path, param.description);
        assert!(param.description.len() <= 100, "{}: {:?}", param.path, param.description);
    }
}

#[test]
fn names_are_unique_and_safe_in_the_filters_of_test_runners() {
    let mut seen = HashSet::new();
    for table in tables() {
        for case in table.cases(Selection::All) {
            let safe = |c: char| c.is_ascii_alphanumeric() || "_.:=@!-".contains(c);
            assert!(case.name.chars().all(safe), "{}", case.name);
            assert!(case.name.len() <= 100, "{}", case.name);
            assert!(case.name.starts_with(&format!("{}::", table.backend)), "{}", case.name);
            assert!(seen.insert(case.name.clone()), "{} twice", case.name);
        }
    }
}

#[test]
fn every_case_is_found_by_its_name() {
    for table in tables() {
        for case in table.cases(Selection::All) {
            assert_eq!(table.case(&case.name).as_ref(), Some(&case));
        }
    }
    let table = candle();
    for none in ["", "candle::", "candle::top_k", "candle::top_k=7", "vllm::top_k=1", "top_k=1"] {
        assert_eq!(table.case(none), None, "{none}");
    }
}

#[test]
fn a_quick_run_is_a_part_of_a_full_one() {
    for table in tables() {
        let all = table.cases(Selection::All);
        for case in table.cases(Selection::Quick) {
            assert!(all.contains(&case), "{}", case.name);
            assert_ne!(case.kind, Kind::Negative, "{}", case.name);
        }
    }
}

/// What a valid case sets beside its reference: the value, and what the entry says it brings.
#[test]
fn a_case_differs_from_its_reference_by_its_value() {
    let table = candle();
    for case in table.cases(Selection::All).iter().filter(|case| case.kind == Kind::Valid) {
        // What a rule allows is no single value.
        let Some(parameter) = case.parameter.clone() else { continue };
        let (path, value) = (parameter, case.value.clone().unwrap());
        assert_eq!(case.settings.get(&path), Some(&value), "{}", case.name);
        if matches!(case.relation, Relation::Equals(_)) {
            continue;
        }
        let mut expected = case.reference.merged(&table.param(&path).unwrap().brought_by(&value));
        expected.set(&path, value);
        assert_eq!(case.settings, expected, "{}", case.name);
    }
}

#[test]
fn an_equals_is_compared_with_the_settings_of_that_case() {
    let table = candle();
    let mut seen = 0;
    for case in table.cases(Selection::All) {
        if let Relation::Equals(other) = &case.relation {
            assert_eq!(case.reference, table.case(other).unwrap().settings, "{}", case.name);
            seen += 1;
        }
    }
    assert!(seen >= 3, "{seen}");
}

#[test]
fn load_paths_are_the_load_parameters_that_are_set() {
    let table = candle();
    let paths = |name: &str| table.case(name).unwrap().load_paths;
    assert_eq!(paths("candle::dtype=float16"), ["dtype"]);
    assert_eq!(paths("candle::temperature=0.7"), Vec::<String>::new());
    assert_eq!(paths("candle::!dype=float16"), ["dype"], "given to the loading, and refused there");
}

#[test]
fn negative_cases_need_neither_machine_nor_output() {
    let declared = |table: &Table, case: &Case| {
        let Some(path) = case.parameter.as_deref() else { return true };
        let param = table.param(path).unwrap();
        param.refused.iter().any(|refused| Some(&refused.value) == case.value.as_ref())
    };
    for table in tables() {
        let cases = table.cases(Selection::All);
        for case in cases.iter().filter(|case| case.kind == Kind::Negative) {
            // What refuses a value of an engine over its surface is code that has to be there.
            let param = case.parameter.as_deref().and_then(|path| table.param(path));
            let own = param.is_none_or(|param| param.origin.is_file());
            assert!(!own || case.requirements == table.requires, "{}", case.name);
            let refers = case.settings.iter().any(|(_, value)| Reference::within(value));
            assert!(!refers || declared(&table, case), "{}", case.name);
        }
    }
}

#[test]
fn a_gpu_is_required_by_the_cases_that_use_one() {
    let table = candle();
    let case = table.case("candle::device=cuda").unwrap();
    insta::assert_snapshot!(
        serde_json::to_string(&case.requirements).unwrap(),
        @r#"[{"feature":"cuda"},{"devices":1}]"#
    );
}

#[test]
fn cases_of_every_kind() {
    let table = candle();
    let show = |settings: &Settings| {
        let one = |(path, value): (&String, &Value)| format!("{path}={value}");
        settings.iter().map(one).collect::<Vec<_>>().join(" ")
    };
    let names = [
        "candle::@baseline",
        "candle::temperature=0.7",
        "candle::top_k=1",
        "candle::eos_token_id=@token.3",
        "candle::min_new_tokens=4",
        "candle::max_length=256",
        "candle::num_beam_groups=2",
        "candle::penalty_alpha=0.0",
        "candle::num_return_sequences=4",
        "candle::!temperature=2",
        "candle::!temperature=0.7",
        "candle::!min_new_tokens=-1",
        "candle::!temprature=0.7",
    ];
    let lines = names.map(|name| {
        let case = table.case(name).unwrap_or_else(|| panic!("{name}"));
        let (settings, reference) = (show(&case.settings), show(&case.reference));
        format!("{name}  {:?}\n  sets      {settings}\n  reference {reference}", case.relation)
    });
    insta::assert_snapshot!(lines.join("\n"), @r#"
        candle::@baseline  None
          sets      max_new_tokens=24 output_scores=true
          reference max_new_tokens=24 output_scores=true
        candle::temperature=0.7  Changes
          sets      do_sample=true max_new_tokens=24 output_scores=true seed=7 temperature=0.7
          reference do_sample=true max_new_tokens=24 output_scores=true seed=7
        candle::top_k=1  Equals("candle::@baseline")
          sets      do_sample=true max_new_tokens=24 output_scores=true seed=7 top_k=1
          reference max_new_tokens=24 output_scores=true
        candle::eos_token_id=@token.3  Limits
          sets      eos_token_id="@token.3" max_new_tokens=8 output_scores=true
          reference max_new_tokens=8 output_scores=true
        candle::min_new_tokens=4  Changes
          sets      eos_token_id="@token.2" max_new_tokens=24 min_new_tokens=4 output_scores=true
          reference eos_token_id="@token.2" max_new_tokens=24 output_scores=true
        candle::max_length=256  Changes
          sets      batch_size=4 max_length=256 output_scores=true
          reference batch_size=4 output_scores=true
        candle::num_beam_groups=2  None
          sets      diversity_penalty=0.5 max_new_tokens=24 num_beam_groups=2 num_beams=4 output_scores=true
          reference max_new_tokens=24 num_beams=4 output_scores=true
        candle::penalty_alpha=0.0  SameTokens
          sets      max_new_tokens=24 output_scores=true penalty_alpha=0.0 top_k=50
          reference max_new_tokens=24 output_scores=true
        candle::num_return_sequences=4  Changes
          sets      do_sample=false max_new_tokens=24 num_beams=4 num_return_sequences=4 output_scores=true seed=7
          reference do_sample=false max_new_tokens=24 num_beams=4 output_scores=true seed=7
        candle::!temperature=2  None
          sets      do_sample=true max_new_tokens=24 output_scores=true seed=7 temperature=2
          reference do_sample=true max_new_tokens=24 output_scores=true seed=7
        candle::!temperature=0.7  None
          sets      max_new_tokens=24 output_scores=true temperature=0.7
          reference max_new_tokens=24 output_scores=true
        candle::!min_new_tokens=-1  None
          sets      max_new_tokens=24 min_new_tokens=-1 output_scores=true
          reference max_new_tokens=24 output_scores=true
        candle::!temprature=0.7  None
          sets      do_sample=true max_new_tokens=24 output_scores=true seed=7 temprature=0.7
          reference do_sample=true max_new_tokens=24 output_scores=true seed=7
        "#);
}

#[test]
fn a_parameter_is_described_as_json() {
    let table = candle();
    // The line moves with every edit of the file.
    let param = Param { line: 1, ..table.param("top_k").unwrap().clone() };
    let json = serde_json::to_string_pretty(&param).unwrap();
    insta::assert_snapshot!(json, @r#"
        {
          "path": "top_k",
          "section": "sampling",
          "type": [
            "int"
          ],
          "optional": false,
          "default": 50,
          "baseline": null,
          "bounds": {
            "ge": 0
          },
          "choices": [],
          "samples": [
            5
          ],
          "negatives": [],
          "refused": [
            {
              "value": 5,
              "with": {},
              "because": "Greedy search draws nothing, and would ignore it."
            }
          ],
          "known": [],
          "generate": "all",
          "quick": 5,
          "with": {
            "do_sample": true,
            "seed": 7
          },
          "brings": {},
          "requires": [],
          "conflicts": [],
          "relation": "changes",
          "per_value": [
            {
              "values": [
                1
              ],
              "relation": {
                "equals": "candle::@baseline"
              },
              "with": {},
              "brings": {},
              "requires": []
            }
          ],
          "aliases": [
            "decoder.top_k"
          ],
          "since": null,
          "deprecated": null,
          "until": null,
          "description": "Keeps the k most likely tokens; 0 keeps all.",
          "line": 1
        }
        "#);
}

#[test]
fn a_misspelling_is_named_after_what_was_meant() {
    let table = candle();
    let expected = name::negative("candle", "temprature", &Value::from(0.7));
    let case = table.case(&expected).unwrap();
    assert_eq!(case.parameter.as_deref(), Some("temperature"));
    assert_eq!(case.settings.get("temprature"), Some(&Value::from(0.7)));
    assert_eq!(case.settings.get("temperature"), None);
}
