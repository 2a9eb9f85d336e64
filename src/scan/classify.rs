//! Whether a line begins a record, and of which kind: by shape first, by words last.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use regex::Regex;

use super::Severity;
use super::advice::{ADVICE, is_advice, is_routine};
use super::head::{Head, Style};
use super::kind::{Kind, Stage};
use super::level::Level;
use super::mark::Mark;
use super::rules::{self, Reach, Rule, compile, first_match};
use super::text::{is_harmless, is_nothing, is_ornament, is_quotation, unquoted};

/// How a record begins.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub(super) kind: Kind,
    pub(super) rule: &'static str,
    pub(super) severity: Severity,
    /// The source, where the rule names it.
    pub(super) source: Option<&'static str>,
    pub(super) message: String,
    /// Not a finding unless what it announces follows.
    pub(super) provisional: bool,
    /// Path of the file that warns.
    pub(super) path: Option<String>,
    /// Whether the level of a logger decides the severity.
    pub(super) by_level: bool,
}

impl Opening {
    fn new(kind: Kind, rule: &'static str, severity: Severity, message: &str) -> Self {
        Self {
            kind,
            rule,
            severity,
            source: None,
            message: without_repeats(message).trim().to_owned(),
            provisional: false,
            path: None,
            by_level: false,
        }
    }

    /// A warning whose substance is that something goes away is a deprecation.
    fn by_substance(mut self, body: &str) -> Self {
        if self.severity == Severity::Warning && is_deprecation(body) {
            self.severity = Severity::Deprecation;
        }
        self
    }
}

/// `message` without Ray's note that others said the same.
fn without_repeats(message: &str) -> &str {
    match REPEATED.find(message) {
        Some(at) if message[at..].contains("x across cluster]") => &message[..at],
        _ => message,
    }
}

static REPEATED: Mark = Mark::new(|| Finder::new(" [repeated "));
static CATEGORIES: [Mark; 2] =
    [Mark::new(|| Finder::new("Warning:")), Mark::new(|| Finder::new("Deprecated"))];

const HEADER: &str = "Traceback (most recent call last):";

static WARNING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile(
        r"^\s*(?:(\S[^:]*|[A-Za-z]:[^:]*|<\w+>):\d+: |sys:1: )?((?-i:[A-Z]\w*)?(?-i:Warning|Deprecated\w*)):(?: (.*))?$",
    )
});
static SUBSTANCE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile(
        r"\bdeprecat(?:ed|es|ion)\b|\bwill be removed\b|\b(?:has|have) been removed\b|\bno longer (?:be )?(?:supported|maintained)\b|\bgoes away in\b|\bwill go (?:away )?in\b",
    )
});

/// The severity that `level` has, where it is one of a finding.
fn severity_of(level: Level) -> Option<Severity> {
    match level {
        Level::Quiet | Level::Info => None,
        Level::Warning => Some(Severity::Warning),
        Level::Error => Some(Severity::Error),
        Level::Critical => Some(Severity::Critical),
    }
}

/// What the line begins.
pub(super) fn classify(head: &Head<'_>) -> Option<Opening> {
    if head.level == Some(Level::Quiet) {
        return None;
    }
    let body = head.body.as_ref().trim_end();
    let level = head.level.and_then(severity_of);
    let with_level = |mut opening: Opening| {
        if let Some(severity) = level {
            opening.severity = severity;
            opening.by_level = true;
            opening.provisional = false;
        }
        Some(opening)
    };
    if let Some(opening) = traceback(head, body) {
        return with_level(opening);
    }
    if head.level == Some(Level::Info) {
        return notice(head, body);
    }
    if let Some(opening) = warning(head, body) {
        return Some(opening);
    }
    if let Some(opening) = announced(body).or_else(|| panic(body)) {
        return Some(opening);
    }
    if let Some((name, _)) = exception(body)
        && is_error_name(name)
        && !is_quotation(body)
    {
        let kind = Kind::Traceback(Stage::After);
        return with_level(Opening::new(kind, "python-exception", Severity::Error, body));
    }
    if is_frame(body) {
        let kind = Kind::Traceback(Stage::Frames);
        let mut opening = Opening::new(kind, "python-traceback", Severity::Error, "");
        opening.provisional = true;
        return with_level(opening);
    }
    match level {
        Some(severity) => logged(head, body, severity),
        None => {
            let quoted = is_quotation(body) || is_speaker(head.logger);
            let routine = head.style == Style::Transformers && is_routine(body);
            if quoted || routine { None } else { worded(head, body) }
        }
    }
}

/// A line that a logger rates as warning or worse.
fn logged(head: &Head<'_>, body: &str, severity: Severity) -> Option<Opening> {
    if head.fine_time && is_ornament(body) {
        // The frame of a block whose message follows under the same prefix.
        let mut opening = Opening::new(Kind::Log, "log-level", severity, "");
        opening.provisional = true;
        opening.by_level = true;
        return Some(opening);
    }
    if is_nothing(body) {
        return None;
    }
    if head.style != Style::Nccl
        && let Some(rule) = first_match(body, &[Reach::Always], rules::wanted(body))
    {
        return Some(by_rule(rule, body));
    }
    let usage = body.trim_start().starts_with("usage:");
    let kind = if usage { Kind::Usage } else { Kind::Log };
    let mut opening = Opening::new(kind, "log-level", severity, body);
    opening.by_level = true;
    Some(opening.by_substance(body))
}

/// A line at INFO: only notices of something given up are findings.
fn notice(head: &Head<'_>, body: &str) -> Option<Opening> {
    let wanted = rules::wanted(body) & rules::within(&[Reach::Notice]);
    if wanted == 0 || head.style == Style::Nccl || is_harmless(body) {
        return None;
    }
    let masked = unquoted(body);
    let rule = first_match(&masked, &[Reach::Notice], wanted)?;
    (!is_wanted(&masked)).then(|| by_rule(rule, body))
}

/// A line without a level.
fn worded(head: &Head<'_>, body: &str) -> Option<Opening> {
    let wanted = rules::wanted(body);
    let masked = unquoted(body);
    if let Some(rule) = first_match(body.trim_start(), &[Reach::Always], wanted)
        && (masked == body
            || first_match(masked.trim_start(), &[Reach::Always], wanted).is_some()
            || rule.id == "c-assertion")
    {
        return Some(by_rule(rule, body));
    }
    if is_harmless(body) {
        return None;
    }
    match first_match(masked.trim_start(), &[Reach::Notice, Reach::Plain], wanted) {
        Some(rule) if rule.reach == Reach::Notice && is_wanted(&masked) => None,
        Some(rule) => Some(by_rule(rule, body)),
        None => unrated(head, body),
    }
}

/// A line that no rule on words knows: a library's own, all the same.
fn unrated(head: &Head<'_>, body: &str) -> Option<Opening> {
    // Unless it is told to say more, transformers prints nothing less than warnings.
    let own = head.style == Style::Transformers;
    let rule = if own { "transformers-line" } else { ADVICE };
    if is_wanted(body) || !(own || is_advice(body)) {
        return None;
    }
    Some(Opening::new(Kind::Log, rule, Severity::Warning, body).by_substance(body))
}

fn by_rule(rule: &'static Rule, body: &str) -> Opening {
    let kind = match rule.id {
        "cpp-terminate" | "signal" | "heap-corruption" | "sanitizer" | "stack-overflow"
        | "cuda-fault" | "c-assertion" | "allocation-abort" | "kernel-oom" | "rocm-fault" => {
            Kind::Crash
        }
        "transformers-notice" if body.contains(" LOAD REPORT ") => Kind::Report,
        _ => Kind::Log,
    };
    let mut opening = Opening::new(kind, rule.id, rule.severity, body.trim_end_matches([' ', '|']));
    opening.source = rule.source;
    opening.by_substance(body)
}

/// Whether the substance of a warning is that something goes away.
fn is_deprecation(message: &str) -> bool {
    SUBSTANCE.as_ref().is_some_and(|pattern| pattern.is_match(message))
}

/// Whether a name in brackets is that of someone in a conversation.
fn is_speaker(name: &str) -> bool {
    ["user", "assistant", "human", "bot", "prompt", "response"]
        .iter()
        .any(|speaker| speaker.eq_ignore_ascii_case(name))
}

/// Whether a change was asked for.
fn is_wanted(message: &str) -> bool {
    ["as requested", "as configured", "as specified", "by request", "as asked", "as instructed"]
        .iter()
        .any(|words| message.contains(words))
}

fn traceback(head: &Head<'_>, body: &str) -> Option<Opening> {
    let before = body.strip_suffix(HEADER)?;
    let kind = if before.trim_end().ends_with("+ Exception Group") {
        Kind::Group
    } else {
        Kind::Traceback(Stage::Frames)
    };
    let before = before.trim();
    let lead = before.is_empty() || kind == Kind::Group || before.ends_with([':', '-']);
    if !lead || (is_quotation(body) && !head.logged) {
        return None;
    }
    Some(Opening::new(kind, "python-traceback", Severity::Error, ""))
}

/// `path:line: UserWarning: text`, or without the place.
fn warning(head: &Head<'_>, body: &str) -> Option<Opening> {
    let logged = head.logged;
    if !CATEGORIES.iter().any(|category| category.is_in(body)) {
        return None;
    }
    let parts = WARNING.as_ref()?.captures(body)?;
    // Where warnings are logged, the place is taken for that of the logger.
    let of_logger = || (head.logger == "py.warnings").then_some(head.file);
    let path = parts.get(1).map(|path| path.as_str()).or_else(of_logger);
    let category = parts.get(2).map_or("", |category| category.as_str());
    if path.is_none() && (category == "Warning" || body.starts_with(' ') || logged) {
        return None;
    }
    if path.is_some_and(|path| path.len() > 1 && path.contains(' ') && !path.contains(['/', '\\']))
    {
        return None;
    }
    let text = parts.get(3).map_or("", |text| text.as_str());
    let going = ["DeprecationWarning", "PendingDeprecationWarning", "FutureWarning"];
    let goes = going.contains(&category) || category.contains("Deprecated");
    let severity =
        if goes || is_deprecation(text) { Severity::Deprecation } else { Severity::Warning };
    let message = format!("{category}: {text}");
    let mut opening = Opening::new(Kind::Warning, "python-warning", severity, &message);
    opening.path = path.map(str::to_owned);
    Some(opening)
}

/// Lines that announce what follows.
fn announced(body: &str) -> Option<Opening> {
    let trace = "python-traceback";
    if body.starts_with("Exception in thread \"") {
        // Java's, whose stack is one of `at` lines.
        let mut opening = Opening::new(Kind::Log, "error-word", Severity::Error, body);
        opening.source = Some("other");
        return Some(opening);
    }
    let leads = [
        "Exception in thread ",
        "Exception ignored in",
        "Task exception was never retrieved",
        "Future exception was never retrieved",
        "Exception in callback ",
        "--- Logging error ---",
        "multiprocessing.pool.RemoteTraceback:",
        "concurrent.futures.process._RemoteTraceback:",
    ];
    if leads.iter().any(|lead| body.starts_with(lead)) {
        return Some(Opening::new(Kind::Lead, trace, Severity::Error, body));
    }
    let process = body.strip_prefix("Process ").and_then(|name| name.strip_suffix(':'));
    let spawned = body.starts_with("-- Process ") && body.ends_with("the following error:");
    if spawned || process.is_some_and(|name| !name.is_empty() && !name.contains(' ')) {
        let mut opening = Opening::new(Kind::Lead, trace, Severity::Error, body);
        opening.provisional = true;
        return Some(opening);
    }
    if body.starts_with("Fatal Python error: ") {
        return Some(Opening::new(Kind::Fatal, "python-fatal", Severity::Critical, body));
    }
    if body.starts_with("Timeout (") && body.ends_with(")!") {
        return Some(Opening::new(Kind::Fatal, "python-fatal", Severity::Error, body));
    }
    if body.starts_with("____") && body.ends_with("____") && body.contains(' ') {
        let mut opening = Opening::new(Kind::Pytest, "pytest-failure", Severity::Error, "");
        opening.provisional = true;
        return Some(opening);
    }
    None
}

fn panic(body: &str) -> Option<Opening> {
    if !body.starts_with("thread ") {
        return None;
    }
    let at = body.find(" panicked at ")?;
    let what = &body[at + " panicked at ".len()..];
    // Until Rust 1.72 the message stood on the line itself, in quotes, before the place.
    let old = what.strip_prefix('\'').and_then(|rest| rest.rsplit_once("', "));
    let (stage, message) = match old {
        Some((message, _)) => (Stage::After, message),
        None => (Stage::Frames, ""),
    };
    Some(Opening::new(Kind::Panic(stage), "rust-panic", Severity::Error, message))
}

/// The type and message of an exception, where `body` is its line.
pub(super) fn exception(body: &str) -> Option<(&str, &str)> {
    let first = body.bytes().next()?;
    if !(first.is_ascii_alphabetic() || first == b'_') {
        return None;
    }
    let end = body
        .bytes()
        .position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.'));
    let Some(end) = end else { return Some((body, "")) };
    let (name, rest) = body.split_at(end);
    let rest = match rest.strip_prefix('(') {
        Some(inner) => inner.split_once(')').map_or(rest, |(_, after)| after),
        None => rest,
    };
    let message = rest.strip_prefix(':')?;
    (message.is_empty() || message.starts_with(' ')).then(|| (name, message.trim()))
}

/// Whether `name` is how exceptions are called.
pub(super) fn is_error_name(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    // `huggingface_hub.errors.OfflineModeIsEnabled`: the module says it.
    let mut modules = name.split('.').rev().skip(1);
    if modules.any(|module| matches!(module, "errors" | "exceptions" | "error" | "exception")) {
        return last.starts_with(|first: char| first.is_ascii_uppercase());
    }
    let capital = last.starts_with(|first: char| first.is_ascii_uppercase());
    let ends = [
        "Error",
        "Exception",
        "Interrupt",
        "ErrorGroup",
        "ExceptionGroup",
        "SystemExit",
        "Timeout",
    ];
    capital
        && last != "Error"
        && (ends.iter().any(|end| last.ends_with(end)) && (last != "Timeout" || name.contains('.')))
}

/// A line of a Python stack: `  File "a.py", line 1, in f`.
pub(super) fn is_frame(body: &str) -> bool {
    let trimmed = body.trim_start();
    trimmed.len() < body.len() && trimmed.starts_with("File \"") && trimmed.contains("\", line ")
}

/// Whether `body` is the header of an exception group.
pub(super) fn is_group(body: &str) -> bool {
    body.trim_end().ends_with("+ Exception Group Traceback (most recent call last):")
}

/// Whether `body` is the header of a traceback and nothing else.
pub(super) fn is_header(body: &str) -> bool {
    body.trim_end().ends_with(HEADER) && !body.contains("Exception Group")
}
