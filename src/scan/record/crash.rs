//! What a process says when it dies, panics, or fails a test.

use super::Record;
use super::follow::{is_appended, is_drawing, is_end, is_native_frame};
use crate::scan::head::Head;
use crate::scan::kind::{Kind, Stage};
use crate::scan::text::is_number;

impl Record {
    pub(super) fn after_crash(&mut self, head: &Head<'_>, body: &str) -> bool {
        if let Some(at) = body.find("what():") {
            self.say(body[at..].trim_end_matches([' ', '|']));
            return true;
        }
        if body.contains("terminate called") && !self.message.contains("terminate called") {
            self.say(body);
            return true;
        }
        if self.rule == "sanitizer" && !self.message.contains("SUMMARY") {
            let summary = body.starts_with("SUMMARY: ");
            if summary {
                self.say(body);
            }
            // That of undefined behaviour is one line, and the program goes on.
            return summary || !self.message.contains(": runtime error: ") || is_drawing(body);
        }
        if self.rule == "kernel-oom" && !self.message.contains("Killed process") {
            // What the kernel knows of memory stands between the call and the kill, each line with its
            // time or its name.
            if body.contains("Killed process") {
                self.say(body);
            }
            return body.starts_with('[') || !head.channel.is_empty();
        }
        let process = body.starts_with('[') && self.message.contains("Process received signal")
            || body.starts_with("    #") && body.contains(" 0x");
        is_appended(body)
            || is_native_frame(body)
            || (self.rule != "signal" && is_end(body))
            || body.starts_with("PC: @")
            || body == "Stack trace:"
            || (self.blanks == 0 && [head.prefix, body].iter().any(|part| part.starts_with("  ")))
            || body.ends_with(": CUDA error")
            || body.trim_start().starts_with("@ ")
            || (body.starts_with("==") && body.ends_with("ABORTING"))
            || process
            || body.starts_with("fatal runtime error: stack overflow")
            || (body.ends_with("(core dumped)") && !body.contains(": line "))
    }

    pub(super) fn in_panic(&mut self, body: &str, stage: Stage) -> bool {
        if stage == Stage::Frames {
            self.say(body);
            self.kind = Kind::Panic(Stage::After);
            return true;
        }
        let trimmed = body.trim_start();
        let frame = trimmed.split_once(": ").is_some_and(|(number, _)| is_number(number));
        (trimmed.len() < body.len() && (frame || trimmed.starts_with("at ")))
            || ["left: ", "right: "].iter().any(|side| trimmed.starts_with(side))
            || body.starts_with("note: ")
            || body.starts_with("stack backtrace:")
            || is_appended(body)
    }

    pub(super) fn in_pytest(&mut self, body: &str) -> bool {
        if body == "E" {
            return true;
        }
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
}
