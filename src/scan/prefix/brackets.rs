//! What stands in square brackets before a message: levels, times, ranks, places in source, names.

use super::{Head, Style, without_line};
use crate::scan::level::{letter_level, server_level, word_level};
use crate::scan::text::is_number;
use crate::scan::time::time_length;

impl<'t> Head<'t> {
    /// Anything in square brackets that is not the message itself.
    pub(super) fn bracket(&mut self, token: &'t str, inside: bool) -> Option<usize> {
        let end = token.get(..240).unwrap_or(token).find(']')?;
        let inner = token[1..end].trim();
        let mut length = end + 1;
        let known = self.bracket_level(inner)
            || self.bracket_time(inner)
            || self.bracket_tag(inner)
            || self.bracket_place(inner)
            || (inside && inner.bytes().all(|byte| byte.is_ascii_digit() || byte == b'/'))
            || (self.logged && is_process(inner))
            || (self.file.is_empty() && self.bracket_name(inner));
        if !known {
            return None;
        }
        if token[length..].starts_with(':') && !token[length..].starts_with("::") {
            length += 1;
        }
        Some(length)
    }

    fn bracket_level(&mut self, inner: &'t str) -> bool {
        if self.level.is_none()
            && let Some(level) = letter_level(inner).or_else(|| server_level(inner))
        {
            self.set_level(level);
            return true;
        }
        // `[WARNING|logging.py:340]` of transformers.
        if let Some((word, place)) = inner.split_once('|')
            && let Some(level) = word_level(word)
        {
            self.set_level(level);
            self.style = Style::Transformers;
            self.file = without_line(place);
            return true;
        }
        // `[NeMo W 2023-02-18 11:40:09 lm_utils:81]`.
        let mut words = inner.splitn(3, ' ');
        if let (Some(name), Some(letter), Some(rest)) = (words.next(), words.next(), words.next())
            && let Some(level) = letter_level(letter)
            && let Some(length) = time_length(rest)
        {
            self.set_level(level);
            self.logger = name;
            self.style = Style::Other;
            self.note_time(&rest[..length]);
            self.file = without_line(rest[length..].trim());
            return true;
        }
        // `[W:onnxruntime:Default, x.cc:211 F]`.
        let mut parts = inner.splitn(3, ':');
        if let (Some(first), Some(name), Some(_)) = (parts.next(), parts.next(), parts.next())
            && let Some(level) = letter_level(first)
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && !name.is_empty()
        {
            self.set_level(level);
            self.logger = name;
            self.style = Style::Other;
            return true;
        }
        // `[W1121 07:25:00.123 file.cpp:3]` and the older `[E ProcessGroupNCCL.cpp:537]`.
        let first = inner.get(..1).unwrap_or("");
        let rest = inner.get(1..).unwrap_or("");
        if let Some(level) = letter_level(first)
            && let Some((digits, place)) = rest.split_once(' ')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && place.contains(':')
            && (place.contains('.') || is_dated(place))
        {
            self.set_level(level);
            self.fine_time = !digits.is_empty();
            let source = [".c", ".h", ".py:"];
            let name = place.split(' ').find(|word| source.iter().any(|end| word.contains(end)));
            self.file = without_line(name.unwrap_or(place));
            // Tornado writes so, too.
            let python = self.file.ends_with(".py") || is_dated(place);
            self.style = if python { Style::Python } else { Style::C10 };
            return true;
        }
        false
    }

    /// `[2023-06-08 04:11:52,952]`, `[2026-01-04 09:05:47 TP0]`, `[2024-01-01T00:00:00Z WARN x]`,
    /// `[2023-01-12 18:44:31,902 E 20114 20114]`.
    fn bracket_time(&mut self, inner: &'t str) -> bool {
        let Some(length) = time_length(inner) else { return false };
        let zulu = inner[..length].ends_with('Z');
        if inner.as_bytes().get(2) == Some(&b'/') && inner.as_bytes().get(10) == Some(&b'-') {
            // `[02/06/2023-10:51:03]`, whether its name follows or not.
            self.logger = "trt";
        }
        self.note_time(&inner[..length]);
        let mut words = inner[length..].trim_start_matches(':').split_ascii_whitespace();
        if let Some(word) = words.next() {
            if let Some((level, process)) = word.split_once('/')
                && let Some(level) = word_level(level)
            {
                // `[2026-11-28 17:55:50,499: ERROR/MainProcess]` of celery.
                self.set_level(level);
                self.style = Style::Other;
                self.channel = process;
            } else if let Some(level) = word_level(word) {
                self.set_level(level);
                self.style = if zulu { Style::Rust } else { Style::Python };
                self.logger = words.next().unwrap_or("");
            } else if let Some(level) = letter_level(word) {
                self.set_level(level);
                self.style = Style::Ray;
            } else if self.channel.is_empty() {
                self.channel = word;
            }
        }
        true
    }

    fn bracket_tag(&mut self, inner: &'t str) -> bool {
        let lower = inner.get(..4).unwrap_or(inner).to_ascii_lowercase();
        let rank = (lower.starts_with("rank") || lower.starts_with("defa") || lower == "stag")
            && inner.ends_with(|last: char| last.is_ascii_digit())
            && inner.len() < 16;
        if rank && self.channel.is_empty() {
            self.channel = inner;
        }
        rank
    }

    /// `[core.py:1244]`, `[runner.py:186:fetch_hostfile]`.
    pub(super) fn bracket_place(&mut self, inner: &'t str) -> bool {
        let Some((file, rest)) = inner.split_once(':') else { return false };
        let source = [".py", ".cpp", ".cc", ".rs", ".cu", ".h", ".c", ".go"];
        if inner.contains(' ') || !source.iter().any(|end| file.ends_with(end)) {
            return false;
        }
        if !rest.starts_with(|first: char| first.is_ascii_digit()) {
            return false;
        }
        self.file = file;
        // DeepSpeed names the function too.
        if rest.contains(':') && matches!(self.style, Style::Plain | Style::Python) {
            self.style = Style::Other;
        }
        true
    }

    /// `[TRT-LLM]`, `[transformers]`, `[engine]`.
    fn bracket_name(&mut self, inner: &'t str) -> bool {
        // `[axolotl.utils.data:271]`.
        let inner = match inner.rsplit_once(':') {
            Some((module, line))
                if module.contains('.') && line.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                module
            }
            _ => inner,
        };
        let name = !inner.is_empty()
            && inner.len() <= 80
            && inner.starts_with(|first: char| first.is_ascii_alphabetic())
            && inner.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        if name {
            if inner == "transformers" {
                self.style = Style::Transformers;
            }
            if self.logger.is_empty() {
                self.logger = inner;
            }
        }
        name
    }
}

/// Whether it begins with a day in six digits: `261128 18:54:46 sched:5`.
fn is_dated(place: &str) -> bool {
    let day = place.split(' ').next().unwrap_or("");
    day.len() == 6 && is_number(day)
}

/// Whether it is a process and its number: `MainProcess:17060`.
fn is_process(inner: &str) -> bool {
    inner.len() <= 40
        && inner.split_once(':').is_some_and(|(name, number)| {
            let word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            !name.is_empty() && name.bytes().all(word) && is_number(number)
        })
}
