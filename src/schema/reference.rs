//! Values that name a part of an output, or the model, so that a case works with any model.

use crate::settings::Value;

/// A string value that stands for something that is known only at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// `@token.N`: the id of the N-th generated token, from 0, of the first row.
    Token(usize),
    /// `@text.N`: the text of that token.
    Text(usize),
    /// `@model`: the directory of the model under test.
    Model,
}

impl Reference {
    /// The reference that `value` is, if it is one.
    pub fn parse(value: &Value) -> Option<Self> {
        Self::parse_text(value.as_str()?)
    }

    fn parse_text(text: &str) -> Option<Self> {
        if text == "@model" {
            return Some(Self::Model);
        }
        let (kind, index) = text.strip_prefix('@')?.split_once('.')?;
        // `parse` alone would take `+3` too.
        if index.is_empty() || !index.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let index = index.parse().ok()?;
        match kind {
            "token" => Some(Self::Token(index)),
            "text" => Some(Self::Text(index)),
            _ => None,
        }
    }

    /// Whether it is known only when there is an output.
    pub fn needs_output(self) -> bool {
        self != Self::Model
    }

    /// Whether `value` holds a reference to an output anywhere, keys of maps included.
    pub fn within(value: &Value) -> bool {
        let to_output = |one: Option<Self>| one.is_some_and(Self::needs_output);
        match value {
            Value::Array(items) => items.iter().any(Self::within),
            Value::Object(map) => map
                .iter()
                .any(|(key, value)| to_output(Self::parse_text(key)) || Self::within(value)),
            other => to_output(Self::parse(other)),
        }
    }

    /// The first string anywhere in `value` that begins like a reference and is none.
    pub(crate) fn malformed(value: &Value) -> Option<&str> {
        match value {
            Value::Array(items) => items.iter().find_map(Self::malformed),
            Value::Object(map) => map.values().find_map(Self::malformed),
            Value::String(text) if text.starts_with('@') && Self::parse(value).is_none() => {
                Some(text)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reference_is_a_kind_and_an_index() {
        assert_eq!(Reference::parse(&json!("@token.3")), Some(Reference::Token(3)));
        assert_eq!(Reference::parse(&json!("@text.12")), Some(Reference::Text(12)));
        assert_eq!(Reference::parse(&json!("@model")), Some(Reference::Model));
        for none in [
            json!("@token."),
            json!("@token.+1"),
            json!("@word.1"),
            json!("token.1"),
            json!("@model.1"),
        ] {
            assert_eq!(Reference::parse(&none), None, "{none}");
        }
    }

    #[test]
    fn references_are_found_inside_lists_and_maps() {
        assert!(Reference::within(&json!([[["@token.1"], -10.0]])));
        assert!(Reference::within(&json!({"@token.1": -10.0})));
        assert!(!Reference::within(&json!({"a": [1, "b"]})));
        assert!(!Reference::within(&json!("@model")), "it is there before any output");
        assert_eq!(Reference::malformed(&json!([["@tokn.1"]])), Some("@tokn.1"));
    }
}
