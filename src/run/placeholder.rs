//! Fills in `@token.N` and `@text.N` ([`Reference`]): values that are known only when the
//! reference output is there. `@model`, the directory of the model, is filled in before.
//!
//! They stand for the N-th generated token, from 0, of the first row of the first prompt (its id,
//! or its text). The output depends on the model, so no fixed id would be sure to occur in it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::backends::Generation;
use crate::schema::Reference;
use crate::settings::{Settings, Value};

/// The row that placeholders point into.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    /// Generated tokens with their texts.
    tokens: Vec<(u32, String)>,
}

/// A placeholder points behind the end of the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Beyond {
    placeholder: String,
    length: usize,
}

impl Beyond {
    /// Why the case cannot run.
    pub(super) fn reason(&self) -> String {
        format!(
            "`{}` stands for a token of the reference output (the first is number 0), and its \
             first row has only {} tokens",
            self.placeholder, self.length
        )
    }
}

/// `settings` with the directory `model` in place of `@model`.
pub(super) fn fill_model(settings: &Settings, model: &Path) -> Settings {
    let filled = settings.iter().map(|(path, value)| {
        let value = match Reference::parse(value) {
            Some(Reference::Model) => Value::from(model.to_string_lossy()),
            _ => value.clone(),
        };
        (path.clone(), value)
    });
    filled.collect()
}

impl Row {
    /// The row of `output`, with the texts that `text` gives.
    pub(super) fn of(output: &Generation, text: impl Fn(u32) -> String) -> Self {
        let row = output.prompts.first().and_then(|prompt| prompt.rows.first());
        let tokens = row.map_or(&[][..], |row| &row.tokens);
        Self { tokens: tokens.iter().map(|&token| (token, text(token))).collect() }
    }

    /// `settings` with the placeholders of those entries filled in that `wanted` names.
    pub(super) fn fill(
        &self,
        settings: &Settings,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Settings, Beyond> {
        let filled = settings.iter().map(|(path, value)| {
            let value = if wanted(path) { self.value(value)? } else { value.clone() };
            Ok((path.clone(), value))
        });
        filled.collect()
    }

    fn value(&self, value: &Value) -> Result<Value, Beyond> {
        Ok(match value {
            Value::String(text) => match Reference::parse(value) {
                Some(Reference::Token(index)) => Value::from(self.at(index, text)?.0),
                Some(Reference::Text(index)) => Value::from(self.at(index, text)?.1.as_str()),
                Some(Reference::Model) | None => value.clone(),
            },
            Value::Array(items) => {
                items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?
            }
            Value::Object(map) => {
                let entry =
                    |(key, item): (&String, &Value)| Ok((self.key(key)?, self.value(item)?));
                Value::Object(map.iter().map(entry).collect::<Result<_, _>>()?)
            }
            _ => value.clone(),
        })
    }

    fn key(&self, key: &str) -> Result<String, Beyond> {
        Ok(match Reference::parse(&Value::from(key)) {
            Some(Reference::Token(index)) => self.at(index, key)?.0.to_string(),
            Some(Reference::Text(index)) => self.at(index, key)?.1.clone(),
            Some(Reference::Model) | None => key.to_owned(),
        })
    }

    fn at(&self, index: usize, placeholder: &str) -> Result<&(u32, String), Beyond> {
        let beyond = || Beyond { placeholder: placeholder.to_owned(), length: self.tokens.len() };
        self.tokens.get(index).ok_or_else(beyond)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row() -> Row {
        Row { tokens: vec![(5, "a".to_owned()), (7, " b".to_owned())] }
    }

    #[test]
    fn placeholders_are_filled_in_at_any_depth() {
        let value = json!({"@token.1": ["@text.0", {"x": "@token.0"}], "y": "@token", "z": 1});
        insta::assert_snapshot!(
            row().value(&value).unwrap(),
            @r#"{"7":["a",{"x":5}],"y":"@token","z":1}"#
        );
    }

    #[test]
    fn only_the_wanted_entries_are_filled_in() {
        let settings: Settings =
            [("a", json!("@token.0")), ("b", json!("@token.0"))].into_iter().collect();
        let filled = row().fill(&settings, |path| path == "b").unwrap();
        assert_eq!(filled.get("a"), Some(&json!("@token.0")));
        assert_eq!(filled.get("b"), Some(&json!(5)));
    }

    #[test]
    fn the_model_is_a_whole_value() {
        let settings: Settings =
            [("a", json!("@model")), ("b", json!("@token.0")), ("c", json!("x@model"))]
                .into_iter()
                .collect();
        let filled = fill_model(&settings, Path::new("/m"));
        let expected: Settings =
            [("a", json!("/m")), ("b", json!("@token.0")), ("c", json!("x@model"))]
                .into_iter()
                .collect();
        assert_eq!(filled, expected);
    }

    #[test]
    fn behind_the_end_is_said() {
        let beyond = row().value(&json!(["@text.2"])).unwrap_err();
        insta::assert_snapshot!(
            beyond.reason(),
            @"`@text.2` stands for a token of the reference output (the first is number 0), and its first row has only 2 tokens"
        );
    }
}
