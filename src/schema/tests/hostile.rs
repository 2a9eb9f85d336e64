//! Files of any content are taken or refused, and never make loading panic.

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use crate::schema::{Selection, Table};
use crate::settings::Value;

/// The keys and words of a parameter file, and what else may stand there.
fn any_node() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "params",
        "path",
        "type",
        "int",
        "float",
        "enum",
        "@token.1",
        "@token",
        "changes",
        "equals:a=1",
        "sampling",
        "knob",
        "",
        "é",
        "a.b",
    ]);
    let leaf = prop_oneof![
        words.prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let keys = prop::sample::select(vec![
            "path", "type", "values", "value", "with", "relation", "ge", "gt", "le", "lt", "knob",
            "because", "feature",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(keys, inner, 0..4).prop_map(|map| map
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    /// Whatever stands at a key of a sound entry, the file is taken or refused with a line.
    #[test]
    fn nothing_makes_loading_panic(
        edits in prop::collection::vec((prop::sample::select(vec![
            "path", "section", "type", "optional", "default", "bounds", "choices", "samples",
            "negatives", "refused", "generate", "quick", "with", "brings", "requires",
            "conflicts", "relation", "per_value", "aliases", "since", "description",
        ]), any_node()), 1..4),
        baseline in any_node(),
    ) {
        let mut entry = json!({
            "path": "knob", "section": "sampling", "type": ["int", "float", "enum"],
            "optional": true, "default": 1, "choices": ["a"], "relation": "none",
            "description": "A knob.",
        });
        for (key, value) in edits {
            entry[key] = value;
        }
        let other = json!({
            "path": "other", "section": "load", "type": "bool", "default": false,
            "relation": "equals:knob=2", "description": "Another.",
        });
        let file = json!({
            "backend": "x", "engine": "x", "baseline": baseline, "params": [entry, other],
        });
        // JSON is YAML.
        match Table::parse(Path::new("x.yaml"), &file.to_string()) {
            Ok(table) => prop_assert!(!table.cases(Selection::All).is_empty()),
            Err(faults) => prop_assert!(faults.iter().all(|fault| fault.line.is_some())),
        }
    }

    /// Whatever stands beside the parameters, the file is taken or refused with a line.
    #[test]
    fn nothing_beside_the_parameters_makes_loading_panic(
        key in prop::sample::select(vec!["refused", "excluded", "surfaces", "include"]),
        keys in prop::collection::vec(prop::sample::select(vec![
            "names", "because", "instead", "value", "expires",
        ]), 0..4),
        node in any_node(),
    ) {
        let entry = json!({
            "path": "knob", "section": "sampling", "type": "bool", "default": false,
            "relation": "none", "description": "A knob.",
        });
        let one = json!({"names": ["gone"], "because": "why", "expires": "2027-01-31"});
        let mut item = one.as_object().cloned().unwrap();
        item.extend(keys.into_iter().map(|key| (key.to_owned(), node.clone())));
        // A file that is included would be looked for.
        for value in if key == "include" { vec![json!([7])] } else { vec![json!([item]), node] } {
            let file = json!({
                "backend": "x", "engine": "x", "baseline": {}, "params": [entry.clone()],
                key: value,
            });
            match Table::parse(Path::new("x.yaml"), &file.to_string()) {
                Ok(table) => prop_assert!(!table.cases(Selection::All).is_empty()),
                Err(faults) => prop_assert!(faults.iter().all(|fault| fault.line.is_some())),
            }
        }
    }

    #[test]
    fn any_text_is_taken_or_refused(text in any::<String>()) {
        prop_assert!(Table::parse(Path::new("x.yaml"), &text).is_err());
    }

    #[test]
    fn ends_of_any_size_are_no_trouble(low in any::<f64>(), high in any::<f64>(), least in any::<i64>()) {
        prop_assume!(low.is_finite() && high.is_finite());
        for bounds in [json!({"ge": low, "le": high}), json!({"gt": least, "lt": high}), json!({"gt": low, "lt": u64::MAX})] {
            let entry = json!({
                "path": "knob", "section": "sampling", "type": ["int", "float"], "optional": true,
                "default": null, "bounds": bounds, "relation": "none", "description": "A knob.",
            });
            let file = json!({"backend": "x", "engine": "x", "baseline": {}, "params": [entry]});
            if let Ok(table) = Table::parse(Path::new("x.yaml"), &file.to_string()) {
                prop_assert!(table.cases(Selection::All).len() > 2);
            }
        }
    }
}
