//! Who logs: the names that stand between time and level, or after both.

use super::{Head, Style, without_line};
use crate::scan::level::word_level;

impl<'t> Head<'t> {
    /// After a time: `- llm.runner - WARNING -`, `llm.runner WARNING`.
    pub(super) fn named_level(&mut self, token: &'t str, inside: bool) -> Option<usize> {
        if !inside || !self.logged || self.level.is_some() {
            return None;
        }
        // `LiteLLM Proxy:ERROR: proxy_server.py:3039 -`.
        let mut parts = token.get(..80).unwrap_or(token).splitn(3, ':');
        if let (Some(name), Some(word), Some(_)) = (parts.next(), parts.next(), parts.next())
            && let Some(level) = word_level(word)
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" ._-".contains(&byte))
        {
            self.set_level(level);
            self.logger = name;
            self.style = Style::Python;
            return Some(name.len() + word.len() + 2);
        }
        // `serve.lora     | WARNING  |`.
        if let Some((name, rest)) = token.get(..120).unwrap_or(token).split_once('|')
            && let Some((word, _)) = rest.split_once('|')
            && let Some(level) = word_level(word)
            && !name.trim().contains(' ')
        {
            self.set_level(level);
            self.logger = name.trim();
            self.style = Style::Python;
            return Some(name.len() + word.len() + 1);
        }
        let mut at = 0;
        for part in token.get(..160).unwrap_or(token).split(" - ").take(3) {
            if let Some(level) = word_level(part.trim()) {
                self.set_level(level);
                self.logger = token[..at].split(" - ").next().unwrap_or("").trim();
                self.style = Style::Python;
                return Some((at + part.len() + 2).min(token.len()));
            }
            at += part.len() + 3;
        }
        None
    }

    /// What follows time and level: `infer:` of tracing, `__main__:<module>:3 -` of loguru.
    pub(super) fn target(&mut self, token: &'t str, inside: bool) -> Option<usize> {
        if !inside || !self.logged || self.level.is_none() {
            return None;
        }
        if let Some(length) = self.serve(token).or_else(|| self.dotted(token)) {
            return Some(length);
        }
        if self.style == Style::Plain && is_rust(token) {
            self.style = Style::Rust;
        }
        if self.style == Style::Rust {
            let end = token.get(..200).unwrap_or(token).find(": ")?;
            let name = &token[..end];
            let first = self.logger.is_empty();
            let span =
                name.contains(['{', '/']) || name.contains("::") || self.logger.contains('{');
            if name.contains(' ') || !(first || span) {
                return None;
            }
            if name.contains('/') {
                self.file = without_line(name);
            } else {
                self.logger = name;
            }
            return Some(end + 1);
        }
        if self.style == Style::Plain && self.prefix_has_bar(token) {
            let end = token.get(..160).unwrap_or(token).find(" - ")?;
            self.logger = &token[..end];
            self.style = Style::Python;
            return Some(end + 2);
        }
        None
    }

    /// `controller 4402 --`, `proxy 10.0.0.1 --`: Ray Serve.
    fn serve(&mut self, token: &'t str) -> Option<usize> {
        let start = token.get(..80).unwrap_or(token);
        let who = start.split(' ').next()?;
        if !["controller", "proxy", "replica"].contains(&who) && !start.contains('#') {
            return None;
        }
        let end = start.find(" -- ").or_else(|| start.find(" - "))?;
        let which = token.get(who.len() + 1..end)?;
        let placed = which.split_once(' ').is_some_and(|(_, place)| place.contains(".py:"));
        if which.contains(' ') && !placed {
            return None;
        }
        self.style = Style::Ray;
        Some(end + if token[end..].starts_with(" -- ") { 3 } else { 2 })
    }

    /// `flashinfer.jit:` or `__main__`: a module of Python, where nothing has named the logger yet.
    fn dotted(&mut self, token: &'t str) -> Option<usize> {
        if !self.logger.is_empty() || self.style == Style::Rust {
            return None;
        }
        let length = token
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(byte))
            .count();
        let (name, after) = token.split_at(length);
        // An exception's name is the message's, and so is that of a file.
        let module = name.contains('.')
            && !name.contains(|one: char| one.is_ascii_uppercase())
            && !FILES.iter().any(|end| name.ends_with(end));
        let named = module && after.starts_with(": ");
        let main = name == "__main__" && !after.starts_with(":<");
        if !(named || main) {
            return None;
        }
        self.style = Style::Python;
        self.logger = name;
        Some(length + usize::from(after.starts_with(':')))
    }

    /// Whether `token` looks like loguru's `name:function:line - `.
    fn prefix_has_bar(&self, token: &str) -> bool {
        let name = token.split(' ').next().unwrap_or("");
        name.bytes().filter(|byte| *byte == b':').count() >= 2
            && name.ends_with(|last: char| last.is_ascii_digit())
    }
}

/// Whether it is a target of tracing and a place in Rust: `serve: src/main.rs:10: `.
fn is_rust(token: &str) -> bool {
    let mut words = token.splitn(3, ' ');
    let target = words.next().is_some_and(|word| word.ends_with(':'));
    target && words.next().is_some_and(|word| word.contains(".rs:") && word.ends_with(':'))
}

/// How files end that a message may begin with.
const FILES: &[&str] = &[
    ".json",
    ".yaml",
    ".yml",
    ".toml",
    ".txt",
    ".md",
    ".log",
    ".csv",
    ".py",
    ".rs",
    ".cpp",
    ".cc",
    ".cu",
    ".so",
    ".bin",
    ".pt",
    ".pth",
    ".safetensors",
    ".gguf",
    ".onnx",
    ".engine",
    ".plan",
    ".service",
];
