//! Reading and linting an issues file: every fault at once.

use std::path::Path;

use crate::issues::entry::{Entry, Shape, Status};
use crate::issues::lint::{Faults, Lint, message_of};
use crate::issues::read::{Reader, unknown_keys};
use crate::issues::rivals;
use crate::scan::{Phase, Scanner, Stream};
use crate::settings::Value;
use crate::yaml::{self, Lines, YamlError};

const KEYS: &[&str] = &[
    "pattern",
    "template",
    "description",
    "status",
    "created",
    "ticket",
    "notes",
    "owner",
    "expires",
    "scope",
    "severity",
    "min",
    "max",
    "strict",
    "examples",
    "counter_examples",
];
/// The entries of a file, and what it warns of.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// In the order of the file.
    pub(super) entries: Vec<Entry>,
    /// In the order of their lines.
    pub(super) warnings: Vec<String>,
}

/// Reads the entries of `file`.
///
/// # Errors
/// Every fault, in the order of their lines.
pub(super) fn load(file: &Path) -> Result<Loaded, Vec<String>> {
    let (data, lines) = yaml::read::<Value>(file).map_err(unusable)?;
    entries(file, data, lines)
}

/// Reads the entries of `text`; `file` is for messages only.
///
/// # Errors
/// As [`load`].
pub(super) fn parse(file: &Path, text: &str) -> Result<Loaded, Vec<String>> {
    let (data, lines) = yaml::parse::<Value>(file, text).map_err(unusable)?;
    entries(file, data, lines)
}

fn unusable(error: YamlError) -> Vec<String> {
    let lint = match &error {
        YamlError::Read { .. } => Lint::Unreadable,
        YamlError::Shape { .. } => Lint::Yaml,
        YamlError::DuplicateKey { .. } => Lint::RepeatedKey,
    };
    vec![message_of(lint, &error.to_string())]
}

fn entries(file: &Path, data: Value, lines: Lines) -> Result<Loaded, Vec<String>> {
    let mapping = match data {
        Value::Null => return Ok(Loaded::default()),
        Value::Object(mapping) => mapping,
        _ => {
            let message = format!(
                "{}:1: the file is not a mapping of IDs to entries; write `ID:` and its keys \
                 below, indented",
                file.display()
            );
            return Err(vec![message_of(Lint::NotAMapping, &message)]);
        }
    };
    let mut faults = Faults::new(file, lines);
    let mut entries = Vec::new();
    for (id, value) in &mapping {
        entries.extend(entry(id, value, &mut faults));
    }
    rivals::lint(&entries, &mut faults);
    let warnings = faults.settle()?;
    Ok(Loaded { entries, warnings })
}

/// Reads one entry; none where a fault leaves nothing to compare with others.
fn entry(id: &str, value: &Value, faults: &mut Faults<'_>) -> Option<Entry> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if id.is_empty() || !id.bytes().all(good) {
        let message = "an ID is made of letters, digits, `_`, `-` and `.`; rename it";
        faults.add(Lint::Id, id, message);
    }
    let Value::Object(fields) = value else {
        faults.add(
            Lint::NotAMapping,
            id,
            "an entry is a mapping; write its `pattern`, `description` and `status`",
        );
        return None;
    };
    unknown_keys(id, fields.keys(), KEYS, "an entry", faults);
    let mut read = Reader { id, fields, faults };
    let description = read.text("description");
    if description.is_none() && !read.is_bad("description") {
        read.fault(
            Lint::NoDescription,
            "description",
            "missing; say in a sentence what this issue is",
        );
    }
    let status = read.word::<Status>("status", "wip, wontfix, external");
    if status.is_none() && read.absent("status") {
        read.fault(Lint::NoStatus, "status", "missing; give one of wip, wontfix, external");
    }
    let created = read.date("created");
    let expires = read.date("expires");
    if let (Some(created), Some(expires)) = (created, expires)
        && expires < created
    {
        read.fault(
            Lint::Dates,
            "expires",
            format!("{expires} lies before `created` {created}; correct one"),
        );
    }
    let [ticket, notes, owner] = ["ticket", "notes", "owner"].map(|key| read.text(key));
    let min = read.count("min");
    let max = read.count("max");
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        read.fault(Lint::Bounds, "min", format!("{min} is more than `max` {max}; correct one"));
    }
    let strict = read.strict();
    let scope = read.scope();
    let shape = read.shape();
    let [examples, counter_examples] =
        ["examples", "counter_examples"].map(|key| read.list(key, key));
    if let Some(shape) = &shape {
        for (index, example) in examples.iter().enumerate().filter(|(_, one)| !looks(shape, one)) {
            let message = format!("does not match: {example:?}; correct it or the {}", kind(shape));
            read.fault(Lint::ExampleMissed, &format!("examples/{index}"), message);
        }
        for (index, example) in
            counter_examples.iter().enumerate().filter(|(_, one)| looks(shape, one))
        {
            let message = format!("matches: {example:?}; correct it or narrow the {}", kind(shape));
            read.fault(Lint::CounterExampleHit, &format!("counter_examples/{index}"), message);
        }
    }
    if examples.is_empty() {
        let message = "nothing shows that it matches what it is meant for; add `examples`";
        faults.add(Lint::NoExample, id, message);
    }
    let entry = Entry {
        id: id.to_owned(),
        line: faults.lines.of(id),
        shape: shape?,
        description: description.unwrap_or_default(),
        status: status.unwrap_or(Status::Wip),
        created,
        ticket,
        notes,
        owner,
        expires,
        scope,
        min,
        max,
        strict,
        examples,
    };
    if status.is_some() {
        for (lint, key, debt) in entry.debts() {
            faults.add(lint, &format!("{id}/{key}"), debt);
        }
    }
    Some(entry)
}

fn kind(shape: &Shape) -> &'static str {
    match shape {
        Shape::Pattern(_) => "pattern",
        Shape::Template(_) => "template",
    }
}

/// Whether an example, as a message or as captured output, looks like `shape`.
fn looks(shape: &Shape, example: &str) -> bool {
    let mut scanner = Scanner::new(Stream::Stderr, Phase::Run);
    scanner.feed(example.as_bytes());
    shape.matches_text(example)
        || scanner.finish().findings.iter().any(|finding| shape.matches(finding))
}
