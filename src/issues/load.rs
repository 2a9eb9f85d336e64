//! Reading and linting an issues file: every fault at once.

use std::path::Path;

use jiff::civil::Date;
use regex::{Regex, RegexBuilder};
use serde::de::DeserializeOwned;

use crate::issues::entry::{Entry, Shape, Status, Strict};
use crate::issues::scope::{Bound, Scope};
use crate::refusal::nearest;
use crate::scan::{Phase, Scanner, Stream, mask};
use crate::settings::Value;
use crate::yaml::{self, Lines};

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
const SCOPE_KEYS: &[&str] =
    &["backend", "param", "value", "engine_version", "gpu", "stream", "phase"];

/// Bytes that a compiled pattern may take.
const PATTERN_SIZE: usize = 1 << 20;
/// Characters of a pattern.
const PATTERN_LENGTH: usize = 4096;

/// Messages with nothing in common: a pattern that matches three of them matches everything.
const UNRELATED: &[&str] = &[
    "terminate called after throwing an instance of 'std::bad_alloc'",
    "UserWarning: To copy construct from a tensor, it is recommended to use clone()",
    "CUDA out of memory. Tried to allocate 264.00 MiB",
    "free(): invalid pointer",
    "KeyError: 'rope_scaling'",
    "Setting `pad_token_id` to `eos_token_id`:2 for open-end generation.",
    "no socket interface found",
    "Unknown vLLM environment variable detected: VLLM_FOO",
    "queue depth 512 above soft limit 256",
    "Webserver Crashed",
];

/// Faults found so far, each with the place it is at.
struct Faults<'a> {
    file: &'a Path,
    lines: Lines,
    list: Vec<(usize, String)>,
}

impl Faults<'_> {
    /// Notes a fault at `path` (`ID/key`).
    fn add(&mut self, path: &str, message: impl std::fmt::Display) {
        let line = self.lines.of(path);
        let place = path.replace('/', ".");
        self.list.push((line, format!("{}:{line}: {place}: {message}", self.file.display())));
    }
}

/// Reads the entries of `file`, in the order of the file.
///
/// # Errors
/// Every fault, in the order of their lines.
pub(super) fn load(file: &Path) -> Result<Vec<Entry>, Vec<String>> {
    let (data, lines) = yaml::read::<Value>(file).map_err(|error| vec![error.to_string()])?;
    entries(file, data, lines)
}

/// Reads the entries of `text`; `file` is for messages only.
#[cfg(test)]
pub(super) fn parse(file: &Path, text: &str) -> Result<Vec<Entry>, Vec<String>> {
    let (data, lines) =
        yaml::parse::<Value>(file, text).map_err(|error| vec![error.to_string()])?;
    entries(file, data, lines)
}

fn entries(file: &Path, data: Value, lines: Lines) -> Result<Vec<Entry>, Vec<String>> {
    let mapping = match data {
        Value::Null => return Ok(Vec::new()),
        Value::Object(mapping) => mapping,
        _ => {
            return Err(vec![format!(
                "{}:1: the file is not a mapping of IDs to entries; write `ID:` and its keys \
                 below, indented",
                file.display()
            )]);
        }
    };
    let mut faults = Faults { file, lines, list: Vec::new() };
    let mut entries = Vec::new();
    for (id, value) in &mapping {
        entries.extend(entry(id, value, &mut faults));
    }
    for (at, entry) in entries.iter().enumerate() {
        let same =
            |other: &&Entry| other.shape.text() == entry.shape.text() && other.scope == entry.scope;
        if let Some(first) = entries[..at].iter().find(same) {
            let message = format!(
                "the same shape and scope as {} at line {}; remove one of them",
                first.id, first.line
            );
            faults.add(&entry.id, message);
        }
    }
    if faults.list.is_empty() {
        return Ok(entries);
    }
    faults.list.sort();
    Err(faults.list.into_iter().map(|(_, message)| message).collect())
}

/// Reads one entry; none where a fault leaves nothing to compare with others.
fn entry(id: &str, value: &Value, faults: &mut Faults<'_>) -> Option<Entry> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if id.is_empty() || !id.bytes().all(good) {
        let message = "an ID is made of letters, digits, `_`, `-` and `.`; rename it";
        faults.add(id, message);
    }
    let Value::Object(fields) = value else {
        faults.add(id, "an entry is a mapping; write its `pattern`, `description` and `status`");
        return None;
    };
    unknown_keys(id, fields.keys(), KEYS, "an entry", faults);
    let mut read = Reader { id, fields, faults };
    let description = read.text("description");
    if description.is_none() && !read.is_bad("description") {
        read.fault("description", "missing; say in a sentence what this issue is");
    }
    let status = read.word::<Status>("status", "wip, wontfix, external");
    if status.is_none() && read.absent("status") {
        read.fault("status", "missing; give one of wip, wontfix, external");
    }
    let created = read.date("created");
    let expires = read.date("expires");
    if let (Some(created), Some(expires)) = (created, expires)
        && expires < created
    {
        read.fault("expires", format!("{expires} lies before `created` {created}; correct one"));
    }
    let [ticket, notes, owner] = ["ticket", "notes", "owner"].map(|key| read.text(key));
    let min = read.count("min");
    let max = read.count("max");
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        read.fault("min", format!("{min} is more than `max` {max}; correct one"));
    }
    let strict = read.strict();
    let scope = read.scope();
    let shape = read.shape();
    let [examples, counter_examples] =
        ["examples", "counter_examples"].map(|key| read.list(key, key));
    if let Some(shape) = &shape {
        for (index, example) in examples.iter().enumerate().filter(|(_, one)| !looks(shape, one)) {
            let message = format!("does not match: {example:?}; correct it or the {}", kind(shape));
            read.fault(&format!("examples/{index}"), message);
        }
        for (index, example) in
            counter_examples.iter().enumerate().filter(|(_, one)| looks(shape, one))
        {
            let message = format!("matches: {example:?}; correct it or narrow the {}", kind(shape));
            read.fault(&format!("counter_examples/{index}"), message);
        }
    }
    Some(Entry {
        id: id.to_owned(),
        line: read.faults.lines.of(id),
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
    })
}

fn kind(shape: &Shape) -> &'static str {
    match shape {
        Shape::Pattern(_) => "pattern",
        Shape::Template(_) => "template",
    }
}

/// Whether an example, as a message or as captured output, looks like `shape`.
fn looks(shape: &Shape, example: &str) -> bool {
    let direct = match shape {
        Shape::Pattern(pattern) => pattern.is_match(example),
        Shape::Template(template) => *template == mask(example),
    };
    let mut scanner = Scanner::new(Stream::Stderr, Phase::Run);
    scanner.feed(example.as_bytes());
    direct || scanner.finish().findings.iter().any(|finding| shape.matches(finding))
}

fn unknown_keys<'k>(
    path: &str,
    keys: impl Iterator<Item = &'k String>,
    known: &[&str],
    of: &str,
    faults: &mut Faults<'_>,
) {
    for key in keys.filter(|key| !known.contains(&key.as_str())) {
        let remedy = match nearest(key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", known.join(", ")),
        };
        faults.add(&format!("{path}/{key}"), format!("not a key of {of}; {remedy}"));
    }
}

/// The fields of one entry.
struct Reader<'a, 'f> {
    id: &'a str,
    fields: &'a serde_json::Map<String, Value>,
    faults: &'a mut Faults<'f>,
}

impl Reader<'_, '_> {
    fn fault(&mut self, key: &str, message: impl std::fmt::Display) {
        let path = format!("{}/{key}", self.id);
        self.faults.add(&path, message);
    }

    /// The value of `key`; none where it is missing, null or empty.
    fn get(&self, key: &str) -> Option<&Value> {
        self.fields.get(key).filter(|value| !value.is_null() && value.as_str() != Some(""))
    }

    fn absent(&self, key: &str) -> bool {
        self.get(key).is_none()
    }

    fn is_bad(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| scalar(value).is_none())
    }

    fn text(&mut self, key: &str) -> Option<String> {
        let text = scalar(self.get(key)?);
        if text.is_none() {
            self.fault(key, "must be text; write it on one line or as a block after `|`");
        }
        text
    }

    fn word<T: DeserializeOwned>(&mut self, key: &str, choices: &str) -> Option<T> {
        let value = self.get(key)?.clone();
        let read = serde_json::from_value(value.clone()).ok();
        if read.is_none() {
            self.fault(key, format!("{value} is none of {choices}"));
        }
        read
    }

    fn date(&mut self, key: &str) -> Option<Date> {
        let value = self.get(key)?.clone();
        // jiff reads more than the plain form; only that one is allowed.
        let plain = scalar(&value).filter(|text| text.len() == 10);
        let date = plain.and_then(|text| text.parse().ok());
        if date.is_none() {
            self.fault(key, format!("{value} is not a date; write YYYY-MM-DD"));
        }
        date
    }

    fn count(&mut self, key: &str) -> Option<u64> {
        let value = self.get(key)?.clone();
        let count = value.as_u64();
        if count.is_none() {
            self.fault(key, format!("{value} is not a count; write a whole number from 0"));
        }
        count
    }

    /// A value or a list of values, as text.
    fn list(&mut self, path: &str, key: &str) -> Vec<String> {
        let value = self.get(key).cloned();
        self.texts(path, value.as_ref())
    }

    fn texts(&mut self, path: &str, value: Option<&Value>) -> Vec<String> {
        let items = match value {
            None => return Vec::new(),
            Some(Value::Array(items)) => items.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        let texts: Vec<Option<String>> = items.iter().map(scalar).collect();
        if texts.contains(&None) {
            self.fault(path, "must be a value or a list of values, not a mapping");
        }
        texts.into_iter().flatten().collect()
    }

    fn strict(&mut self) -> Strict {
        let Some(value) = self.get("strict").cloned() else { return Strict::default() };
        let stale = match &value {
            Value::Object(fields) if fields.len() == 1 => fields.get("stale").cloned(),
            Value::String(text) => Some(Value::from(text.strip_prefix("stale=").unwrap_or(text))),
            _ => None,
        };
        let strict = stale.and_then(|word| serde_json::from_value(word).ok());
        if strict.is_none() {
            self.fault(
                "strict",
                "write `strict: {stale: fail}`, or `warn` or `ignore` in its place",
            );
        }
        strict.unwrap_or_default()
    }

    fn scope(&mut self) -> Scope {
        let mut scope = Scope {
            severity: self.words("severity", "severity", "warning, deprecation, error, critical"),
            ..Scope::default()
        };
        let Some(value) = self.get("scope").cloned() else { return scope };
        let Value::Object(fields) = value else {
            self.fault("scope", format!("must be a mapping of {}", SCOPE_KEYS.join(", ")));
            return scope;
        };
        let path = format!("{}/scope", self.id);
        unknown_keys(&path, fields.keys(), SCOPE_KEYS, "a scope", self.faults);
        let mut texts = |key: &str| {
            // A null is a value that a parameter may have; elsewhere it is nothing.
            let value = fields.get(key).filter(|value| key == "value" || !value.is_null());
            self.texts(&format!("scope/{key}"), value)
        };
        scope.backend = texts("backend");
        scope.param = texts("param");
        scope.value = texts("value");
        scope.gpu = texts("gpu");
        let [versions, streams, phases] = ["engine_version", "stream", "phase"].map(texts);
        for version in versions.iter().flat_map(|text| text.split(',')) {
            match Bound::parse(version) {
                Some(bound) => scope.engine_version.push(bound),
                None => self.fault(
                    "scope/engine_version",
                    format!("`{version}` is not a bound; write for example `>=0.7, <0.9` or `0.7`"),
                ),
            }
        }
        scope.stream = self.choices("scope/stream", &streams, "stdout, stderr");
        scope.phase = self.choices("scope/phase", &phases, "load, reference, run, stray");
        let known = crate::backends::names();
        for backend in scope.backend.clone().iter().filter(|name| !known.contains(&name.as_str())) {
            let remedy = match nearest(backend, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", known.join(", ")),
            };
            self.fault("scope/backend", format!("no backend is called `{backend}`; {remedy}"));
        }
        for param in scope.param.clone() {
            if param.strip_suffix('*').unwrap_or(&param).contains('*') || param.contains("::") {
                let message =
                    format!("`{param}` is not a dotted path; `*` may stand at its end only");
                self.fault("scope/param", message);
            }
        }
        scope
    }

    fn words<T: DeserializeOwned>(&mut self, path: &str, key: &str, choices: &str) -> Vec<T> {
        let texts = self.list(path, key);
        self.choices(path, &texts, choices)
    }

    fn choices<T: DeserializeOwned>(
        &mut self,
        path: &str,
        texts: &[String],
        choices: &str,
    ) -> Vec<T> {
        let mut read = Vec::new();
        for text in texts {
            match serde_json::from_value(Value::from(text.as_str())) {
                Ok(one) => read.push(one),
                Err(_) => self.fault(path, format!("`{text}` is none of {choices}")),
            }
        }
        read
    }

    fn shape(&mut self) -> Option<Shape> {
        let both = self.fields.contains_key("pattern") && self.fields.contains_key("template");
        if both {
            self.fault("template", "stands beside `pattern`; keep one of them");
            return None;
        }
        if self.fields.contains_key("template") {
            let Some(text) = self.text("template") else {
                if self.absent("template") {
                    self.fault("template", "is empty; give the message that the scanner shows");
                }
                return None;
            };
            let template = mask(&text);
            if !template.contains(|one: char| one.is_alphabetic()) {
                self.fault("template", "has no words; it would match unrelated messages");
                return None;
            }
            return Some(Shape::Template(template));
        }
        let Some(text) = self.text("pattern") else {
            if self.fields.contains_key("pattern") && self.absent("pattern") {
                self.fault(
                    "pattern",
                    "is empty and would match everything; give words of the message",
                );
            } else if self.absent("pattern") {
                let id = self.id.to_owned();
                self.faults.add(&id, "has neither `pattern` nor `template`; add one of them");
            }
            return None;
        };
        self.pattern(&text).map(Shape::Pattern)
    }

    fn pattern(&mut self, text: &str) -> Option<Regex> {
        if text.len() > PATTERN_LENGTH {
            let message =
                format!("longer than {PATTERN_LENGTH} bytes; shorten it to what is telling");
            self.fault("pattern", message);
            return None;
        }
        let compiled = RegexBuilder::new(text)
            .case_insensitive(true)
            .multi_line(true)
            .dot_matches_new_line(true)
            .size_limit(PATTERN_SIZE)
            .build();
        let pattern = match compiled {
            Ok(pattern) => pattern,
            Err(regex::Error::CompiledTooBig(_)) => {
                self.fault("pattern", "too large when compiled; make its repetitions shorter");
                return None;
            }
            Err(error) => {
                // The error draws the pattern over several lines; its last says what is wrong.
                let error = error.to_string();
                let last = error.lines().last().unwrap_or("").trim();
                let cause = last.strip_prefix("error: ").unwrap_or(last);
                let remedy = "escape a literal with `\\`, or see the syntax of Rust's regex crate";
                self.fault("pattern", format!("not a regular expression: {cause}; {remedy}"));
                return None;
            }
        };
        if pattern.is_match("") {
            self.fault(
                "pattern",
                "matches the empty text and so everything; give words of the message",
            );
            return None;
        }
        let matched = UNRELATED.iter().filter(|text| pattern.is_match(text)).count();
        if matched >= 3 {
            let of = UNRELATED.len();
            let message = format!(
                "matches {matched} of {of} unrelated messages; give more words of the message"
            );
            self.fault("pattern", message);
            return None;
        }
        Some(pattern)
    }
}

/// A scalar as the text that stands for it.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
        other => Some(other.to_string()),
    }
}
