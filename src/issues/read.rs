//! The fields of one entry.

use jiff::civil::Date;
use regex::{Regex, RegexBuilder};
use serde::de::DeserializeOwned;

use crate::issues::entry::{Shape, Strict};
use crate::issues::lint::{Faults, Lint};
use crate::issues::scope::{Bound, Scope};
use crate::refusal::nearest;
use crate::scan::mask;
use crate::settings::Value;

const SCOPE_KEYS: &[&str] =
    &["backend", "param", "value", "engine_version", "gpu", "stream", "phase"];

/// Bytes that a compiled pattern may take.
const PATTERN_SIZE: usize = 1 << 20;
/// Bytes of a pattern.
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

pub(super) fn unknown_keys<'k>(
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
        faults.add(
            Lint::UnknownKey,
            &format!("{path}/{key}"),
            format!("not a key of {of}; {remedy}"),
        );
    }
}

/// The fields of one entry.
pub(super) struct Reader<'a, 'f> {
    pub(super) id: &'a str,
    pub(super) fields: &'a serde_json::Map<String, Value>,
    pub(super) faults: &'a mut Faults<'f>,
}

impl Reader<'_, '_> {
    pub(super) fn fault(&mut self, lint: Lint, key: &str, message: impl std::fmt::Display) {
        let path = format!("{}/{key}", self.id);
        self.faults.add(lint, &path, message);
    }

    /// The value of `key`; none where it is missing, null or empty.
    fn get(&self, key: &str) -> Option<&Value> {
        self.fields.get(key).filter(|value| !value.is_null() && value.as_str() != Some(""))
    }

    pub(super) fn absent(&self, key: &str) -> bool {
        self.get(key).is_none()
    }

    pub(super) fn is_bad(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| scalar(value).is_none())
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let text = scalar(self.get(key)?);
        if text.is_none() {
            self.fault(
                Lint::BadValue,
                key,
                "must be text; write it on one line or as a block after `|`",
            );
        }
        text
    }

    pub(super) fn word<T: DeserializeOwned>(&mut self, key: &str, choices: &str) -> Option<T> {
        let value = self.get(key)?.clone();
        let read = serde_json::from_value(value.clone()).ok();
        if read.is_none() {
            self.fault(Lint::BadValue, key, format!("{value} is none of {choices}"));
        }
        read
    }

    pub(super) fn date(&mut self, key: &str) -> Option<Date> {
        let value = self.get(key)?.clone();
        // jiff reads more than the plain form; only that one is allowed.
        let plain = scalar(&value).filter(|text| text.len() == 10);
        let date = plain.and_then(|text| text.parse().ok());
        if date.is_none() {
            self.fault(Lint::BadValue, key, format!("{value} is not a date; write YYYY-MM-DD"));
        }
        date
    }

    pub(super) fn count(&mut self, key: &str) -> Option<u64> {
        let value = self.get(key)?.clone();
        let count = value.as_u64();
        if count.is_none() {
            self.fault(
                Lint::BadValue,
                key,
                format!("{value} is not a count; write a whole number from 1"),
            );
        }
        if count == Some(0) {
            self.fault(
                Lint::Bounds,
                key,
                "0 asks nothing of an entry; leave the key out, or remove the entry",
            );
        }
        count
    }

    /// A value or a list of values, as text.
    pub(super) fn list(&mut self, path: &str, key: &str) -> Vec<String> {
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
            self.fault(Lint::BadValue, path, "must be a value or a list of values, not a mapping");
        }
        texts.into_iter().flatten().collect()
    }

    pub(super) fn strict(&mut self) -> Strict {
        let Some(value) = self.get("strict").cloned() else { return Strict::default() };
        let stale = match &value {
            Value::Object(fields) if fields.len() == 1 => fields.get("stale").cloned(),
            Value::String(text) => Some(Value::from(text.strip_prefix("stale=").unwrap_or(text))),
            _ => None,
        };
        let strict = stale.and_then(|word| serde_json::from_value(word).ok());
        if strict.is_none() {
            self.fault(
                Lint::BadValue,
                "strict",
                "write `strict: {stale: fail}`, or `warn` or `ignore` in its place",
            );
        }
        strict.unwrap_or_default()
    }

    pub(super) fn scope(&mut self) -> Scope {
        let mut scope = Scope {
            severity: self.words("severity", "severity", "warning, deprecation, error, critical"),
            ..Scope::default()
        };
        let Some(value) = self.get("scope").cloned() else { return scope };
        let Value::Object(fields) = value else {
            self.fault(
                Lint::BadValue,
                "scope",
                format!("must be a mapping of {}", SCOPE_KEYS.join(", ")),
            );
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
                    Lint::BadVersion,
                    "scope/engine_version",
                    format!("`{version}` is not a bound; write for example `>=0.7, <0.9` or `0.7`"),
                ),
            }
        }
        if !scope.has_version() {
            self.fault(
                Lint::NoVersion,
                "scope/engine_version",
                "no version is within all of these bounds; correct one",
            );
        }
        scope.stream = self.choices("scope/stream", &streams, "stdout, stderr");
        scope.phase = self.choices("scope/phase", &phases, "load, reference, run, stray");
        let known = crate::backends::names();
        for backend in scope.backend.clone().iter().filter(|name| !known.contains(&name.as_str())) {
            let remedy = match nearest(backend, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", known.join(", ")),
            };
            self.fault(
                Lint::UnknownBackend,
                "scope/backend",
                format!("no backend is called `{backend}`; {remedy}"),
            );
        }
        for param in scope.param.clone() {
            if param.strip_suffix('*').unwrap_or(&param).contains('*') || param.contains("::") {
                let message =
                    format!("`{param}` is not a dotted path; `*` may stand at its end only");
                self.fault(Lint::BadParam, "scope/param", message);
            }
        }
        for (key, inside, around) in scope.repeated() {
            let message = format!("`{inside}` is within `{around}` already; remove one of them");
            self.fault(Lint::RepeatedScope, &format!("scope/{key}"), message);
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
                Err(_) => {
                    self.fault(Lint::BadValue, path, format!("`{text}` is none of {choices}"))
                }
            }
        }
        read
    }

    pub(super) fn shape(&mut self) -> Option<Shape> {
        let both = self.fields.contains_key("pattern") && self.fields.contains_key("template");
        if both {
            self.fault(Lint::TwoShapes, "template", "stands beside `pattern`; keep one of them");
            return None;
        }
        if self.fields.contains_key("template") {
            let Some(text) = self.text("template") else {
                if self.absent("template") {
                    self.fault(
                        Lint::EmptyShape,
                        "template",
                        "is empty; give the message that the scanner shows",
                    );
                }
                return None;
            };
            let template = mask(&text);
            if !template.contains(|one: char| one.is_alphabetic()) {
                self.fault(
                    Lint::EmptyShape,
                    "template",
                    "has no words; it would match unrelated messages",
                );
                return None;
            }
            return Some(Shape::Template(template));
        }
        let Some(text) = self.text("pattern") else {
            if self.fields.contains_key("pattern") && self.absent("pattern") {
                self.fault(
                    Lint::EmptyShape,
                    "pattern",
                    "is empty and would match everything; give words of the message",
                );
            } else if self.absent("pattern") {
                let id = self.id.to_owned();
                self.faults.add(
                    Lint::NoShape,
                    &id,
                    "has neither `pattern` nor `template`; add one of them",
                );
            }
            return None;
        };
        self.pattern(&text).map(Shape::Pattern)
    }

    fn pattern(&mut self, text: &str) -> Option<Regex> {
        if text.len() > PATTERN_LENGTH {
            let message =
                format!("longer than {PATTERN_LENGTH} bytes; shorten it to what is telling");
            self.fault(Lint::LargePattern, "pattern", message);
            return None;
        }
        let pattern = match compile(text) {
            Ok(pattern) => pattern,
            Err(regex::Error::CompiledTooBig(_)) => {
                self.fault(
                    Lint::LargePattern,
                    "pattern",
                    "too large when compiled; make its repetitions shorter",
                );
                return None;
            }
            Err(error) => {
                // The error draws the pattern over several lines; its last says what is wrong.
                let error = error.to_string();
                let last = error.lines().last().unwrap_or("").trim();
                let cause = last.strip_prefix("error: ").unwrap_or(last);
                let remedy = "escape a literal with `\\`, or see the syntax of Rust's regex crate";
                self.fault(
                    Lint::BrokenPattern,
                    "pattern",
                    format!("not a regular expression: {cause}; {remedy}"),
                );
                return None;
            }
        };
        if pattern.is_match("") {
            self.fault(
                Lint::EmptyShape,
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
            self.fault(Lint::BroadPattern, "pattern", message);
            return None;
        }
        Some(pattern)
    }
}

/// A pattern as entries have it: case aside, `^` and `$` at every line, `.` over lines.
///
/// # Errors
/// Where it is none, or too large.
pub(super) fn compile(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text)
        .case_insensitive(true)
        .multi_line(true)
        .dot_matches_new_line(true)
        .size_limit(PATTERN_SIZE)
        .build()
}

/// A scalar as the text that stands for it.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
        other => Some(other.to_string()),
    }
}
