//! Log lines that are data: JSON objects and logfmt.

use std::borrow::Cow;

use memchr::memmem::Finder;
use serde_json::Value;

use super::head::{Head, Style};
use super::level::{Level, word_level};
use super::mark::Mark;

static LEVEL: Mark = Mark::new(|| Finder::new(" level="));

/// The line as a log record, where it is a JSON object or logfmt with a level.
pub(super) fn parse(text: &str) -> Option<Head<'_>> {
    let trimmed = text.trim_ascii();
    if trimmed.starts_with('{') && trimmed.ends_with('}') {
        return json(text, trimmed);
    }
    if LEVEL.is_in(text) || text.starts_with("level=") {
        return logfmt(text);
    }
    None
}

fn head(text: &str, level: Level, style: Style, body: String) -> Head<'_> {
    Head {
        level: Some(level),
        style,
        channel: "",
        logger: "",
        file: "",
        prefix: text.get(..1).unwrap_or(""),
        fine_time: false,
        logged: true,
        body: Cow::Owned(body),
    }
}

fn json<'t>(text: &'t str, object: &str) -> Option<Head<'t>> {
    let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(object) else { return None };
    let words = ["level", "severity", "levelname", "lvl", "log.level"];
    let level = words.iter().find_map(|key| fields.get(*key)).and_then(level_of)?;
    let inner = fields.get("fields").and_then(Value::as_object);
    let keys = ["message", "msg", "event", "error", "text"];
    let find = |key: &&str| {
        fields.get(*key).or_else(|| inner.and_then(|inner| inner.get(*key))).and_then(Value::as_str)
    };
    let message = keys.iter().find_map(find)?.to_owned();
    // tracing's JSON has `target`, and its message among `fields`.
    let style = if fields.contains_key("target") { Style::Rust } else { Style::Python };
    let mut head = head(text, level, style, message);
    let names = ["logger", "name", "target"];
    if let Some(name) = names.iter().find_map(|key| fields.get(*key)).and_then(Value::as_str)
        && let Some(at) = text.find(name)
    {
        head.logger = &text[at..at + name.len()];
    }
    Some(head)
}

fn level_of(value: &Value) -> Option<Level> {
    if let Some(word) = value.as_str() {
        return word_level(&word.to_ascii_uppercase());
    }
    // The numbers of Python's `logging`.
    match value.as_u64()? {
        0..=10 => Some(Level::Quiet),
        11..=20 => Some(Level::Info),
        21..=30 => Some(Level::Warning),
        31..=40 => Some(Level::Error),
        _ => Some(Level::Critical),
    }
}

fn logfmt(text: &str) -> Option<Head<'_>> {
    let at = text.find("level=")? + "level=".len();
    let word = text[at..].split([' ', '"']).next()?;
    let level = word_level(&word.to_ascii_uppercase())?;
    let body = match text.find("msg=") {
        // With its keys and quotes, as it is looked for; but for what only a notice may be said in.
        Some(at) if level > Level::Info => text[at..].to_owned(),
        Some(at) => text[at + "msg=".len()..].to_owned(),
        None => text[at + word.len()..].trim().to_owned(),
    };
    let body = match body.strip_prefix('"').and_then(|body| body.split_once('"')) {
        Some((message, rest)) => format!("{message}{rest}"),
        None => body,
    };
    // Go's slog and its kin: no source of ours writes it.
    Some(head(text, level, Style::Other, body))
}
