//! Messages of a logger, of `warnings.warn`, or of nobody: what clings to their first line.

use super::follow::{
    is_advice, is_context, is_diagnostic, is_drawing, is_item, is_native_frame, is_note,
};
use super::{Record, WARNING_LINES, WRAPPED, indent_of};
use crate::scan::Severity;
use crate::scan::classify::{is_frame, is_header};
use crate::scan::kind::{Kind, Stage};
use crate::scan::line::Line;
use crate::scan::source;
use crate::scan::template::mask;
use crate::scan::text::{is_ornament, is_same};

impl Record {
    /// A message of one line: does a traceback, a cause or a drawing follow?
    pub(super) fn after_log(
        &mut self,
        line: &mut Line<'_, '_>,
        body: &str,
        same_log: bool,
    ) -> bool {
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
            let ornament = is_ornament(body);
            if self.framed {
                // The block began with a rule or an empty line, and ends with the next rule.
                self.framed = !ornament || self.message.is_empty();
                self.provisional &= ornament;
                if !ornament {
                    self.say(body.trim());
                }
                return true;
            }
            if ornament && repeated {
                return true;
            }
            if repeated && mask(body) == mask(&self.message) {
                // The same again in the same instant is another one.
                return false;
            }
            let deeper = indent_of(body) > self.indent;
            return self.blanks == 0 && (repeated || deeper);
        }
        if self.rule == "compiler-diagnostic"
            && ["help: ", "note: "].iter().any(|of| body.starts_with(of))
        {
            return true;
        }
        if is_note(body) && is_diagnostic(&self.message) {
            return true;
        }
        if self.rule == "npm-error" && body.starts_with("npm ") {
            self.say(body);
            return true;
        }
        if self.message.starts_with("CMake ") {
            let own = body.starts_with("  ");
            if own {
                self.say(body.trim());
            }
            return own
                || body.starts_with("This warning is for project")
                || body == "to suppress it.";
        }
        if body.starts_with("Caused by:") {
            self.fixed_source.get_or_insert("rust");
            return true;
        }
        if is_drawing(body) {
            if ["-->", "= note:", "= help:"]
                .iter()
                .any(|start| body.trim_start().starts_with(start))
            {
                self.rule = "compiler-diagnostic";
                self.fixed_source = Some("rust");
            }
            return true;
        }
        if self.wraps
            && self.blanks == 0
            && head.prefix.is_empty()
            && goes_on(body)
            && !line.opens()
        {
            self.wraps = body.len() >= WRAPPED && !is_ended(body);
            return true;
        }
        let announced = self.announces && self.blanks == 0;
        let item = is_item(body);
        if (announced || (self.listing && self.blanks == 0 && item)) && !head.logged {
            self.listing = item;
            self.announces = body.ends_with(':');
            return item || !line.opens();
        }
        body.starts_with([' ', '\t'])
            && !body.starts_with(" * ")
            && (self.blanks == 0 || self.fixed_source == Some("rust"))
            && !line.opens()
    }

    /// The rest of a `warnings.warn`: further lines of its message, the line of source that ends
    /// it, and what Python advises below it.
    pub(super) fn after_warning(&mut self, line: &mut Line<'_, '_>, body: &str) -> bool {
        // A message of several lines may have paragraphs.
        let paragraphs = self.loose > 0 || self.below;
        if line.head.logged || (self.blanks > 0 && !paragraphs) {
            return false;
        }
        if body.contains("Warning: Enable tracemalloc") {
            return true;
        }
        let indent = indent_of(body);
        if self.announces
            && (is_frame(body) || self.loose > 0)
            && !self.ended
            && indent > 0
            && indent != 2
            || (self.announces && is_frame(body) && !self.ended)
        {
            // Its text goes on with the frames of another call.
            self.loose += 1;
            return self.loose <= WARNING_LINES;
        }
        if self.ended || (indent < 2 && body.contains("Warning: ")) || is_header(body) {
            return false;
        }
        if indent >= 2 && !(self.below && (self.loose == 0 || indent >= 4)) {
            // Most libraries blame the line of the caller: what that calls says whose warning it is.
            self.called = source::by_words(body);
            self.ended = true;
            return true;
        }
        self.loose += 1;
        if self.loose > WARNING_LINES {
            return false;
        }
        if self.below {
            self.say(body.trim());
            return true;
        }
        // A line that goes on in the middle of a sentence begins nothing.
        goes_on(body) || !line.opens()
    }
}

/// Whether a line goes on in the middle of a sentence: no name of a file or a setting begins it.
fn goes_on(body: &str) -> bool {
    let word = body.split(' ').next().unwrap_or("");
    let plain = word.bytes().all(|byte| byte.is_ascii_lowercase() || b",.'`".contains(&byte));
    !word.is_empty() && word.len() < body.len() && plain
}

/// Whether a sentence ends where the line does.
pub(super) fn is_ended(body: &str) -> bool {
    body.ends_with(['.', '!', '?', ':', ')', ']', '}', '"', '\'', ';'])
}
