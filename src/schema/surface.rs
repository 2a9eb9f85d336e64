//! A surface: the names that somebody may set, of an engine or of a list to be covered.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;

use crate::schema::fault::{At, Faults};
use crate::schema::fields::Fields;
use crate::schema::read::{bounds, or_default, types};
use crate::schema::{Bounds, SchemaFault, Section, Type};
use crate::settings::Value;
use crate::yaml;

const TEXT: &str = "text";
const SECTIONS: &str = "load, engine, build, runtime or sampling";

/// Everything that may be set somewhere, stamped with where that is known from. Kept in
/// `params/upstream/` for engines and in `params/origin/` for lists of names.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Surface {
    /// Whose surface it is.
    pub engine: String,
    /// Of which version.
    pub version: String,
    /// How it was taken: introspection, from source, by hand.
    pub method: String,
    /// What that cannot see.
    pub limitations: Vec<String>,
    /// What may be set.
    pub params: Vec<SurfaceParam>,
}

/// One name of a surface. What is not known of it is none or empty.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SurfaceParam {
    /// The name, dotted where it is nested.
    pub path: String,
    /// What it belongs to; none where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<Section>,
    /// Its type; several for a union, none where it is not known.
    #[serde(rename = "type")]
    pub types: Vec<Type>,
    /// Whether it takes null.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Whether it also takes what no file can hold: a function, an object.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub opaque: bool,
    /// What the engine has when it is not set; none where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The values of an enum.
    pub choices: Vec<Value>,
    /// The range of its numbers.
    pub bounds: Bounds,
    /// Since when, or why, it should not be set any more.
    pub deprecated: Option<String>,
    /// One line for people.
    pub description: Option<String>,
}

impl Surface {
    /// Reads and checks `file`.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn load(file: &Path) -> Result<Self, Vec<SchemaFault>> {
        let (document, lines) = yaml::read(file).map_err(|error| vec![error.into()])?;
        Self::check(file, document, &lines)
    }

    /// As [`Surface::load`], of `text`; `file` is for messages.
    ///
    /// # Errors
    /// As [`Surface::load`].
    pub fn parse(file: &Path, text: &str) -> Result<Self, Vec<SchemaFault>> {
        let (document, lines) = yaml::parse(file, text).map_err(|error| vec![error.into()])?;
        Self::check(file, document, &lines)
    }

    fn check(file: &Path, document: Value, lines: &yaml::Lines) -> Result<Self, Vec<SchemaFault>> {
        let mut faults = Faults::new(file, lines);
        let surface = surface(document, &mut faults).unwrap_or_default();
        if faults.count() == 0 { Ok(surface) } else { Err(faults.into_sorted()) }
    }

    /// Whose it is and of which version, for people.
    pub fn title(&self) -> String {
        format!("{} {}", self.engine, self.version)
    }
}

fn surface(document: Value, faults: &mut Faults<'_>) -> Option<Surface> {
    let mut fields = Fields::new(document, At::top(), faults)?;
    let mut text = |key, shape| fields.require(key, shape, faults).unwrap_or_default();
    let mut surface = Surface {
        engine: text("engine", "whose surface it is"),
        version: text("version", "of which version, as text in quotes"),
        method: text("method", "how it was taken"),
        ..Surface::default()
    };
    surface.limitations = or_default(&mut fields, "limitations", "a list of texts", faults);
    let entries: Vec<Value> =
        fields.require("params", "a list of mappings", faults).unwrap_or_default();
    if entries.is_empty() && faults.count() == 0 {
        faults.add(&fields.at("params"), "is empty, and nothing would be covered; add an entry");
    }
    fields.finish(faults);
    let mut first: HashMap<String, usize> = HashMap::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let name = entry.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
        let at = At::top().entry(index, &name);
        let Some(param) = param(entry, &at, faults) else { continue };
        if param.path.is_empty() || param.path.contains(char::is_whitespace) {
            faults.add(&at, "its `path` must be a name without blanks");
        } else if let Some(line) = first.insert(param.path.clone(), faults.line(&at)) {
            faults.add(&at, format!("stands at line {line} already; remove one of them"));
        }
        surface.params.push(param);
    }
    Some(surface)
}

fn param(entry: Value, at: &At, faults: &mut Faults<'_>) -> Option<SurfaceParam> {
    let mut fields = Fields::new(entry, at.clone(), faults)?;
    let param = SurfaceParam {
        path: fields.require("path", "the dotted path", faults)?,
        section: fields.read("section", SECTIONS, faults),
        optional: or_default(&mut fields, "optional", "true or false", faults),
        opaque: or_default(&mut fields, "opaque", "true or false", faults),
        types: match fields.has("type") {
            true => types(&mut fields, faults).unwrap_or_default(),
            false => Vec::new(),
        },
        default: fields.take("default"),
        choices: or_default(&mut fields, "choices", "a list of values", faults),
        bounds: bounds(&mut fields, faults),
        deprecated: fields.read("deprecated", TEXT, faults),
        description: fields.read("description", TEXT, faults),
    };
    fields.finish(faults);
    Some(param)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        match Surface::parse(Path::new("x.yaml"), text) {
            Ok(surface) => serde_json::to_string_pretty(&surface).unwrap(),
            Err(faults) => faults.iter().map(|one| format!("{one}\n")).collect(),
        }
    }

    #[test]
    fn a_surface_is_read_with_what_is_known_of_each_name() {
        insta::assert_snapshot!(told(
            "engine: x\nversion: '1.0'\nmethod: by hand\nparams:\n- path: a.b\n\
             - {path: c, type: int, default: null, bounds: {ge: 1}, deprecated: since 0.9}\n"
        ), @r#"
        {
          "engine": "x",
          "version": "1.0",
          "method": "by hand",
          "limitations": [],
          "params": [
            {
              "path": "a.b",
              "type": [],
              "choices": [],
              "bounds": {},
              "deprecated": null,
              "description": null
            },
            {
              "path": "c",
              "type": [
                "int"
              ],
              "default": null,
              "choices": [],
              "bounds": {
                "ge": 1
              },
              "deprecated": "since 0.9",
              "description": null
            }
          ]
        }
        "#);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        insta::assert_snapshot!(told(
            "engine: x\nmethod: by hand\nlimitation: []\nparams:\n- path: a\n  type: integer\n\
             - path: a\n- {default: 1}\n- path: b c\n"
        ), @r#"
        x.yaml:1: has no `version`; add it: of which version, as text in quotes
        x.yaml:3: limitation: unknown key; did you mean `limitations`?
        x.yaml:6: a.type: must be bool, int, float, string, enum, list, map, or a list of these, and is ["integer"]
        x.yaml:7: a: stands at line 5 already; remove one of them
        x.yaml:8: params.2: has no `path`; add it: the dotted path
        x.yaml:9: b c: its `path` must be a name without blanks
        "#);
        insta::assert_snapshot!(told("engine: x\nversion: 1.0\nmethod: m\nparams: []\n"), @"x.yaml:2: version: must be of which version, as text in quotes, and is 1.0");
    }
}
