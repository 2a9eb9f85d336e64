//! What is other in one snapshot than in another.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::environment::Environment;

/// A value that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Where, as `python.packages.torch`.
    pub key: String,
    /// In the first; null where it has none.
    pub a: Value,
    /// In the second; null where it has none.
    pub b: Value,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} -> {}", self.key, Shown(&self.a), Shown(&self.b))
    }
}

/// A value as people write it: text without quotes.
struct Shown<'a>(&'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => f.write_str("none"),
            Value::String(text) => f.write_str(text),
            Value::Array(list) => {
                let parts: Vec<String> = list.iter().map(|one| Shown(one).to_string()).collect();
                f.write_str(if parts.is_empty() { "none" } else { "" })?;
                f.write_str(&parts.join(", "))
            }
            other => write!(f, "{other}"),
        }
    }
}

/// Everything in which `b` differs from `a`, by key; but for what moves by itself, and for the
/// reasons of what is unknown.
pub fn differences(a: &Environment, b: &Environment) -> Vec<Difference> {
    let (a, b) = (leaves(a), leaves(b));
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let value =
        |of: &BTreeMap<String, Value>, key: &String| of.get(key).cloned().unwrap_or_default();
    let all = keys.into_iter().map(|key| Difference {
        key: key.clone(),
        a: value(&a, key),
        b: value(&b, key),
    });
    all.filter(|one| one.a != one.b).collect()
}

fn leaves(of: &Environment) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    if let Ok(Value::Object(fields)) = serde_json::to_value(of) {
        for (name, value) in fields {
            if name != "moving" && name != "unknown" {
                gather(name, value, &mut found);
            }
        }
    }
    found
}

/// Puts the values below `value` into `found`, by dotted key. A list of plain values is one, of
/// which the order matters; GPUs go by their place.
fn gather(key: String, value: Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                gather(format!("{key}.{name}"), value, found);
            }
        }
        Value::Array(list) if list.iter().any(Value::is_object) => {
            for (place, value) in list.into_iter().enumerate() {
                gather(format!("{key}.{place}"), value, found);
            }
        }
        Value::Null => {}
        value => {
            found.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{Cuda, CudaSource, Gpu, Python};

    #[test]
    fn differences_are_told_by_key() {
        let python = |torch: &str| Python {
            executable: "/env/bin/python".to_owned(),
            version: Some("3.11.7".to_owned()),
            packages: BTreeMap::from([
                ("torch".to_owned(), torch.to_owned()),
                ("six".to_owned(), "1.0".to_owned()),
            ]),
            conda: None,
        };
        let gpu = |limit| Gpu { power_limit_mw: limit, ..Gpu::default() };
        let a = Environment {
            features: vec!["candle".to_owned()],
            driver: Some("570.1".to_owned()),
            python: Some(python("2.10.0")),
            gpu_details: vec![gpu(Some(700_000))],
            processors: Some(2),
            ..Environment::default()
        };
        let mut b = Environment {
            features: vec!["candle".to_owned(), "cuda".to_owned()],
            driver: None,
            cuda: Some(Cuda {
                version: "12.8".to_owned(),
                source: CudaSource::Torch,
                evidence: "x".to_owned(),
            }),
            python: Some(python("2.11.0")),
            gpu_details: vec![gpu(Some(500_000)), gpu(None)],
            ..a.clone()
        };
        b.moving.temperatures_mc.insert("x".to_owned(), 1);
        b.unknown.insert("driver".to_owned(), "gone".to_owned());
        let told: Vec<String> = differences(&a, &b).iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        cuda.evidence: none -> x
        cuda.source: none -> torch
        cuda.version: none -> 12.8
        driver: 570.1 -> none
        features: candle -> candle, cuda
        gpu_details.0.power_limit_mw: 700000 -> 500000
        python.packages.torch: 2.10.0 -> 2.11.0
        ");
    }

    #[test]
    fn equal_snapshots_differ_in_nothing() {
        let one = Environment::take(None);
        assert!(differences(&one, &one).is_empty());
    }
}
