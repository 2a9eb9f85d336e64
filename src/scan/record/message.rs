//! Messages of a logger, of `warnings.warn`, or of nobody: what clings to their first line.

use super::follow::{
    is_appended, is_context, is_diagnostic, is_drawing, is_item, is_native_frame, is_note,
};
use super::{Record, WARNING_LINES, WRAPPED, indent_of};
use crate::scan::Severity;
use crate::scan::classify::{is_frame, is_header};
use crate::scan::head::Head;
use crate::scan::kind::{Kind, Stage};
use crate::scan::line::Line;
use crate::scan::source;
use crate::scan::template::mask;
use crate::scan::text::{is_ornament, is_same};

/// The rule on what compilers say of source code.
const DIAGNOSTIC: &str = "compiler-diagnostic";

impl Record {
    /// A message of one line: does a traceback, a cause, a list or a drawing follow?
    pub(super) fn after_log(
        &mut self,
        line: &mut Line<'_, '_>,
        body: &str,
        same_log: bool,
    ) -> bool {
        // A warning is often the last that a process says before it fails of something else.
        let may_fail = same_log || self.severity >= Severity::Error;
        if may_fail && self.fails_here(body) {
            return true;
        }
        if is_appended(body)
            || (self.logger == "asyncio" && is_context(body))
            || (self.severity >= Severity::Error && is_native_frame(body))
        {
            return true;
        }
        if same_log {
            return self.logged_on(line.head, body);
        }
        if self.message.starts_with("CMake ") {
            return self.after_cmake(body);
        }
        self.of_tool(body) || self.said_on(line, body)
    }

    /// A traceback, or a frame of one whose header was lost.
    fn fails_here(&mut self, body: &str) -> bool {
        if self.traceback_begins(body) {
            return true;
        }
        let frame = is_frame(body) && self.blanks == 0;
        if frame {
            self.kind = Kind::Traceback(Stage::Frames);
            self.note_frame(body);
        }
        frame
    }

    /// The next line of the same logger at the same level.
    fn logged_on(&mut self, head: &Head<'_>, body: &str) -> bool {
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
        self.blanks == 0 && (repeated || indent_of(body) > self.indent)
    }

    /// `CMake Warning at CMakeLists.txt:3 (message):` says nothing; what it means is set in below.
    fn after_cmake(&mut self, body: &str) -> bool {
        let own = body.starts_with("  ");
        if own {
            self.say(body.trim());
        }
        own || body.starts_with("This warning is for project") || body == "to suppress it."
    }

    /// What compilers and package managers put below their first line.
    fn of_tool(&mut self, body: &str) -> bool {
        let begins =
            |starts: &[&str], text: &str| starts.iter().any(|start| text.starts_with(start));
        if self.rule == "npm-error" && body.starts_with("npm ") {
            self.say(body);
            return true;
        }
        if body.starts_with("Caused by:") {
            self.fixed_source.get_or_insert("rust");
            return true;
        }
        let drawing = is_drawing(body);
        if drawing && begins(&["-->", "= note:", "= help:"], body.trim_start()) {
            self.rule = DIAGNOSTIC;
            self.fixed_source = Some("rust");
        }
        drawing
            || (self.rule == DIAGNOSTIC && begins(&["help: ", "note: "], body))
            || (is_note(body) && is_diagnostic(&self.message))
    }

    /// The rest of a sentence, of a list, or of what is set in.
    fn said_on(&mut self, line: &mut Line<'_, '_>, body: &str) -> bool {
        let near = self.blanks == 0;
        let bare = line.head.prefix.is_empty();
        if self.wraps && near && bare && goes_on(body) && !line.opens() {
            self.wraps = body.len() >= WRAPPED && !is_ended(body);
            return true;
        }
        let item = is_item(body);
        if near && !line.head.logged && (self.announces || (self.listing && item)) {
            self.listing = item;
            self.announces = body.ends_with(':');
            return item || !line.opens();
        }
        body.starts_with([' ', '\t'])
            && !body.starts_with(" * ")
            && (near || self.fixed_source == Some("rust"))
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
        if self.ended || (indent < 2 && body.contains("Warning: ")) || is_header(body) {
            return false;
        }
        // The frames of another call, with their code further in.
        let frames =
            self.announces && (is_frame(body) || (self.loose > 0 && indent > 0 && indent != 2));
        let text = self.below && (self.loose == 0 || indent >= 4);
        if indent >= 2 && !frames && !text {
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
        }
        // A line that goes on in the middle of a sentence begins nothing.
        frames || self.below || goes_on(body) || !line.opens()
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
