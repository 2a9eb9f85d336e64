//! What stands before a message: times, levels, process tags, places in source, loggers.
//!
//! A prefix is peeled off piece by piece rather than matched as a whole, since every engine
//! combines the same few pieces in its own order, and processes put their tag before it all.

use std::borrow::Cow;

use memchr::memmem::Finder;

use super::carrier;
use super::head::{Head, Style};
use super::level::{Level, letter_level, logrus_level, word_level};
use super::mark::Mark;
use super::text::is_number;
use super::time::{is_glog, time_length};

mod brackets;
mod loggers;

static NCCL: Mark = Mark::new(|| Finder::new("NCCL "));

impl<'t> Head<'t> {
    /// Takes `text` (one line, colour codes removed) apart.
    pub(super) fn parse(text: &'t str) -> Self {
        if let Some(structured) = super::structured::parse(text) {
            return structured;
        }
        if let Some(nccl) = nccl(text) {
            return nccl;
        }
        let whole = Self::peeled(text);
        if whole.logged {
            return whole;
        }
        // Something that carries the lines of others may have put its own mark before them.
        let Some(mark) = carrier::mark_length(text) else { return whole };
        let mut carried = Self::parse_carried(&text[mark..]);
        if carried.channel.is_empty() {
            carried.channel = carrier::name(&text[..mark]);
        }
        carried
    }

    fn parse_carried(text: &'t str) -> Self {
        super::structured::parse(text).or_else(|| nccl(text)).unwrap_or_else(|| Self::peeled(text))
    }

    /// `text` with all pieces of its prefix taken off.
    fn peeled(text: &'t str) -> Self {
        let mut head = Self::plain(text);
        let mut at = 0;
        // More pieces than this no logger writes.
        for _ in 0..12 {
            let rest = &text[at..];
            let token = rest.trim_start_matches([' ', '\t']);
            if token.is_empty() {
                break;
            }
            if at == 0 && rest.len() - token.len() > 8 {
                if !is_column(token) {
                    break;
                }
                head.style = Style::Python;
            }
            let Some(length) = head.peel(token, at > 0) else { break };
            at += rest.len() - token.len() + length;
        }
        if at > 0 {
            head.prefix = &text[..at];
            let body = &text[at..];
            head.body = Cow::Borrowed(body.strip_prefix([' ', '\t']).unwrap_or(body));
        }
        head
    }

    /// Takes one piece off `token`; its length, or none where the message begins.
    fn peel(&mut self, token: &'t str, inside: bool) -> Option<usize> {
        match token.as_bytes()[0] {
            b'(' => self.tag(token),
            b'[' => self.bracket(token, inside),
            b'0'..=b'9' => self.time(token).or_else(|| self.place(token, inside)),
            b'-' | b'|' | b'>' | b':' if inside && self.logged => separator(token),
            b'A'..=b'Z' => self
                .glog(token)
                .or_else(|| self.letter(token, inside))
                .or_else(|| self.level_word(token))
                .or_else(|| self.named_level(token, inside))
                .or_else(|| self.target(token, inside))
                .or_else(|| self.place(token, inside)),
            _ => self
                .named_level(token, inside)
                .or_else(|| self.target(token, inside))
                .or_else(|| self.place(token, inside)),
        }
    }

    /// `(EngineCore_DP0 pid=1)`, `(task pid=3, ip=10.0.0.1)`, `(raylet)`, `(autoscaler +5s)`.
    fn tag(&mut self, token: &'t str) -> Option<usize> {
        let end = token.get(..160).unwrap_or(token).find(')')?;
        let inner = &token[1..end];
        if self.logged && self.file.is_empty() && self.bracket_place(inner) {
            if self.style == Style::Plain && self.file.ends_with(".py") {
                self.style = Style::Python;
            }
            return Some(end + 1);
        }
        // Tasks and actors of Ray are tagged too, but what they write is their own.
        let ray = ["raylet", "autoscaler", "scheduler ", "gcs_server"]
            .iter()
            .any(|process| inner.starts_with(process));
        if !ray && !inner.contains(" pid=") && !inner.starts_with("pid=") {
            return None;
        }
        if ray {
            self.style = Style::Ray;
        }
        if self.channel.is_empty() {
            self.channel = inner;
        }
        let mut length = end + 1;
        if token[length..].starts_with(':') {
            length += 1;
        }
        Some(length)
    }

    fn time(&mut self, token: &'t str) -> Option<usize> {
        let mut length = time_length(token)?;
        self.note_time(&token[..length]);
        if self.level.is_some() && token.as_bytes().get(2) == Some(&b'-') {
            // `WARNING 11-21 07:25:00`: no other engine writes month and day alone.
            self.style = Style::Vllm;
        }
        if token[length..].starts_with(": ") {
            length += 1;
        }
        Some(length)
    }

    fn note_time(&mut self, time: &str) {
        self.logged = true;
        self.fine_time |= time.contains(['.', ',']);
        if self.style == Style::Plain && time.contains(',') {
            // Only Python's `logging` writes milliseconds after a comma.
            self.style = Style::Python;
        }
        if self.style == Style::Plain && time.ends_with('Z') && time.contains('T') {
            self.style = Style::Rust;
        }
    }

    /// `W1121 08:15:03.879000 19699 torch/_dynamo/x.py:1743]`.
    fn glog(&mut self, token: &'t str) -> Option<usize> {
        if !is_glog(token.as_bytes()) {
            return None;
        }
        let end = token.get(..320).unwrap_or(token).find(']')?;
        let place = token[..end].rsplit(' ').next()?;
        self.set_level(letter_level(&token[..1])?);
        self.style = Style::Glog;
        self.fine_time = true;
        self.file = without_line(place);
        Some(end + 1)
    }

    /// A level of one letter after a time: `0.07.551.101 W llama_context: ...`,
    /// `2024-01-01 00:00:00.1: W tensorflow/x.cc:77] ...`.
    fn letter(&mut self, token: &'t str, inside: bool) -> Option<usize> {
        if !inside || !self.logged || self.level.is_some() || token.as_bytes().get(1) != Some(&b' ')
        {
            return None;
        }
        self.set_level(letter_level(&token[..1])?);
        self.style = Style::Other;
        Some(1)
    }

    /// `WARNING`, `WARNING:`, `WARNING:logger:`, `WARNING[XFORMERS]:`.
    fn level_word(&mut self, token: &'t str) -> Option<usize> {
        if self.level.is_some() {
            return None;
        }
        let length = token.bytes().take_while(u8::is_ascii_uppercase).count();
        if let Some(seconds) = token[length..].strip_prefix('[')
            && let Some(end) = seconds.find(']')
            && is_number(&seconds[..end])
            && let Some(level) = logrus_level(&token[..length])
        {
            self.set_level(level);
            self.style = Style::Other;
            return Some(length + end + 2);
        }
        let level = word_level(&token[..length])?;
        let after = &token[length..];
        if is_measured(after) {
            return None;
        }
        match after.as_bytes().first() {
            None | Some(b' ' | b'\t' | b'|' | b'[' | b']') => {
                self.set_level(level);
                let dashed = after.strip_prefix(" - ");
                if let Some(name) = dashed.and_then(|named| named.find(" - "))
                    && self.style == Style::Plain
                    && !after[3..3 + name].contains(' ')
                {
                    // `WARNING - engine - ...`: a common format of Python's `logging`.
                    self.logger = &after[3..3 + name];
                    self.style = Style::Python;
                    return Some(length + 3 + name + 2);
                }
                Some(length)
            }
            Some(b':') => {
                self.set_level(level);
                let named = &after[1..];
                if let Some(name_length) = named.get(..80).unwrap_or(named).find(':')
                    && name_length > 0
                    && !named[..name_length].contains([' ', '/', '"', '\''])
                    && !named[name_length..].starts_with("::")
                {
                    self.logger = &named[..name_length];
                    self.style = Style::Python;
                    return Some(length + 2 + name_length);
                }
                Some(length + 1)
            }
            _ => None,
        }
    }

    /// A file and a line after time and level: `x.py:12]`, `worker.py:1851 --`, `x.cc:3081:`.
    fn place(&mut self, token: &'t str, inside: bool) -> Option<usize> {
        if !inside || !self.logged {
            return None;
        }
        let word_end = token.find([' ', '\t']).unwrap_or(token.len());
        let word = &token[..word_end];
        let (file, line) = word.split_once(':')?;
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        let source = [".py", ".cpp", ".cc", ".rs", ".cu", ".go"];
        if digits == 0 || !source.iter().any(|end| file.ends_with(end)) {
            return None;
        }
        self.file = file;
        let mut length = file.len() + 1 + digits;
        let after = &token[length..];
        if after.starts_with([']', ':']) {
            length += 1;
        } else if after.starts_with(" -- ") {
            self.style = Style::Ray;
            length += 3;
        }
        Some(length)
    }

    fn set_level(&mut self, level: Level) {
        self.level = Some(level);
        self.logged = true;
    }
}

/// `host:771:830 [3] NCCL WARN ...`, perhaps with a time before it.
fn nccl(text: &str) -> Option<Head<'_>> {
    let start = text.get(..240).unwrap_or(text);
    if !NCCL.is_in(start) {
        return None;
    }
    let at = start.find("NCCL WARN ").or_else(|| start.find("NCCL INFO "))?;
    let before = &text[..at];
    let open = before.rfind(" [")?;
    let close = open + before[open..].find("] ")?;
    if before[..open].matches(':').count() < 2 {
        return None;
    }
    let mut head = Head::plain(text);
    head.style = Style::Nccl;
    head.level =
        Some(if text[at..].starts_with("NCCL WARN") { Level::Warning } else { Level::Info });
    head.logged = true;
    head.prefix = &text[..close + 1];
    // The place that reports is part of what is said: the words after it are often the same.
    head.body = Cow::Borrowed(&text[close + 2..]);
    Some(head)
}

/// Whether a line that begins with blanks is one of rich's: the time stands on the first of its
/// second only, and the file at the right end of each.
fn is_column(token: &str) -> bool {
    let (word, rest) = token.split_once(' ').unwrap_or((token, ""));
    // The level has a column of eight.
    let column =
        token.get(..9).is_some_and(|column| column.ends_with(' ') && column.trim() == word);
    let place = rest.rsplit(' ').next().and_then(|place| place.split_once(".py:"));
    word_level(word).is_some()
        && (column || place.is_some_and(|(_, line)| line.bytes().all(|byte| byte.is_ascii_digit())))
}

/// Whether what follows a word makes it part of a name: `ERROR rate 0.1 %`, `WARNING threshold`.
fn is_measured(after: &str) -> bool {
    let next = after.split_ascii_whitespace().next().unwrap_or("");
    after.starts_with(' ')
        && ["rate", "rate:", "count", "count:", "budget", "tolerance", "threshold", "threshold:"]
            .contains(&next)
}

fn separator(token: &str) -> Option<usize> {
    ["-- ", "- ", "| ", ">> ", ": "]
        .iter()
        .find(|one| token.starts_with(**one))
        .map(|one| one.len() - 1)
}

fn without_line(place: &str) -> &str {
    place.split(':').next().unwrap_or(place)
}
