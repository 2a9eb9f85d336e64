//! The keys of one mapping, read one by one, so that a file with several faults tells them all.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::refusal::nearest;
use crate::schema::fault::{At, Faults};

/// A mapping whose keys are taken out by name; what is left over at the end is unknown.
pub(crate) struct Fields {
    map: Map<String, Value>,
    at: At,
    known: Vec<&'static str>,
}

impl Fields {
    /// The keys of `value`, or a fault where it is not a mapping.
    pub(crate) fn new(value: Value, at: At, faults: &mut Faults<'_>) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self { map, at, known: Vec::new() }),
            other => {
                faults.add_unreadable(
                    &at,
                    format!("must be a mapping of keys to values, and is {other}"),
                );
                None
            }
        }
    }

    /// Where `key` of this mapping stands.
    pub(crate) fn at(&self, key: &str) -> At {
        self.at.below(key)
    }

    /// Whether `key` is there still.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// Takes `key` out as it is.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.map.remove(key)
    }

    /// Takes `key` out as a `T`; `shape` says in words what it should be.
    pub(crate) fn read<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        shape: &str,
        faults: &mut Faults<'_>,
    ) -> Option<T> {
        let value = self.take(key)?;
        match T::deserialize(&value) {
            Ok(read) => Some(read),
            Err(_) => {
                faults.add_unreadable(&self.at(key), format!("must be {shape}, and is {value}"));
                None
            }
        }
    }

    /// As [`Fields::read`], and a fault where the key is not there.
    pub(crate) fn require<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        shape: &str,
        faults: &mut Faults<'_>,
    ) -> Option<T> {
        if !self.map.contains_key(key) {
            self.known.push(key);
            faults.add_unreadable(&self.at, format!("has no `{key}`; add it: {shape}"));
            return None;
        }
        self.read(key, shape, faults)
    }

    /// A fault for every key that was not asked for.
    pub(crate) fn finish(self, faults: &mut Faults<'_>) {
        for key in self.map.keys() {
            let at = self.at.below(key);
            match nearest(key, self.known.iter().copied()) {
                Some(near) => faults.add(&at, format!("unknown key; did you mean `{near}`?")),
                None => {
                    let known = self.known.join(", ");
                    faults.add(&at, format!("unknown key; remove it, or use one of: {known}"));
                }
            }
        }
    }
}
