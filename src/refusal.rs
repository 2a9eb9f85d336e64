//! A setting that an engine does not accept.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::settings::Value;

/// A setting refused before any work: which parameter, which value, and the rule it breaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Error)]
#[error("{}refused: {rule}", told(parameter, value))]
pub struct Refusal {
    /// Dotted path of the parameter; empty where an engine refuses and does not name one.
    pub parameter: String,
    /// The value that was given.
    pub value: Value,
    /// What would be accepted, or which other setting it contradicts.
    pub rule: String,
}

impl Refusal {
    /// A refusal of `parameter = value` by `rule`.
    pub fn new(
        parameter: impl Into<String>,
        value: impl Into<Value>,
        rule: impl Into<String>,
    ) -> Self {
        Self { parameter: parameter.into(), value: value.into(), rule: rule.into() }
    }

    /// A refusal of a name that no parameter has, with the nearest of `known` where one is near.
    pub fn unknown<'a>(
        name: &str,
        value: impl Into<Value>,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let rule = match nearest(name, known) {
            Some(near) => format!("no such parameter; did you mean `{near}`?"),
            None => "no such parameter; see `wattest params list`".to_owned(),
        };
        Self::new(name, value, rule)
    }
}

/// What goes before the word that it is refused.
fn told(parameter: &str, value: &Value) -> String {
    if parameter.is_empty() { String::new() } else { format!("{parameter} = {value} is ") }
}

/// The one of `known` that `name` most likely stands for, if any is near enough.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|one| (strsim::damerau_levenshtein(name, one), one));
    let (distance, best) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + name.len() / 4).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_the_nearest() {
        let refusal = Refusal::unknown("temprature", 1.0, ["top_k", "temperature"]);
        insta::assert_snapshot!(
            refusal,
            @"temprature = 1.0 is refused: no such parameter; did you mean `temperature`?"
        );
        insta::assert_snapshot!(Refusal::new("", Value::Null, "too many"), @"refused: too many");
    }
}
