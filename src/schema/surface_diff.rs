//! What changed between two versions of a surface. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::schema::{Surface, SurfaceParam};

/// One name that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The name.
    pub path: String,
    /// How.
    #[serde(flatten)]
    pub kind: ChangeKind,
}

/// How a name changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum ChangeKind {
    /// The new version has it, the old one had not.
    Added,
    /// The old version had it, the new one has not.
    Removed,
    /// Something of it is other than it was.
    Altered {
        /// What: `type`, `default`, `choices`, `bounds`, `deprecated`.
        what: &'static str,
        /// As it was.
        old: serde_json::Value,
        /// As it is.
        new: serde_json::Value,
    },
}

/// What is other in `new` than in `old`, by name; several entries for a name with several changes.
pub fn changes(old: &Surface, new: &Surface) -> Vec<Change> {
    let by_path = |surface: &'_ Surface| -> BTreeMap<String, SurfaceParam> {
        surface.params.iter().map(|param| (param.path.clone(), param.clone())).collect()
    };
    let (old, new) = (by_path(old), by_path(new));
    let mut changes = Vec::new();
    for (path, was) in &old {
        match new.get(path) {
            None => changes.push(Change { path: path.clone(), kind: ChangeKind::Removed }),
            Some(is) => changes.extend(
                altered(was, is).into_iter().map(|kind| Change { path: path.clone(), kind }),
            ),
        }
    }
    let added = new.keys().filter(|path| !old.contains_key(*path));
    changes.extend(added.map(|path| Change { path: path.clone(), kind: ChangeKind::Added }));
    changes.sort_by(|one, other| one.path.cmp(&other.path));
    changes
}

fn altered(was: &SurfaceParam, is: &SurfaceParam) -> Vec<ChangeKind> {
    // Both as they are written down: what is shown is what was compared.
    let written = |param: &SurfaceParam| serde_json::to_value(param).unwrap_or_default();
    let (was, is) = (written(was), written(is));
    let compared = ["type", "default", "choices", "bounds", "deprecated"];
    let pairs = compared.into_iter().map(|what| (what, was[what].clone(), is[what].clone()));
    let other = pairs.filter(|(_, old, new)| old != new);
    other.map(|(what, old, new)| ChangeKind::Altered { what, old, new }).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn surface(params: &str) -> Surface {
        let text = format!("engine: x\nversion: '1'\nmethod: m\nparams:\n{params}");
        Surface::parse(Path::new("x.yaml"), &text).unwrap()
    }

    #[test]
    fn what_came_went_and_became_other() {
        let old = surface(
            "- {path: gone}\n- {path: same, type: int, default: 1}\n\
             - {path: other, type: int, default: 1, bounds: {ge: 0}}\n",
        );
        let new = surface(
            "- {path: same, type: int, default: 1}\n- {path: come, type: bool}\n\
             - {path: other, type: [int, float], default: null, bounds: {ge: 1}}\n",
        );
        let lines: Vec<String> =
            changes(&old, &new).iter().map(|one| serde_json::to_string(one).unwrap()).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        {"path":"come","change":"added"}
        {"path":"gone","change":"removed"}
        {"path":"other","change":"altered","what":"type","old":["int"],"new":["int","float"]}
        {"path":"other","change":"altered","what":"default","old":1,"new":null}
        {"path":"other","change":"altered","what":"bounds","old":{"ge":0},"new":{"ge":1}}
        "#);
        assert!(changes(&new, &new).is_empty());
    }
}
