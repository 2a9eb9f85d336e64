//! Settings: parameters with their values, by dotted path.

use std::collections::BTreeMap;
use std::collections::btree_map::Iter;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The value of a parameter. Integers and floats are kept apart, as an engine may accept one and
/// refuse the other.
pub type Value = serde_json::Value;

/// Parameters and the values they are set to, ordered by dotted path.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, Value>);

impl Settings {
    /// No setting at all: every parameter stays at the default of the engine.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value set for `path`, if one is.
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.0.get(path)
    }

    /// Sets `path`, in place of an earlier value.
    pub fn set(&mut self, path: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(path.into(), value.into());
    }

    /// Takes `path` out and gives the value it had.
    pub fn remove(&mut self, path: &str) -> Option<Value> {
        self.0.remove(path)
    }

    /// These settings with `over` laid on top.
    #[must_use]
    pub fn merged(&self, over: &Self) -> Self {
        let mut merged = self.clone();
        merged.0.extend(over.0.iter().map(|(path, value)| (path.clone(), value.clone())));
        merged
    }

    /// The settings whose path `keep` wants.
    #[must_use]
    pub fn only(&self, mut keep: impl FnMut(&str) -> bool) -> Self {
        let kept = self.0.iter().filter(|(path, _)| keep(path));
        Self(kept.map(|(path, value)| (path.clone(), value.clone())).collect())
    }

    /// All settings in the order of their paths.
    pub fn iter(&self) -> Iter<'_, String, Value> {
        self.0.iter()
    }

    /// How many parameters are set.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A key that is equal for equal settings: 16 hex digits, stable over versions and machines.
    pub fn key(&self) -> String {
        // Rust prints a float in the shortest form that reads back, so the text is canonical.
        let text = serde_json::to_string(&self.0).unwrap_or_default();
        short_hash(&text, 16)
    }
}

impl<P: Into<String>, V: Into<Value>> FromIterator<(P, V)> for Settings {
    fn from_iter<I: IntoIterator<Item = (P, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(path, value)| (path.into(), value.into())).collect())
    }
}

/// The first `digits` hex digits of the SHA-256 of `text`.
pub fn short_hash(text: &str, digits: usize) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let mut hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.truncate(digits);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_depends_on_type_and_not_on_order() {
        let one: Settings = [("b", Value::from(1)), ("a", Value::from(2))].into_iter().collect();
        let two: Settings = [("a", Value::from(2)), ("b", Value::from(1))].into_iter().collect();
        let three: Settings =
            [("a", Value::from(2)), ("b", Value::from(1.0))].into_iter().collect();
        assert_eq!(one.key(), two.key());
        assert_ne!(one.key(), three.key());
        assert_eq!(one.key().len(), 16);
    }
}
