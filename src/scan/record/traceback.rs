//! Python tracebacks: their frames, their chains, and what follows the exception.

use super::follow::is_appended;
use super::{LOOSE_LINES, Record, indent_of};
use crate::scan::classify::{exception, is_error_name, is_frame, is_group, is_header};
use crate::scan::kind::{Kind, Stage};
use crate::scan::line::Line;
use crate::scan::text::is_same;

impl Record {
    pub(super) fn in_frames(&mut self, body: &str) -> bool {
        if is_frame(body) {
            self.note_frame(body);
            return true;
        }
        // Loguru marks the frame that caught it.
        if body.starts_with([' ', '\t']) || is_header(body) || body.starts_with("> File \"") {
            self.note_code(body);
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

    pub(super) fn after_exception(
        &mut self,
        line: &mut Line<'_, '_>,
        body: &str,
        same_log: bool,
    ) -> bool {
        if body.starts_with("During handling of the above exception")
            || body.starts_with("The above exception was the direct cause")
        {
            self.kind = Kind::Traceback(Stage::Chain);
            return true;
        }
        if is_appended(body) {
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
        let mid_sentence = !body.trim_start().starts_with(|first: char| first.is_ascii_uppercase());
        if same_log && mid_sentence && is_same(line.head.prefix, &self.prefix) && self.blanks == 0 {
            return true;
        }
        let deeper = !line.head.logged || indent_of(body) > self.indent;
        if (body.starts_with([' ', '\t']) && deeper) || open_end {
            self.say(body.trim());
            return true;
        }
        if body.starts_with("FAILED: ") {
            self.loose += 1;
            return true;
        }
        let more = body.starts_with("Cannot ") || body.starts_with("Could not ");
        let loose = self.blanks == 0 && self.loose < LOOSE_LINES && (more || !line.opens());
        self.loose += 1;
        if loose && self.message_lines > 1 {
            self.say(body);
        }
        loose
    }

    pub(super) fn in_group(&mut self, body: &str) -> bool {
        let inner = body.trim_start();
        if !inner.starts_with(['|', '+']) {
            return false;
        }
        let inner = inner.trim_start_matches(['|', '+', '-', ' ']);
        if let Some((name, _)) = exception(inner)
            && is_error_name(name)
        {
            self.say(inner);
        } else if inner.starts_with("File \"") {
            self.note_frame(&format!(" {inner}"));
        }
        true
    }

    pub(super) fn traceback_begins(&mut self, body: &str) -> bool {
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

    pub(super) fn restart(&mut self) {
        self.kind = Kind::Traceback(Stage::Frames);
        self.rule = "python-traceback";
        self.message.clear();
        self.message_lines = 0;
        self.owner = None;
        self.installed = false;
        self.outer = false;
        self.loose = 0;
    }

    pub(super) fn say_exception(&mut self, body: &str) {
        if !self.outer {
            // What announced the traceback is less than what the traceback says.
            self.message.clear();
            self.message_lines = 0;
        }
        self.say(body);
    }
}
