//! A surface as the text of its file: a line for each parameter, so that versions can be compared.

use std::fmt::{self, Write as _};

use serde_json::Value;

use crate::schema::{Surface, SurfaceParam};

const HEAD: &str =
    "# Written by `wattest introspect`, which writes it anew: not edited by hand.\n\n";

impl Surface {
    /// The text of its file, which [`Surface::parse`] reads back.
    pub fn to_yaml(&self) -> String {
        let mut text = HEAD.to_owned();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "engine: {}", quoted(&self.engine))?;
        writeln!(out, "version: {}", quoted(&self.version))?;
        writeln!(out, "method: {}", quoted(&self.method))?;
        if !self.limitations.is_empty() {
            writeln!(out, "limitations:")?;
        }
        for limitation in &self.limitations {
            writeln!(out, "- {}", quoted(limitation))?;
        }
        writeln!(out, "params:")?;
        self.params.iter().try_for_each(|param| writeln!(out, "- {{{}}}", line(param)))
    }
}

/// The keys of `param` that say something.
fn line(param: &SurfaceParam) -> String {
    let mut parts = vec![format!("path: {}", quoted(&param.path))];
    if let Some(section) = &param.section {
        parts.push(format!("section: {}", section.word()));
    }
    let types: Vec<&str> = param.types.iter().map(|one| one.word()).collect();
    match types[..] {
        [] => {}
        [one] => parts.push(format!("type: {one}")),
        _ => parts.push(format!("type: [{}]", types.join(", "))),
    }
    if param.optional {
        parts.push("optional: true".to_owned());
    }
    if param.opaque {
        parts.push("opaque: true".to_owned());
    }
    if let Some(default) = &param.default {
        parts.push(format!("default: {default}"));
    }
    if !param.choices.is_empty() {
        parts.push(format!("choices: {}", Value::from(param.choices.clone())));
    }
    if !param.bounds.is_empty() {
        parts.push(format!("bounds: {{{}}}", bounds(param)));
    }
    if let Some(deprecated) = &param.deprecated {
        parts.push(format!("deprecated: {}", quoted(deprecated)));
    }
    if let Some(description) = &param.description {
        parts.push(format!("description: {}", quoted(description)));
    }
    parts.join(", ")
}

fn bounds(param: &SurfaceParam) -> String {
    let bounds = &param.bounds;
    let ends = [("ge", &bounds.ge), ("gt", &bounds.gt), ("le", &bounds.le), ("lt", &bounds.lt)];
    let set = ends.iter().filter_map(|(word, end)| Some(format!("{word}: {}", end.as_ref()?)));
    set.collect::<Vec<_>>().join(", ")
}

/// Text as YAML reads it back: plain where nothing in it could mean something else.
fn quoted(text: &str) -> String {
    let first = text.starts_with(|one: char| one.is_ascii_alphabetic());
    let plain = text.chars().all(|one| one.is_ascii_alphanumeric() || "_.-/".contains(one));
    let word = matches!(
        text.to_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if first && plain && !word { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_for_each_parameter() {
        let text = "engine: x\nversion: '1.0'\nmethod: asked\nlimitations: ['a: b']\nparams:\n\
                    - {path: a.b, section: engine, type: [int, enum], optional: true, default: null, \
                    choices: [a, 1], bounds: {ge: 1, lt: 2.5}, deprecated: since 1}\n- path: 'no'\n";
        let surface = Surface::parse(Path::new("x.yaml"), text).unwrap();
        insta::assert_snapshot!(surface.to_yaml(), @r#"
        # Written by `wattest introspect`, which writes it anew: not edited by hand.

        engine: x
        version: "1.0"
        method: asked
        limitations:
        - "a: b"
        params:
        - {path: a.b, section: engine, type: [int, enum], optional: true, default: null, choices: ["a",1], bounds: {ge: 1, lt: 2.5}, deprecated: "since 1"}
        - {path: "no"}
        "#);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            texts in prop::collection::vec("\\PC{0,12}", 3),
            path in "[a-z0-9._]{1,9}",
            choices in prop::collection::vec(prop_oneof!["\\PC{0,5}".prop_map(Value::from), any::<i64>().prop_map(Value::from), any::<f32>().prop_map(|one| Value::from(f64::from(one)))], 0..4),
            flags in prop::collection::vec(any::<bool>(), 2),
        ) {
            let surface = Surface {
                engine: texts[0].clone(),
                version: texts[1].clone(),
                method: texts[2].clone(),
                limitations: texts.clone(),
                params: vec![SurfaceParam {
                    path,
                    section: None,
                    types: Vec::new(),
                    optional: flags[0],
                    opaque: flags[1],
                    default: choices.first().cloned(),
                    choices,
                    bounds: Default::default(),
                    deprecated: Some(texts[0].clone()),
                    description: None,
                }],
            };
            let read = Surface::parse(Path::new("x.yaml"), &surface.to_yaml());
            prop_assert_eq!(read.ok(), Some(surface));
        }
    }
}
