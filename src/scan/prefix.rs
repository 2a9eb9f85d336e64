//! What stands before a message: times, levels, process tags, places in source, loggers.
//!
//! A prefix is peeled off piece by piece rather than matched as a whole, since every engine
//! combines the same few pieces in its own order, and processes put their tag before it all.

use std::borrow::Cow;

use memchr::memmem::Finder;

use super::carrier;
use super::head::{Head, Style};
use super::level::{Level, letter_level, logrus_level, server_level, word_level};
use super::mark::Mark;
use super::source;
use super::time::{is_glog, time_length};

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

    /// Anything in square brackets that is not the message itself.
    fn bracket(&mut self, token: &'t str, inside: bool) -> Option<usize> {
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
            && place.contains('.')
        {
            self.set_level(level);
            self.fine_time = !digits.is_empty();
            let source = [".c", ".h", ".py:"];
            let name = place.split(' ').find(|word| source.iter().any(|end| word.contains(end)));
            self.file = without_line(name.unwrap_or(place));
            // Tornado writes so, too.
            let python = self.file.ends_with(".py");
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
    fn bracket_place(&mut self, inner: &'t str) -> bool {
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
            && end > 0
            && seconds[..end].bytes().all(|byte| byte.is_ascii_digit())
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

    /// After a time: `- llm.runner - WARNING -`, `llm.runner WARNING`.
    fn named_level(&mut self, token: &'t str, inside: bool) -> Option<usize> {
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
    fn target(&mut self, token: &'t str, inside: bool) -> Option<usize> {
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
        let end = token.get(..80).unwrap_or(token).find(" -- ")?;
        let (who, which) = token[..end].split_once(' ')?;
        let serves = ["controller", "proxy", "replica"].contains(&who) || which.contains('#');
        if !serves || which.contains(' ') {
            return None;
        }
        self.style = Style::Ray;
        Some(end + 3)
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
        if !named && !(name == "__main__" && !after.starts_with(":<")) {
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

/// Whether it is a process and its number: `MainProcess:17060`.
fn is_process(inner: &str) -> bool {
    inner.len() <= 40
        && inner.split_once(':').is_some_and(|(name, number)| {
            let word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            !name.is_empty()
                && name.bytes().all(word)
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
        })
}

/// Whether a line that begins with blanks is one of rich's: the time stands on the first of its
/// second only, and the file at the right end of each.
fn is_column(token: &str) -> bool {
    let (word, rest) = token.split_once(' ').unwrap_or((token, ""));
    let place = rest.rsplit(' ').next().and_then(|place| place.split_once(".py:"));
    word_level(word).is_some()
        && place.is_some_and(|(_, line)| line.bytes().all(|byte| byte.is_ascii_digit()))
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
