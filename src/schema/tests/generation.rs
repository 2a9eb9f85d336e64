//! Values and negatives of parameters of any shape.

use proptest::prelude::*;
use serde_json::{Number, json};

use crate::schema::{
    Bounds, Generate, Origin, Param, Relation, Section, Type, negatives, same_value, values,
};
use crate::settings::{Settings, Value};

fn param(types: Vec<Type>, default: Value) -> Param {
    Param {
        path: "knob".to_owned(),
        section: Section::Sampling,
        types,
        optional: default.is_null(),
        default,
        baseline: None,
        bounds: Bounds::default(),
        choices: Vec::new(),
        samples: Vec::new(),
        negatives: Vec::new(),
        refused: Vec::new(),
        known: Vec::new(),
        generate: Generate::All,
        quick: None,
        companions: Settings::new(),
        brings: Settings::new(),
        requires: Vec::new(),
        conflicts: Vec::new(),
        relation: Relation::None,
        per_value: Vec::new(),
        aliases: Vec::new(),
        since: None,
        deprecated: None,
        until: None,
        description: "A knob.".to_owned(),
        origin: Origin::File,
        line: 1,
    }
}

fn bounds(value: Value) -> Bounds {
    serde_json::from_value(value).unwrap()
}

fn show(values: &[Value]) -> String {
    values.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn values_follow_from_the_type() {
    let shown =
        |param: &Param| format!("{}  not  {}", show(&values(param)), show(&negatives(param)));
    let mut lines = Vec::new();
    let mut add = |what: &str, param: Param| lines.push(format!("{what}: {}", shown(&param)));
    add("bool", param(vec![Type::Bool], json!(false)));
    add("optional bool", Param { optional: true, ..param(vec![Type::Bool], json!(true)) });
    let whole = |value: Value, default: Value| Param {
        bounds: bounds(value),
        ..param(vec![Type::Int], default)
    };
    add("int from 1", whole(json!({"ge": 1}), json!(1)));
    add("int from 0", whole(json!({"ge": 0}), json!(50)));
    add("int above 0 below 10", whole(json!({"gt": 0, "lt": 10}), json!(3)));
    add("int of one value", whole(json!({"ge": 7, "le": 8}), json!(7)));
    add("optional int", whole(json!({"ge": 1}), json!(null)));
    add("unbounded int", param(vec![Type::Int], json!(8)));
    let real = |value: Value, default: Value| Param {
        bounds: bounds(value),
        ..param(vec![Type::Float], default)
    };
    add("float 0..=1", real(json!({"ge": 0, "le": 1}), json!(1.0)));
    add("float 0.5..0.99", real(json!({"ge": 0.5, "lt": 0.99}), json!(0.9)));
    add("float above 0", real(json!({"gt": 0}), json!(1.0)));
    add("float from 0 by default 0", real(json!({"ge": 0}), json!(0.0)));
    add("unbounded float", param(vec![Type::Float], json!(1.0)));
    add(
        "number",
        Param { types: vec![Type::Float, Type::Int], ..real(json!({"ge": 0}), json!(1.0)) },
    );
    let choices = vec![json!("a"), json!("b"), json!("c")];
    add("enum", Param { choices: choices.clone(), ..param(vec![Type::Enum], json!("b")) });
    add("bool or enum", Param { choices, ..param(vec![Type::Bool, Type::Enum], json!("b")) });
    add("list", Param { samples: vec![json!([1])], ..param(vec![Type::List], json!(null)) });
    insta::assert_snapshot!(lines.join("\n"), @r#"
        bool: true  not  "nonesuch" 7
        optional bool: false null  not  "nonesuch" 7
        int from 1: 2  not  0 1.5 "nonesuch" true
        int from 0: 0 1 25 100  not  -1 0.5 "nonesuch" true
        int above 0 below 10: 1 2 5 8 9  not  0 10 1.5 "nonesuch" true
        int of one value: 8  not  6 9 7.5 "nonesuch" true
        optional int: 1 2 5  not  0 1.5 "nonesuch" true
        unbounded int: 4 16  not  1.5 "nonesuch" true
        float 0..=1: 0.0 0.01 0.5 0.99  not  -0.01 1.01 0 "nonesuch" true
        float 0.5..0.99: 0.5 0.5049 0.745 0.9851  not  0.4951 0.99 "nonesuch" true
        float above 0: 0.01 0.5 2.0  not  0.0 2 "nonesuch" true
        float from 0 by default 0: 0.01 1.0  not  -0.01 1 "nonesuch" true
        unbounded float: 0.5 2.0  not  2 "nonesuch" true
        number: 0.0 0.01 0.5 2.0  not  -1 -0.01 "nonesuch" true
        enum: "a" "c"  not  "nonesuch" true 7
        bool or enum: true false "a" "c"  not  "nonesuch" 7
        list: [1]  not  "nonesuch" true 7
        "#);
}

#[test]
fn the_baseline_stands_in_for_the_default() {
    let knob = Param { baseline: Some(json!(true)), ..param(vec![Type::Bool], json!(false)) };
    assert_eq!(values(&knob), [json!(false)]);
}

#[test]
fn nothing_but_the_samples_where_the_file_says_so() {
    let knob = Param {
        generate: Generate::Samples,
        samples: vec![json!(3), json!("@token.2")],
        bounds: bounds(json!({"ge": 0})),
        ..param(vec![Type::Int], json!(1))
    };
    assert_eq!(values(&knob), [json!(3), json!("@token.2")]);
}

fn number(whole: bool, number: f64) -> Number {
    match whole {
        true => Number::from(number as i64),
        false => Number::from_f64(number).unwrap(),
    }
}

prop_compose! {
    /// Any bounds that hold something, as the lints let through.
    fn any_bounds()(
        low in -1000.0..1000.0f64,
        width in 0.0..500.0f64,
        has in any::<(bool, bool)>(),
        exclusive in any::<(bool, bool)>(),
        whole in any::<bool>(),
    ) -> Bounds {
        let (low, high) = (number(whole, low), number(whole, low + width));
        let end = |number: &Number, has: bool| has.then(|| number.clone());
        Bounds {
            ge: end(&low, has.0 && !exclusive.0),
            gt: end(&low, has.0 && exclusive.0),
            le: end(&high, has.1 && !exclusive.1),
            lt: end(&high, has.1 && exclusive.1),
        }
    }
}

fn any_scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-1000i64..1000).prop_map(Value::from),
        (-1000.0..1000.0f64).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        "[a-z ,()]{0,6}".prop_map(Value::from),
        Just(Value::Null),
    ]
}

fn any_param() -> impl Strategy<Value = Param> {
    let one = prop::sample::select(vec![
        Type::Bool,
        Type::Int,
        Type::Float,
        Type::String,
        Type::Enum,
        Type::List,
    ]);
    prop::collection::vec(one, 1..3).prop_flat_map(|types| {
        let bounds = any_bounds();
        let scalars = || prop::collection::vec(any_scalar(), 0..5);
        (bounds, scalars(), scalars(), any_scalar(), prop::option::of(any_scalar())).prop_map(
            move |(bounds, samples, choices, default, baseline)| Param {
                bounds,
                samples,
                choices: match types.contains(&Type::Enum) {
                    true => choices.into_iter().filter(Value::is_string).collect(),
                    false => Vec::new(),
                },
                baseline,
                ..param(types.clone(), default)
            },
        )
    })
}

proptest! {
    #[test]
    fn values_are_accepted_new_and_few(param in any_param()) {
        let values = values(&param);
        prop_assert!(values.len() <= 2 * 6 + param.choices.len() + param.samples.len() + 1);
        for (index, value) in values.iter().enumerate() {
            prop_assert_eq!(param.rejection(value), None, "{}", value);
            prop_assert!(!same_value(value, param.in_force()), "{} is in force", value);
            prop_assert!(!values[..index].iter().any(|other| same_value(other, value)));
        }
    }

    #[test]
    fn generated_negatives_are_never_accepted(param in any_param()) {
        for value in negatives(&param) {
            prop_assert!(param.rejection(&value).is_some(), "{}", value);
        }
    }

    #[test]
    fn the_ends_of_integers_are_tried(least in -1000i64..1000, width in 1i64..1000) {
        let knob = Param {
            bounds: bounds(json!({"ge": least, "le": least + width})),
            ..param(vec![Type::Int], json!(null))
        };
        let (values, negatives) = (values(&knob), negatives(&knob));
        for end in [least, least + width] {
            prop_assert!(values.contains(&json!(end)));
        }
        for outside in [least - 1, least + width + 1] {
            prop_assert!(negatives.contains(&json!(outside)));
        }
    }

    #[test]
    fn a_name_is_safe_whatever_the_value(value in any_scalar(), text in any::<String>()) {
        for value in [value.clone(), Value::from(text.clone()), json!([value, {text: value}])] {
            let name = crate::schema::name::valid("candle", "knob", &value);
            let safe = |c: char| c.is_ascii_alphanumeric() || "_.:=@!-".contains(c);
            prop_assert!(name.chars().all(safe), "{}", name);
            prop_assert!(name.len() <= "candle::knob=".len() + 41);
        }
    }

    #[test]
    fn different_values_have_different_names(one in any_scalar(), other in any_scalar()) {
        let name = |value: &Value| crate::schema::name::valid("candle", "knob", value);
        prop_assert_eq!(one == other, name(&one) == name(&other));
    }
}
