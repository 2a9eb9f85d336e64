//! A record while it is being read: which lines belong to it, and what it comes to.

use super::classify::{Opening, exception, is_frame, is_group, is_header};
use super::head::Head;
use super::kind::{Kind, Stage};
use super::level::Level;
use super::line::Line;
use super::rules::{self, Reach, Rule, first_match};
use super::source;
use super::text::{is_ornament, is_same, printable};
use super::{Phase, Severity};

mod attribution;

/// Bytes of a message that are kept.
const MESSAGE_KEPT: usize = 2048;
/// Lines of one message that are kept.
const MESSAGE_LINES: usize = 10;
/// Lines after an exception that may belong to its message though nothing says so.
const LOOSE_LINES: u32 = 12;
/// Lines of the message of a `warnings.warn` after its first.
const WARNING_LINES: u32 = 4;
/// Lines of one record: none has more, and an endless one must not be kept open.
const RECORD_LINES: u64 = 5000;

/// A record while it is being read.
#[derive(Debug)]
pub(super) struct Record {
    kind: Kind,
    rule: &'static str,
    severity: Severity,
    fixed_source: Option<&'static str>,
    by_level: bool,
    provisional: bool,
    /// What a debug line has below it.
    muted: bool,
    pub(super) phase: Phase,
    pub(super) first: u64,
    last: u64,
    message: String,
    message_lines: usize,
    /// Tags, level, file and logger: what the lines of one logged record share.
    pub(super) channel: String,
    level: Option<Level>,
    file: String,
    logger: String,
    prefix: String,
    /// Blanks between the prefix and the message.
    indent: usize,
    fine_time: bool,
    logged: bool,
    /// Source by the prefix alone.
    log_source: &'static str,
    /// Innermost library among the frames.
    owner: Option<&'static str>,
    /// Whether a frame belongs to some other installed package.
    installed: bool,
    /// An outer exception whose text holds this traceback.
    outer: bool,
    blanks: u32,
    loose: u32,
    /// Lines since that belonged to other records.
    pub(super) idle: u32,
}

/// A record that is complete.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) rule: &'static str,
    pub(super) severity: Severity,
    pub(super) source: &'static str,
    pub(super) message: String,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) phase: Phase,
}

impl Record {
    pub(super) fn open(opening: Opening, head: &Head<'_>, line: u64, phase: Phase) -> Self {
        // What raised it says more than the words of its first line, where no logger wrote that.
        let spoken = !matches!(
            opening.kind,
            Kind::Traceback(_) | Kind::Group | Kind::Lead | Kind::Pytest | Kind::Warning
        );
        let log_source = if (spoken && opening.source.is_none()) || head.logged {
            source::of_log(head, &opening.message)
        } else {
            "other"
        };
        let mut record = Self {
            kind: opening.kind,
            rule: opening.rule,
            severity: opening.severity,
            fixed_source: opening.source,
            by_level: opening.by_level,
            provisional: opening.provisional,
            muted: false,
            phase,
            first: line,
            last: line,
            message: String::new(),
            message_lines: 0,
            channel: head.channel.to_owned(),
            level: head.level,
            file: head.file.to_owned(),
            logger: head.logger.to_owned(),
            prefix: head.prefix.to_owned(),
            indent: head.body.len() - head.body.trim_start().len(),
            fine_time: head.fine_time,
            logged: head.logged,
            log_source,
            owner: None,
            installed: false,
            outer: false,
            blanks: 0,
            loose: 0,
            idle: 0,
        };
        record.say(&opening.message);
        if let Some(path) = &opening.path {
            record.note_path(path);
        }
        if is_frame(&head.body) {
            record.note_frame(&head.body);
        }
        record
    }

    /// Makes it no finding, whatever it comes to.
    pub(super) fn mute(&mut self) {
        self.muted = true;
    }

    /// Whether the line belongs to this record; if so it is taken in.
    pub(super) fn take(&mut self, line: &mut Line<'_, '_>) -> bool {
        let head = line.head;
        let body = head.body.as_ref().trim_end();
        let same_log = head.logged
            && self.logged
            && head.level == self.level
            && is_same(head.file, &self.file)
            && is_same(head.logger, &self.logger);
        if (head.logged && !same_log) || line.number - self.first > RECORD_LINES {
            return false;
        }
        if body.trim_matches([' ', '|', '\t']).is_empty() {
            self.blanks += 1;
            return self.blanks <= 2 && !matches!(self.kind, Kind::Warning | Kind::Usage);
        }
        if !self.belongs(line, body, same_log) {
            return false;
        }
        // Lines between a warning and its source are part of it once the source has come.
        if !matches!(self.kind, Kind::Warning) || body.starts_with("  ") || self.last > self.first {
            self.last = line.number;
        }
        self.blanks = 0;
        true
    }

    fn belongs(&mut self, line: &mut Line<'_, '_>, body: &str, same_log: bool) -> bool {
        let head = line.head;
        match self.kind {
            Kind::Traceback(Stage::Frames) => {
                self.in_frames(body)
                    || (same_log && self.fine_time && is_same(head.prefix, &self.prefix))
            }
            Kind::Traceback(Stage::After) => self.after_exception(line, body, same_log),
            Kind::Traceback(Stage::Chain) => {
                let header = is_header(body);
                if header {
                    // The last exception of a chain is the one that counts.
                    self.restart();
                }
                header
            }
            Kind::Group => self.in_group(body),
            Kind::Warning => self.after_warning(line, body),
            Kind::Lead => self.traceback_begins(body),
            Kind::Log => self.after_log(line, body, same_log),
            Kind::Crash => self.after_crash(body),
            Kind::Panic(stage) => self.in_panic(body, stage),
            Kind::Fatal => {
                is_frame(body)
                    || [
                        "Thread 0x",
                        "Current thread",
                        "Extension modules:",
                        "Stack (most",
                        "Python runtime state",
                        "  <",
                    ]
                    .iter()
                    .any(|start| body.starts_with(start))
                    || body.contains("(core dumped)")
                    || is_end(body)
            }
            Kind::Pytest => self.in_pytest(body),
            Kind::Report => {
                (body.contains('|') || body.starts_with(['-', '+']) || body.starts_with("Notes:"))
                    && !line.opens()
            }
            Kind::Usage => {
                let error = body.contains(": error: ");
                if error {
                    self.say(body);
                    self.kind = Kind::Log;
                }
                error || body.starts_with(' ')
            }
        }
    }

    /// The rest of a `warnings.warn`: further lines of its message, the line of source that ends
    /// it, and what Python advises below it.
    fn after_warning(&mut self, line: &mut Line<'_, '_>, body: &str) -> bool {
        if line.head.logged || self.blanks > 0 {
            return false;
        }
        if body.starts_with("ResourceWarning: Enable tracemalloc") {
            return true;
        }
        let ended = self.last > self.first;
        if ended || body.contains("Warning: ") {
            return false;
        }
        if body.starts_with("  ") {
            return true;
        }
        self.loose += 1;
        self.loose <= WARNING_LINES && !line.opens()
    }

    fn in_frames(&mut self, body: &str) -> bool {
        if is_frame(body) {
            self.note_frame(body);
            return true;
        }
        if body.starts_with([' ', '\t']) || is_header(body) {
            return true;
        }
        let Some((name, _)) = exception(body) else { return false };
        if name.contains('.') || name.starts_with(|first: char| first.is_ascii_uppercase()) {
            self.kind = Kind::Traceback(Stage::After);
            self.provisional = false;
            if self.rule == "log-level" {
                self.rule = "python-traceback";
            }
            self.say_exception(body);
            return true;
        }
        false
    }

    fn after_exception(&mut self, line: &mut Line<'_, '_>, body: &str, same_log: bool) -> bool {
        if body.starts_with("During handling of the above exception")
            || body.starts_with("The above exception was the direct cause")
        {
            self.kind = Kind::Traceback(Stage::Chain);
            return true;
        }
        if is_advice(body) {
            return true;
        }
        let open_end = self.message.ends_with(':') && self.blanks == 0;
        if is_frame(body) || (is_header(body) && open_end) {
            // Ray and multiprocessing put the traceback of another process into the message.
            self.kind = Kind::Traceback(Stage::Frames);
            if !self.outer {
                self.outer = true;
                self.owner = self.own_package().or(self.owner);
            }
            return true;
        }
        if is_header(body) {
            return false;
        }
        // A message of several lines that a logger prefixed each.
        let mid_sentence = !body.starts_with(|first: char| first.is_ascii_uppercase());
        if same_log && mid_sentence && is_same(line.head.prefix, &self.prefix) && self.blanks == 0 {
            return true;
        }
        if body.starts_with([' ', '\t']) || open_end {
            self.say(body.trim());
            return true;
        }
        if body.starts_with("FAILED: ") {
            self.loose += 1;
            return true;
        }
        let loose = self.blanks == 0 && self.loose < LOOSE_LINES && !line.opens();
        self.loose += 1;
        loose
    }

    fn in_group(&mut self, body: &str) -> bool {
        let inner = body.trim_start();
        if !inner.starts_with(['|', '+']) {
            return false;
        }
        let inner = inner.trim_start_matches(['|', '+', '-', ' ']);
        if let Some((name, _)) = exception(inner)
            && super::classify::is_error_name(name)
        {
            self.say(inner);
        } else if inner.starts_with("File \"") {
            self.note_frame(&format!(" {inner}"));
        }
        true
    }

    /// A message of one line: does a traceback, a cause or a drawing follow?
    fn after_log(&mut self, line: &mut Line<'_, '_>, body: &str, same_log: bool) -> bool {
        let head = line.head;
        // A warning is often the last that a process says before it fails of something else.
        let may_fail = same_log || self.severity >= Severity::Error;
        if may_fail && self.traceback_begins(body) {
            return true;
        }
        if may_fail && is_frame(body) && self.blanks == 0 {
            self.kind = Kind::Traceback(Stage::Frames);
            self.note_frame(body);
            return true;
        }
        if is_advice(body)
            || (self.logger == "asyncio" && is_context(body))
            || (self.severity >= Severity::Error && is_native_frame(body))
        {
            return true;
        }
        if same_log {
            let repeated = self.fine_time && is_same(head.prefix, &self.prefix);
            if repeated && self.provisional && !is_ornament(body) {
                // The block began with a rule or an empty line.
                self.say(body.trim());
                self.provisional = false;
                return true;
            }
            let deeper = body.len() - body.trim_start().len() > self.indent;
            return self.blanks == 0 && (repeated || deeper);
        }
        if body.starts_with("Caused by:") {
            self.fixed_source.get_or_insert("rust");
            return true;
        }
        if is_drawing(body) {
            if body.trim_start().starts_with("-->") {
                self.rule = "compiler-diagnostic";
                self.fixed_source = Some("rust");
            }
            return true;
        }
        body.starts_with([' ', '\t'])
            && (self.blanks == 0 || self.fixed_source == Some("rust"))
            && !line.opens()
    }

    fn traceback_begins(&mut self, body: &str) -> bool {
        let group = is_group(body);
        let begins = (is_header(body) || group) && self.blanks == 0;
        if begins {
            self.kind = if group { Kind::Group } else { Kind::Traceback(Stage::Frames) };
            if group {
                // The group says it all.
                self.message.clear();
                self.message_lines = 0;
            }
            self.rule = "python-traceback";
            self.provisional = false;
        }
        begins
    }

    fn after_crash(&mut self, body: &str) -> bool {
        if let Some(at) = body.find("what():") {
            self.say(body[at..].trim_end_matches([' ', '|']));
            return true;
        }
        if body.contains("terminate called") && !self.message.contains("terminate called") {
            self.say(body);
            return true;
        }
        if self.rule == "sanitizer" && !self.message.contains("SUMMARY") {
            if body.starts_with("SUMMARY: ") {
                self.say(body);
            }
            return true;
        }
        let process = body.starts_with('[') && self.message.contains("Process received signal")
            || body.starts_with("    #") && body.contains(" 0x");
        is_advice(body)
            || is_native_frame(body)
            || (self.rule != "signal" && is_end(body))
            || body.starts_with("PC: @")
            || body.trim_start().starts_with("@ ")
            || (body.starts_with("==") && body.ends_with("ABORTING"))
            || process
            || body.starts_with("fatal runtime error: stack overflow")
            || (body.ends_with("(core dumped)") && !body.contains(": line "))
    }

    fn in_panic(&mut self, body: &str, stage: Stage) -> bool {
        if stage == Stage::Frames {
            self.say(body);
            self.kind = Kind::Panic(Stage::After);
            return true;
        }
        let trimmed = body.trim_start();
        let frame = trimmed.split_once(": ").is_some_and(|(number, _)| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        (trimmed.len() < body.len() && (frame || trimmed.starts_with("at ")))
            || body.starts_with("note: ")
            || body.starts_with("stack backtrace:")
            || is_advice(body)
    }

    fn in_pytest(&mut self, body: &str) -> bool {
        if let Some(said) = body.strip_prefix("E  ") {
            self.provisional = false;
            self.say(said.trim());
            return true;
        }
        if self.provisional {
            return !body.starts_with("===");
        }
        // `test_b.py:3: AssertionError` ends it.
        let place = body.split(": ").next().and_then(|place| place.rsplit_once(':'));
        place.is_some_and(|(_, line)| line.parse::<u32>().is_ok()) || body.starts_with([' ', '>'])
    }

    fn restart(&mut self) {
        self.kind = Kind::Traceback(Stage::Frames);
        self.rule = "python-traceback";
        self.message.clear();
        self.message_lines = 0;
        self.owner = None;
        self.installed = false;
        self.outer = false;
        self.loose = 0;
    }

    fn say_exception(&mut self, body: &str) {
        if !self.outer {
            // What announced the traceback is less than what the traceback says.
            self.message.clear();
            self.message_lines = 0;
        }
        self.say(body);
    }

    fn say(&mut self, text: &str) {
        if text.is_empty() || self.message_lines >= MESSAGE_LINES {
            return;
        }
        let room = MESSAGE_KEPT.saturating_sub(self.message.len() + 1);
        let mut cut = text.len().min(room);
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        if cut == 0 {
            return;
        }
        if !self.message.is_empty() {
            self.message.push('\n');
        }
        self.message.push_str(&printable(&text[..cut]));
        self.message_lines += 1;
    }

    /// What the record comes to; none where it only announced something that did not follow.
    pub(super) fn close(mut self) -> Option<Closed> {
        if self.provisional || self.muted {
            return None;
        }
        if self.message.is_empty() {
            let cut_off = matches!(self.kind, Kind::Traceback(_) | Kind::Group | Kind::Panic(_));
            self.message = if cut_off { "(cut off)".to_owned() } else { return None };
        }
        let mut severity = self.severity;
        let mut source = self.source();
        if let Some(rule) = self.overriding() {
            severity = rule.severity;
            source = rule.source.unwrap_or(source);
        } else if matches!(self.kind, Kind::Traceback(_)) && !self.by_level {
            severity = severity.max(Severity::Error);
        }
        Some(Closed {
            rule: self.rule,
            severity,
            source,
            message: self.message,
            first: self.first,
            last: self.last,
            phase: self.phase,
        })
    }

    /// The rule on crashes that the whole message matches, for records of several lines.
    fn overriding(&self) -> Option<&'static Rule> {
        let several = matches!(
            self.kind,
            Kind::Traceback(_) | Kind::Group | Kind::Panic(_) | Kind::Crash | Kind::Fatal
        );
        if !several {
            return None;
        }
        if !rules::names_fault(&self.message) {
            return None;
        }
        let wanted = rules::wanted(&self.message);
        let rule = first_match(&self.message, &[Reach::Always], wanted);
        rule.filter(|rule| rule.id == rules::FAULT)
    }
}

/// What a shell says when a process is gone, with nothing around it.
fn is_end(body: &str) -> bool {
    ["Aborted", "Segmentation fault", "Bus error", "Illegal instruction"].contains(&body)
}

/// `1       0x7f9d2f0a1e8c f(char const*) + 82`.
fn is_native_frame(body: &str) -> bool {
    body.starts_with(|first: char| first.is_ascii_digit()) && body.contains(" 0x")
}

/// What asyncio's handler of exceptions adds: `future: <Task ...>`, one line for each thing.
fn is_context(body: &str) -> bool {
    let key = body.split(": ").next().unwrap_or("");
    ["future", "task", "handle", "protocol", "transport", "asyncgen", "socket"].contains(&key)
}

/// What CUDA and c10 append to a message.
fn is_advice(body: &str) -> bool {
    let body = body.trim_start();
    [
        "CUDA kernel errors might be",
        "For debugging consider passing",
        "Compile with `TORCH_USE_CUDA_DSA`",
        "Device-side assertion tracking",
        "Device-side assertions were",
        "Search for `cudaError",
        "Exception raised from ",
        "frame #",
        "note: run with `RUST_BACKTRACE",
        "C++ CapturedTraceback:",
        "You should probably TRAIN this model",
        "- This IS ",
        "To disable this warning",
        "To silence this warning",
        "To avoid this warning",
        "Memory on the node (IP",
    ]
    .iter()
    .any(|start| body.starts_with(start))
}

/// Source code as compilers draw it.
fn is_drawing(body: &str) -> bool {
    let trimmed = body.trim_start();
    let digits = trimmed.trim_start_matches(|first: char| first.is_ascii_digit());
    (trimmed.len() < body.len()
        && ["-->", "|", "= ", "::: "].iter().any(|start| trimmed.starts_with(start)))
        || (digits.len() < trimmed.len() && digits.starts_with(" |"))
}
