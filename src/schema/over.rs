//! What a surface says of the parameters of a file that stands over it.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, json};

use crate::refusal::nearest;
use crate::schema::fault::{At, Faults};
use crate::schema::{SchemaFault, Surface, SurfaceParam, Type};
use crate::settings::Value;

/// Where an entry of a parameter file has its type, bounds and choices from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The file says everything itself: it stands over no surface.
    #[default]
    File,
    /// The surface that the file stands over, but for what the entry says itself.
    Surface,
    /// The entry, which is not in the surface of its file; with the reason.
    Beyond(String),
}

impl Origin {
    /// Whether the file stands over no surface: such an entry is checked against the house rules
    /// of this project's own engines, the others against what a surface can know.
    pub fn is_file(&self) -> bool {
        *self == Self::File
    }
}

/// The surface that a parameter file stands over.
#[derive(Debug)]
pub(crate) struct Over {
    title: String,
    params: Vec<SurfaceParam>,
    by_path: HashMap<String, usize>,
}

impl Over {
    /// Reads the surface in `file`.
    ///
    /// # Errors
    /// Everything that is wrong with the surface, as faults of its own file.
    pub(crate) fn load(file: &Path) -> Result<Self, Vec<SchemaFault>> {
        let surface = Surface::load(file)?;
        let paths = surface.params.iter().enumerate();
        Ok(Self {
            title: surface.title(),
            by_path: paths.map(|(at, one)| (one.path.clone(), at)).collect(),
            params: surface.params,
        })
    }

    /// What the surface says of `path`.
    pub(crate) fn declared(&self, path: &str) -> Option<&SurfaceParam> {
        self.by_path.get(path).and_then(|&at| self.params.get(at))
    }

    /// Adds to `entry`, the parameter `path`, what it leaves to the surface, and what need not be
    /// said over one. An entry that is not a mapping stays as it is.
    pub(crate) fn complete(&self, path: &str, entry: &mut Value, at: &At, faults: &mut Faults<'_>) {
        let Value::Object(keys) = entry else { return };
        let beyond = keys.contains_key("beyond");
        match self.declared(path) {
            Some(declared) => {
                if beyond {
                    let message = format!("`{path}` is in {}; remove `beyond`", self.title);
                    faults.add(&at.below("beyond"), message);
                }
                from_surface(declared, keys);
            }
            None if !beyond && !path.is_empty() => self.unknown(path, at, faults),
            None => {}
        }
        keys.entry("relation").or_insert_with(|| "none".into());
        keys.entry("description").or_insert_with(|| "".into());
    }

    fn unknown(&self, path: &str, at: &At, faults: &mut Faults<'_>) {
        let known = self.params.iter().map(|one| one.path.as_str());
        let near = nearest(path, known).map(|near| format!("did you mean `{near}`? If not, "));
        let message = format!(
            "is not in {}; {}say with `beyond` why it is here all the same",
            self.title,
            near.unwrap_or_default()
        );
        // Nothing is known of it: that it lacks a type and a default is no news.
        faults.add_unreadable(at, message);
    }
}

/// Adds what `declared` says to the `keys` of an entry that does not say it.
fn from_surface(declared: &SurfaceParam, keys: &mut Map<String, Value>) {
    let mut add = |key: &str, value: Option<Value>| {
        if let Some(value) = value
            && !keys.contains_key(key)
        {
            keys.insert(key.to_owned(), value);
        }
    };
    add("section", declared.section.map(|section| section.word().into()));
    let types: Vec<&str> = declared.types.iter().map(|one| one.word()).collect();
    add("type", (!types.is_empty()).then(|| types.into()));
    add("optional", Some(declared.optional.into()));
    // Not known is null: a surface that has no default of a name cannot see it.
    add("default", Some(declared.default.clone().unwrap_or_default()));
    add("deprecated", declared.deprecated.clone().map(Value::from));
    add("description", declared.description.clone().map(Value::from));
    // The entry may say another type, for which these mean nothing.
    let said = keys.get("type").map(|said| match said {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    });
    let is = |one: Type| said.iter().flatten().any(|word| word == one.word());
    let choices = choices(declared);
    if is(Type::Enum) && !choices.is_empty() && !keys.contains_key("choices") {
        keys.insert("choices".to_owned(), choices.into());
    }
    let number = is(Type::Int) || is(Type::Float);
    if number && !declared.bounds.is_empty() && !keys.contains_key("bounds") {
        keys.insert("bounds".to_owned(), json!(declared.bounds));
    }
}

/// The choices of `declared`. Where it takes null, a command line lists that as the text `None`,
/// which is no value of its own.
fn choices(declared: &SurfaceParam) -> Vec<Value> {
    let is_null = |choice: &&Value| declared.optional && *choice == "None";
    declared.choices.iter().filter(|choice| !is_null(choice)).cloned().collect()
}
