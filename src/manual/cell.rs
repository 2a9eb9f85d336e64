//! The content of table cells: nothing in it is markup, ends the cell or breaks the line.

use crate::report::text::{markdown, one_line};
use crate::settings::{Settings, Value};

/// Longest text of a cell.
const LONGEST: usize = 400;
/// Longest value that is shown whole.
const VALUE: usize = 60;

/// Words of a person. Those that hold nothing but letters, digits and usual marks stay as they are,
/// so that the page can be read as text too.
pub(super) fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    // What stands between two backticks is code, where each has its partner.
    match parts.len() % 2 {
        1 => {
            let parts = parts.iter().enumerate().map(|(at, part)| match at % 2 {
                1 if part.trim().is_empty() => String::new(),
                1 => code(part),
                _ => words(part),
            });
            parts.collect::<String>().trim().to_owned()
        }
        _ => words(text).trim().to_owned(),
    }
}

/// Words without code. A blank at either end stays one.
fn words(text: &str) -> String {
    let blank = |is: bool| if is { " " } else { "" };
    let begins = blank(text.starts_with(char::is_whitespace));
    let ends = blank(text.ends_with(char::is_whitespace));
    let words = text.split_whitespace().map(|word| match is_plain(word) {
        true => word.to_owned(),
        false => markdown(word, LONGEST),
    });
    format!("{begins}{}{ends}", words.collect::<Vec<_>>().join(" "))
}

/// Whether `word` cannot be taken for markup: an underscore within a word is none.
fn is_plain(word: &str) -> bool {
    let bytes = word.as_bytes();
    let inner = |at: usize| {
        let beside = |at: Option<usize>| at.and_then(|at| bytes.get(at));
        let alone = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        alone(beside(at.checked_sub(1))) && alone(beside(at.checked_add(1)))
    };
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'_' => inner(at),
        _ => byte.is_ascii_alphanumeric() || b".,;:()=+-/'%\"?".contains(byte),
    })
}

/// A name or value as code.
pub(super) fn code(text: &str) -> String {
    // In a table even code ends at a bar.
    outside(text).replace('|', "\\|")
}

/// As [`code`], outside of a table.
pub(super) fn outside(text: &str) -> String {
    let line = one_line(text, LONGEST);
    if line.is_empty() {
        return String::new();
    }
    // A fence longer than any within, and blanks where a backtick stands at an end.
    let longest = line.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let pad = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{line}{pad}{fence}")
}

/// A value as code.
pub(super) fn value(value: &Value) -> String {
    code(&short(value))
}

/// A value, cut where it is long.
fn short(value: &Value) -> String {
    one_line(&value.to_string(), VALUE)
}

/// Values as code, one after the other.
pub(super) fn values<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    values.into_iter().map(value).collect::<Vec<_>>().join(", ")
}

/// Settings as code: `beams=2`, `draws=true`.
pub(super) fn settings(settings: &Settings) -> String {
    let each = settings.iter().map(|(path, value)| code(&format!("{path}={}", short(value))));
    each.collect::<Vec<_>>().join(", ")
}
