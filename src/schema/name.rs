//! Names of cases: unique, stable, ASCII, and safe in the filters of test runners.

use crate::schema::Reference;
use crate::settings::{Value, short_hash};

/// Longer values are named by a label and a hash.
const LONGEST_PLAIN: usize = 40;
/// How much of a long value its label keeps.
const LABEL: usize = 24;

/// The name of the baseline of `backend`.
pub fn baseline(backend: &str) -> String {
    format!("{backend}::@baseline")
}

/// The name of the case that sets `path` to `value`.
pub fn valid(backend: &str, path: &str, value: &Value) -> String {
    format!("{backend}::{path}={}", value_text(value))
}

/// The name of the negative case that sets `path` to `value`.
pub fn negative(backend: &str, path: &str, value: &Value) -> String {
    format!("{backend}::!{path}={}", value_text(value))
}

/// The name of the case of what the rule `id` forbids.
pub fn forbidden(backend: &str, id: &str) -> String {
    format!("{backend}::!rule:{id}=example")
}

/// The name of the case of what the rule `id` allows next to that.
pub fn allowed(backend: &str, id: &str) -> String {
    format!("{backend}::rule:{id}=near")
}

/// The part of a name after `=`.
///
/// Numbers, booleans, null, references and plain words stand for themselves; `1`, `1.0` and the
/// string `"1"` are told apart. Everything else (lists, maps, text with other characters, text
/// that reads like a number) becomes `label@hash`: the label is for the reader, the first eight
/// hex digits of the SHA-256 of its JSON make it unique and stable.
fn value_text(value: &Value) -> String {
    let json = canonical(value);
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => json,
        Value::String(text) if Reference::parse(value).is_some() || is_plain(text) => text.clone(),
        _ => format!("{}@{}", label(value, &json), short_hash(&json, 8)),
    }
}

/// JSON with the keys of maps in order, so that the order in the file does not rename a case.
fn canonical(value: &Value) -> String {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    sorted.to_string()
}

/// Whether `text` may stand in a name as it is: short, of harmless characters, and not to be
/// taken for a number, a boolean, null or a hash.
fn is_plain(text: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':');
    !text.is_empty()
        && text.len() <= LONGEST_PLAIN
        && text.bytes().all(safe)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.parse::<f64>().is_err()
        && !matches!(text, "true" | "false" | "null")
}

/// The readable beginning of a value: its words and numbers, joined by `_`.
fn label(value: &Value, json: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let words = json.split(|c: char| !safe(c)).filter(|word| !word.is_empty());
    let mut label = String::new();
    for word in words {
        if !label.is_empty() && label.len() + word.len() >= LABEL {
            break;
        }
        if !label.is_empty() {
            label.push('_');
        }
        label.push_str(word);
    }
    label.truncate(LABEL);
    if label.is_empty() {
        label.push_str(match value {
            Value::Array(_) => "list",
            Value::Object(_) => "map",
            _ => "text",
        });
    }
    label
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_all_kinds_of_values() {
        let values = [
            json!(1),
            json!(1.0),
            json!("1"),
            json!(-0.25),
            json!(1e-6),
            json!(null),
            json!("null"),
            json!("cuda:0"),
            json!("@token.3"),
            json!("two words"),
            json!(""),
            json!([]),
            json!({}),
            json!([["@token.0"]]),
            json!([[["@token.1"], -10.0]]),
            json!({"bias": 2.0, "greenlist_ratio": 0.25, "seeding_scheme": "selfhash"}),
            json!("l'été | $HOME & (a, b) [c]\n"),
        ];
        let names: Vec<String> =
            values.iter().map(|value| valid("candle", "path", value)).collect();
        insta::assert_snapshot!(names.join("\n"), @"
        candle::path=1
        candle::path=1.0
        candle::path=1@391552c0
        candle::path=-0.25
        candle::path=1e-6
        candle::path=null
        candle::path=null@f072cbec
        candle::path=cuda:0
        candle::path=@token.3
        candle::path=two_words@30b0c53c
        candle::path=text@12ae32cb
        candle::path=list@4f53cda1
        candle::path=map@44136fa3
        candle::path=token.0@9e784c78
        candle::path=token.1_-10.0@2b6664f4
        candle::path=bias_2.0_greenlist_ratio@b75760b3
        candle::path=l_t_HOME_a_b_c_n@97c8a6de
        ");
    }

    #[test]
    fn the_order_of_keys_does_not_rename_a_case() {
        let one = json!({"a": 1, "b": {"c": 2, "d": 3}});
        let two = json!({"b": {"d": 3, "c": 2}, "a": 1});
        assert_eq!(valid("x", "p", &one), valid("x", "p", &two));
    }
}
