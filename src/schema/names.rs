//! What the parameters of a backend may be called, which names are refused with a reason, and which
//! are those of a request.
//!
//! A backend knows each of its parameters by one name. Whatever a person gives goes through
//! [`Names::resolve`] first, in the worker of a case as in `wattest run`: other names become that
//! one, and a name that the parameter file refuses is refused with the reason that stands there.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;
use crate::schema::{Table, same_value};
use crate::settings::Settings;

/// The names of one backend, beside those of its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Parameters by their other names.
    aliases: BTreeMap<String, String>,
    /// By refused name, what a refusal of it says.
    refused: BTreeMap<String, String>,
    /// The parameters of a request; all else is part of what is loaded.
    #[serde(default)]
    request: BTreeSet<String>,
}

/// Settings by the names that the backend knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Named {
    /// The settings.
    pub settings: Settings,
    /// One line for each that was given by another name.
    pub notes: Vec<String>,
}

impl Names {
    /// Those of `table`.
    pub(crate) fn of(table: &Table) -> Self {
        let aliases = table.params.iter().flat_map(|param| {
            param.aliases.iter().map(|alias| (alias.clone(), param.path.clone()))
        });
        let refused = table.refused.iter().map(|one| (one.name.clone(), one.rule(&table.backend)));
        let request = table.params.iter().filter(|param| !param.section.is_load());
        let request = request.map(|param| param.path.clone()).collect();
        Self { aliases: aliases.collect(), refused: refused.collect(), request }
    }

    /// What of `settings` an engine is loaded with; none where nothing is known of the parameters.
    pub(crate) fn of_load(&self, settings: &Settings) -> Option<Settings> {
        (!self.request.is_empty()).then(|| settings.only(|path| !self.request.contains(path)))
    }

    /// `given` by the names that the backend knows. A name that is neither refused nor an alias
    /// stays as it is: whether there is such a parameter is for the backend to say.
    ///
    /// # Errors
    /// A [`Refusal`] of a name that the parameter file refuses, and of a parameter that is given
    /// two values by two names.
    pub fn resolve(&self, given: &Settings) -> Result<Named, Refusal> {
        let mut named = Named {
            settings: given.only(|name| !self.aliases.contains_key(name)),
            notes: Vec::new(),
        };
        for (name, value) in given.iter() {
            if let Some(rule) = self.refused.get(name) {
                return Err(Refusal::new(name.clone(), value.clone(), rule.clone()));
            }
            let Some(path) = self.aliases.get(name) else { continue };
            match named.settings.get(path) {
                Some(other) if !same_value(other, value) => {
                    let rule = format!(
                        "another name of {path}, which is set to {other} beside it; set one of them"
                    );
                    return Err(Refusal::new(name.clone(), value.clone(), rule));
                }
                Some(_) => {}
                None => named.settings.set(path.clone(), value.clone()),
            }
            named.notes.push(format!("{name} is another name of {path}"));
        }
        Ok(named)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::settings::Value;

    fn names() -> Names {
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
        };
        Names {
            aliases: pairs(&[("torch_dtype", "dtype"), ("fp_precision", "dtype"), ("b.k", "k")]),
            refused: pairs(&[("torch_compile", "not a parameter of x: no Python; use another")]),
            request: BTreeSet::new(),
        }
    }

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    fn resolved(value: Value) -> String {
        match names().resolve(&settings(value)) {
            Ok(named) => format!("{} {:?}", json!(named.settings), named.notes),
            Err(refusal) => refusal.to_string(),
        }
    }

    #[test]
    fn every_name_becomes_that_of_its_parameter_or_is_refused() {
        let lines = [
            resolved(json!({"torch_dtype": "float16", "top_k": 5})),
            resolved(json!({"b.k": 1, "torch_dtype": "float16"})),
            resolved(json!({"torch_dtype": "float16", "dtype": "float16"})),
            resolved(json!({"torch_dtype": "float16", "dtype": "float32"})),
            resolved(json!({"torch_dtype": "float16", "fp_precision": "float32"})),
            resolved(json!({"torch_compile": true})),
            resolved(json!({"nonesuch": 1})),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r#"
        {"dtype":"float16","top_k":5} ["torch_dtype is another name of dtype"]
        {"dtype":"float16","k":1} ["b.k is another name of k", "torch_dtype is another name of dtype"]
        {"dtype":"float16"} ["torch_dtype is another name of dtype"]
        torch_dtype = "float16" is refused: another name of dtype, which is set to "float32" beside it; set one of them
        torch_dtype = "float16" is refused: another name of dtype, which is set to "float32" beside it; set one of them
        torch_compile = true is refused: not a parameter of x: no Python; use another
        {"nonesuch":1} []
        "#);
    }

    proptest! {
        /// What is resolved holds no alias, keeps every other setting, and is resolved for good.
        #[test]
        fn resolving_is_done_once(
            given in prop::collection::btree_map(
                prop::sample::select(vec!["torch_dtype", "fp_precision", "dtype", "b.k", "k", "z"]),
                0..3_i64,
                0..6,
            )
        ) {
            let names = names();
            let given: Settings = given.into_iter().collect();
            let values = |paths: &[&str]| {
                let mut values: Vec<_> = paths.iter().filter_map(|path| given.get(path)).collect();
                values.dedup();
                values.len()
            };
            let sound = values(&["torch_dtype", "fp_precision", "dtype"]) < 2
                && values(&["b.k", "k"]) < 2;
            let Ok(named) = names.resolve(&given) else {
                prop_assert!(!sound);
                return Ok(());
            };
            prop_assert!(sound);
            prop_assert!(named.settings.iter().all(|(name, _)| !names.aliases.contains_key(name)));
            prop_assert_eq!(given.get("z"), named.settings.get("z"));
            let aliases = given.iter().filter(|(name, _)| names.aliases.contains_key(*name));
            prop_assert_eq!(named.notes.len(), aliases.count());
            let again = names.resolve(&named.settings).unwrap();
            prop_assert_eq!(again, Named { notes: Vec::new(), ..named });
        }
    }
}
