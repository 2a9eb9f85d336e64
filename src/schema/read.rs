//! What the entries of a parameter file say: shapes and types, no meaning yet.

use serde::de::DeserializeOwned;

use crate::schema::fault::{At, Faults};
use crate::schema::fields::Fields;
use crate::schema::over::Over;
use crate::schema::param::{PerValue, Refused};
use crate::schema::{
    Bounds, Excluded, Generate, Origin, Param, RefusedName, Relation, Requirement, Rule, Section,
    Type, declared, known, rule,
};
use crate::settings::{Settings, Value};

const SECTIONS: &str = "load, engine, build, runtime or sampling";
const TYPES: &str = "bool, int, float, string, enum, list, map, or a list of these";
const LIST: &str = "a list of values";
const NAMES: &str = "a list of names";
const MAPPING: &str = "a mapping of parameters to values";
const TEXT: &str = "text";
const RELATIONS: &str = "same_tokens, changes, limits, none or equals:<case>";
const REQUIREMENTS: &str = "a list of `devices: N`, `compute_capability: \"M.N\"`, \
    `feature: NAME`, `architecture: [NAME]`, `model: sliding_window | full_attention`, `processors: N`, \
    `package: NAME`, `cpu: FLAG` or `system: NAME`";

/// What a whole file says.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) backend: String,
    pub(crate) engine: String,
    pub(crate) baseline: Settings,
    /// Conditions of every case.
    pub(crate) requires: Vec<Requirement>,
    /// The surface that it stands over.
    pub(crate) over: Option<Over>,
    /// The surfaces that its coverage is taken over, relative to its folder.
    pub(crate) surfaces: Vec<String>,
    pub(crate) refused: Vec<(At, RefusedName)>,
    pub(crate) excluded: Vec<(At, Excluded)>,
    pub(crate) rules: Vec<(At, Rule)>,
    /// The entries that could be read.
    pub(crate) params: Vec<(At, Param)>,
    /// The paths of those that could not.
    pub(crate) broken: Vec<String>,
}

/// The files that `document` includes, relative to its own folder.
pub(crate) fn includes(document: &Value) -> Vec<&str> {
    let files = match document.get("include") {
        Some(Value::Array(files)) => files.iter().collect(),
        one => one.into_iter().collect::<Vec<_>>(),
    };
    files.into_iter().filter_map(Value::as_str).collect()
}

/// The surface that `document` stands over, relative to its own folder.
pub(crate) fn over(document: &Value) -> Option<&str> {
    document.get("over").and_then(Value::as_str)
}

/// Reads the document, and those that it includes, `over` the surface that it names; what cannot be
/// read is a fault, and the rest is still read. The entries of the included ones come first.
pub(crate) fn file(
    document: Value,
    included: Vec<Value>,
    over: Option<Over>,
    faults: &mut Faults<'_>,
) -> File {
    let mut file = File { over, ..File::default() };
    let Some(mut fields) = Fields::new(document, At::top(), faults) else { return file };
    file.backend = fields.require("backend", "the name of the backend", faults).unwrap_or_default();
    file.engine =
        fields.require("engine", "which engine and version this is", faults).unwrap_or_default();
    include(&mut fields, faults);
    file.surfaces.extend(fields.read::<String>("over", "the path of a surface", faults));
    let more: Vec<String> = or_default(&mut fields, "surfaces", "a list of files", faults);
    for name in more {
        if !file.surfaces.contains(&name) {
            file.surfaces.push(name);
        }
    }
    file.requires = or_default(&mut fields, "requires", REQUIREMENTS, faults);
    let mut has_baseline = false;
    for (index, document) in included.into_iter().enumerate() {
        let top = At::included(index + 1);
        let Some(mut fields) = Fields::new(document, top.clone(), faults) else { continue };
        // A file may hold nothing but names that several backends refuse.
        let names_alone = fields.has("refused") && !fields.has("params") && !fields.has("baseline");
        file.refused.extend(declared::refused(&mut fields, faults));
        file.rules.extend(rule::read(&mut fields, faults));
        if names_alone {
            fields.finish(faults);
            continue;
        }
        has_baseline = true;
        baseline(&mut fields, &mut file, faults);
        list(fields, &top, &mut file, faults);
    }
    file.refused.extend(declared::refused(&mut fields, faults));
    file.rules.extend(rule::read(&mut fields, faults));
    file.excluded = declared::excluded(&mut fields, faults);
    // Where an included file has brought a baseline, more is for what this backend alone has.
    if !has_baseline || fields.has("baseline") {
        baseline(&mut fields, &mut file, faults);
    }
    list(fields, &At::top(), &mut file, faults);
    file
}

/// The key `include`: one file, or a list of them.
fn include(fields: &mut Fields, faults: &mut Faults<'_>) {
    let shape = "the path of a file, or a list of them";
    let is_path = |one: &Value| one.is_string();
    match fields.take("include") {
        None | Some(Value::String(_)) => {}
        Some(Value::Array(files)) if files.iter().all(is_path) => {}
        Some(other) => {
            faults
                .add_unreadable(&fields.at("include"), format!("must be {shape}, and is {other}"));
        }
    }
}

fn baseline(fields: &mut Fields, file: &mut File, faults: &mut Faults<'_>) {
    let more: Option<Settings> = fields.require("baseline", MAPPING, faults);
    file.baseline = file.baseline.merged(&more.unwrap_or_default());
}

fn list(mut fields: Fields, top: &At, file: &mut File, faults: &mut Faults<'_>) {
    let entries: Option<Vec<Value>> = fields.require("params", "a list of parameters", faults);
    if entries.as_ref().is_some_and(Vec::is_empty) {
        faults.add(&fields.at("params"), "is empty, and nothing would be tested; add an entry");
    }
    fields.finish(faults);
    for (index, mut entry) in entries.into_iter().flatten().enumerate() {
        let path = entry.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
        let at = top.entry(index, &path);
        let before = faults.unreadable();
        if let Some(over) = &file.over {
            over.complete(&path, &mut entry, &at, faults);
            // What is not in the surface lacks everything: one fault says it all.
            if faults.unreadable() != before {
                file.broken.push(path);
                continue;
            }
        }
        let read = param(entry, &at, file, faults);
        match read {
            Some(param) if faults.unreadable() == before => file.params.push((at, param)),
            _ => file.broken.push(path),
        }
    }
}

fn param(entry: Value, at: &At, file: &File, faults: &mut Faults<'_>) -> Option<Param> {
    let mut fields = Fields::new(entry, at.clone(), faults)?;
    let path: Option<String> = fields.require("path", "the dotted path", faults);
    let section: Option<Section> = fields.require("section", SECTIONS, faults);
    let types = types(&mut fields, faults);
    let has_default = fields.require::<Value>("default", "what the engine has, or null", faults);
    let relation = relation(&mut fields, file, faults);
    let bounds = bounds(&mut fields, faults);
    let param = Param {
        optional: or_default(&mut fields, "optional", "true or false", faults),
        origin: origin(&mut fields, file, faults),
        baseline: path.as_deref().and_then(|path| file.baseline.get(path)).cloned(),
        bounds,
        choices: or_default(&mut fields, "choices", LIST, faults),
        samples: or_default(&mut fields, "samples", LIST, faults),
        negatives: or_default(&mut fields, "negatives", LIST, faults),
        refused: refused(&mut fields, faults),
        known: known::read(&mut fields, faults),
        generate: generate(&mut fields, faults),
        quick: fields.take("quick"),
        companions: or_default(&mut fields, "with", MAPPING, faults),
        brings: or_default(&mut fields, "brings", MAPPING, faults),
        requires: or_default(&mut fields, "requires", REQUIREMENTS, faults),
        conflicts: or_default(&mut fields, "conflicts", NAMES, faults),
        per_value: per_value(&mut fields, file, faults),
        aliases: or_default(&mut fields, "aliases", NAMES, faults),
        since: fields.read("since", TEXT, faults),
        deprecated: fields.read("deprecated", TEXT, faults),
        until: fields.read("until", TEXT, faults),
        description: or_default(&mut fields, "description", "one line for people", faults),
        line: faults.line(at),
        default: has_default.unwrap_or_default(),
        path: path.unwrap_or_default(),
        section: section.unwrap_or(Section::Runtime),
        types: types.unwrap_or_default(),
        relation: relation.unwrap_or(Relation::None),
    };
    fields.finish(faults);
    Some(param)
}

/// Takes `beyond` out, of an entry of a file over a surface.
fn origin(fields: &mut Fields, file: &File, faults: &mut Faults<'_>) -> Origin {
    if file.over.is_none() {
        return Origin::File;
    }
    let reason: Option<String> = fields.read("beyond", "why it is here all the same", faults);
    reason.map_or(Origin::Surface, Origin::Beyond)
}

/// Takes `key` out, or gives the default where it is not there.
pub(crate) fn or_default<T: DeserializeOwned + Default>(
    fields: &mut Fields,
    key: &'static str,
    shape: &str,
    faults: &mut Faults<'_>,
) -> T {
    fields.read(key, shape, faults).unwrap_or_default()
}

/// Takes `type` out: one type, or a list of them.
pub(crate) fn types(fields: &mut Fields, faults: &mut Faults<'_>) -> Option<Vec<Type>> {
    let value: Value = fields.require("type", TYPES, faults)?;
    let list = match value {
        Value::Array(list) => list,
        one => vec![one],
    };
    let read: Result<Vec<Type>, _> = list.iter().map(serde::Deserialize::deserialize).collect();
    match read {
        Ok(types) if !types.is_empty() => Some(types),
        _ => {
            let said = list.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
            faults.add_unreadable(&fields.at("type"), format!("must be {TYPES}, and is [{said}]"));
            None
        }
    }
}

/// Takes `bounds` out.
pub(crate) fn bounds(fields: &mut Fields, faults: &mut Faults<'_>) -> Bounds {
    let Some(value) = fields.take("bounds") else { return Bounds::default() };
    let at = fields.at("bounds");
    let Some(mut fields) = Fields::new(value, at, faults) else { return Bounds::default() };
    let bounds = Bounds {
        ge: fields.read("ge", "a number", faults),
        gt: fields.read("gt", "a number", faults),
        le: fields.read("le", "a number", faults),
        lt: fields.read("lt", "a number", faults),
    };
    fields.finish(faults);
    bounds
}

fn generate(fields: &mut Fields, faults: &mut Faults<'_>) -> Generate {
    or_default(fields, "generate", "all or samples", faults)
}

fn relation(fields: &mut Fields, file: &File, faults: &mut Faults<'_>) -> Option<Relation> {
    let word: String = fields.require("relation", RELATIONS, faults)?;
    parse_relation(&word, &file.backend, &fields.at("relation"), faults)
}

fn parse_relation(word: &str, backend: &str, at: &At, faults: &mut Faults<'_>) -> Option<Relation> {
    match word {
        "same_tokens" => Some(Relation::SameTokens),
        "changes" => Some(Relation::Changes),
        "limits" => Some(Relation::Limits),
        "none" => Some(Relation::None),
        _ => match word.strip_prefix("equals:") {
            Some(case) if case.contains("::") => Some(Relation::Equals(case.to_owned())),
            Some(case) => Some(Relation::Equals(format!("{backend}::{case}"))),
            None => {
                faults.add_unreadable(at, format!("must be {RELATIONS}, and is {word:?}"));
                None
            }
        },
    }
}

fn per_value(fields: &mut Fields, file: &File, faults: &mut Faults<'_>) -> Vec<PerValue> {
    let list: Vec<Value> = or_default(fields, "per_value", "a list of mappings", faults);
    let at = fields.at("per_value");
    let items = list.into_iter().enumerate().filter_map(|(index, item)| {
        let mut fields = Fields::new(item, at.below(index), faults)?;
        let values = fields.require("values", LIST, faults);
        let word: Option<String> = fields.read("relation", RELATIONS, faults);
        let at = fields.at("relation");
        let one = PerValue {
            values: values.unwrap_or_default(),
            relation: word.and_then(|word| parse_relation(&word, &file.backend, &at, faults)),
            companions: or_default(&mut fields, "with", MAPPING, faults),
            brings: or_default(&mut fields, "brings", MAPPING, faults),
            requires: or_default(&mut fields, "requires", REQUIREMENTS, faults),
        };
        fields.finish(faults);
        Some(one)
    });
    items.collect()
}

fn refused(fields: &mut Fields, faults: &mut Faults<'_>) -> Vec<Refused> {
    let list: Vec<Value> = or_default(fields, "refused", "a list of mappings", faults);
    let at = fields.at("refused");
    let items = list.into_iter().enumerate().filter_map(|(index, item)| {
        let mut fields = Fields::new(item, at.below(index), faults)?;
        let one = Refused {
            value: fields.require("value", "the value", faults).unwrap_or_default(),
            companions: fields.require("with", MAPPING, faults).unwrap_or_default(),
            because: fields.require("because", "why", faults).unwrap_or_default(),
        };
        fields.finish(faults);
        Some(one)
    });
    items.collect()
}
