//! A record while it is being read: which lines belong to it, and what it comes to.

use super::classify::{Opening, is_frame, is_header};
use super::head::Head;
use super::kind::{Kind, Stage};
use super::level::Level;
use super::line::Line;
use super::rules::{self, Reach, Rule, first_match};
use super::source;
use super::text::{is_same, printable};
use super::{Phase, Severity};

mod attribution;
mod crash;
mod follow;
mod message;
mod traceback;

use follow::{is_context, is_end};

/// Bytes of a message that are kept.
const MESSAGE_KEPT: usize = 2048;
/// Lines of one message that are kept.
const MESSAGE_LINES: usize = 10;
/// Lines after an exception that may belong to its message though nothing says so.
const LOOSE_LINES: u32 = 12;
/// Lines of the message of a `warnings.warn` after its first.
const WARNING_LINES: u32 = 10;
/// Bytes of a line that somebody may have wrapped.
const WRAPPED: usize = 60;
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
    /// Whether the source line of a warning has come.
    ended: bool,
    /// Whether the text of a warning begins below its category.
    below: bool,
    /// The library that the source line of a warning calls.
    called: Option<&'static str>,
    /// Innermost library among the frames.
    owner: Option<&'static str>,
    /// Whether a frame belongs to some other installed package.
    installed: bool,
    /// An outer exception whose text holds this traceback.
    outer: bool,
    /// Whether a rule of `*`, `=` or `-` opened it, and none closed it.
    framed: bool,
    /// Whether its last line is a long one that ends in the middle of a sentence.
    wraps: bool,
    /// Whether its last line ends with a colon.
    announces: bool,
    /// Whether its last line is an item of a list.
    listing: bool,
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
            indent: if is_frame(&head.body) { 0 } else { indent_of(&head.body) },
            fine_time: head.fine_time,
            logged: head.logged,
            log_source,
            ended: false,
            below: matches!(opening.kind, Kind::Warning) && opening.message.ends_with("Warning:"),
            called: None,
            owner: None,
            installed: false,
            outer: false,
            framed: opening.provisional && opening.message.is_empty(),
            wraps: !head.logged
                && opening.message.len() >= WRAPPED
                && !message::is_ended(&opening.message),
            announces: opening.message.ends_with(':'),
            listing: false,
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
        // Pip shows the tracebacks of others further in.
        let inside = matches!(self.kind, Kind::Traceback(_)) && self.indent > 0 && !self.logged;
        let body = if inside { dedented(body, self.indent) } else { body };
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
            if !body.is_empty() {
                // It is drawn: the edge of a picture of source code, or of a launcher's frame.
                self.last = line.number;
            }
            let breaks = match self.kind {
                Kind::Warning => self.loose == 0 && !self.below,
                Kind::Usage => true,
                _ => false,
            };
            return self.blanks <= 2 && !breaks;
        }
        if !self.belongs(line, body, same_log) {
            return false;
        }
        // Lines between a warning and its source are part of it once the source has come.
        if !matches!(self.kind, Kind::Warning) || self.ended {
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
            Kind::Lead => self.traceback_begins(body) || is_context(body) || body == "\"\"\"",
            Kind::Log => self.after_log(line, body, same_log),
            Kind::Crash => self.after_crash(head, body),
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
                        "  ...",
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

/// Blanks that `body` begins with.
fn indent_of(body: &str) -> usize {
    body.len() - body.trim_start().len()
}

/// `body` without the first `indent` blanks, where it has so many.
fn dedented(body: &str, indent: usize) -> &str {
    if indent_of(body) >= indent { &body[indent..] } else { body }
}
