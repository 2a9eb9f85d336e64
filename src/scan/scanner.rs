//! The scanner: bytes in as they come, findings out at the end.

use std::borrow::Cow;
use std::collections::HashMap;

use super::carrier;
use super::head::Head;
use super::level::Level;
use super::line::Line;
use super::record::Record;
use super::rules;
use super::template::{fingerprint, gist, mask};
use super::text::{after_progress, is_same, without_colours};
use crate::scan::{Finding, Phase, Severity, Stream};

/// Bytes of a line that are looked at; the rest of it is skipped.
const LINE_KEPT: usize = 8192;
/// Distinct findings that are kept.
const FINDINGS_KEPT: usize = 1000;
/// Messages whose finding is known without another look at them.
const SAID_KEPT: usize = 1000;
/// Records that may be open at once: processes write into each other's tracebacks.
const OPEN_KEPT: usize = 8;
/// Lines of others after which an open record is taken to be over.
const IDLE_LINES: u32 = 32;

/// Scans one stream of one case in one pass, in bounded memory.
#[derive(Debug)]
pub struct Scanner {
    stream: Stream,
    phase: Phase,
    /// Lines that have ended.
    lines: u64,
    bytes: u64,
    /// What has come of the current segment: a line, or a part of one that a `\r` ends.
    partial: Vec<u8>,
    /// Whether the current line has had a segment already.
    returned: bool,
    /// Whether anything of the current line has come.
    begun: bool,
    open: Vec<Record>,
    /// The last debug line: a traceback right below it is its own.
    quiet: Option<u64>,
    findings: Vec<Finding>,
    /// By gist: the fingerprint of one is computed once.
    index: HashMap<Said, usize>,
    /// Engines repeat themselves: the finding that a message as it stands belongs to.
    said: HashMap<Said, usize>,
    dropped: u64,
}

/// What was said, or the gist of it, by whom, how badly and when: one finding.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Said {
    message: String,
    source: &'static str,
    severity: Severity,
    phase: Phase,
}

/// What a scan gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scanned {
    /// The findings in order of their first line.
    pub findings: Vec<Finding>,
    /// Occurrences of further findings beyond the bound on distinct ones.
    pub dropped: u64,
    /// Lines seen.
    pub lines: u64,
    /// Bytes seen.
    pub bytes: u64,
}

impl Scanner {
    /// A scanner at the beginning of `stream`, in phase `phase`.
    pub fn new(stream: Stream, phase: Phase) -> Self {
        Self {
            stream,
            phase,
            lines: 0,
            bytes: 0,
            partial: Vec::new(),
            returned: false,
            begun: false,
            open: Vec::new(),
            quiet: None,
            findings: Vec::new(),
            index: HashMap::new(),
            said: HashMap::new(),
            dropped: 0,
        }
    }

    /// What follows was written in `phase`. A record that is still open ends here, and so does a
    /// line that was begun: it belongs to the phase that began it.
    pub fn enter(&mut self, phase: Phase) {
        self.end_segment();
        self.close_all();
        self.phase = phase;
    }

    /// Takes the next bytes; lines and records may be split anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let mut rest = bytes;
        while !rest.is_empty() {
            if !self.begun && self.open.is_empty() {
                let used = self.skim(rest);
                if used > 0 {
                    rest = &rest[used..];
                    continue;
                }
            }
            rest = &rest[self.segment_of(rest, None)..];
        }
    }

    /// Ends the stream.
    pub fn finish(mut self) -> Scanned {
        if self.begun {
            self.end_segment();
            self.lines += 1;
        }
        self.close_all();
        self.findings.sort_by_key(|finding| finding.line);
        Scanned {
            findings: self.findings,
            dropped: self.dropped,
            lines: self.lines,
            bytes: self.bytes,
        }
    }

    /// At the beginning of a line with no record open: passes over whole lines up to and including
    /// the first that could begin a record. How many bytes that was; 0 where no line ends here.
    fn skim(&mut self, bytes: &[u8]) -> usize {
        let Some(last) = memchr::memrchr(b'\n', bytes) else { return 0 };
        let whole = &bytes[..=last];
        let Some(literal) = rules::candidate_at(whole) else {
            self.lines += memchr::memchr_iter(b'\n', whole).count() as u64;
            return whole.len();
        };
        let start = memchr::memrchr(b'\n', &whole[..literal]).map_or(0, |before| before + 1);
        // At the beginning of a line it may be the half of a mark that more must follow.
        let mut known = (literal > start).then_some(literal - start);
        self.lines += memchr::memchr_iter(b'\n', &whole[..start]).count() as u64;
        let mut at = start;
        let line = self.lines;
        while self.lines == line && at < whole.len() {
            at += self.segment_of(&whole[at..], known.take());
        }
        at
    }

    /// Takes bytes up to the end of the segment; how many. A literal that makes the line a candidate
    /// is `known` to be there.
    fn segment_of(&mut self, bytes: &[u8], known: Option<usize>) -> usize {
        let end = memchr::memchr2(b'\n', b'\r', bytes);
        let text = &bytes[..end.unwrap_or(bytes.len())];
        self.begun = true;
        let room = LINE_KEPT - self.partial.len();
        match end {
            Some(_) if self.partial.is_empty() => {
                let known = known.is_some_and(|at| at < text.len() && text.len() <= LINE_KEPT);
                self.segment(&text[..text.len().min(LINE_KEPT)], known);
            }
            _ => {
                self.partial.extend_from_slice(&text[..text.len().min(room)]);
                if end.is_some() {
                    self.end_segment();
                }
            }
        }
        let Some(end) = end else { return bytes.len() };
        self.returned = bytes[end] == b'\r';
        if !self.returned {
            self.lines += 1;
            self.begun = false;
        }
        end + 1
    }

    /// The segment that `partial` holds is complete.
    fn end_segment(&mut self) {
        let text = std::mem::take(&mut self.partial);
        self.segment(&text, false);
        self.partial = text;
        self.partial.clear();
    }

    /// One line, or a part of one that a `\r` ends; `known` to be a candidate already.
    fn segment(&mut self, bytes: &[u8], known: bool) {
        if bytes.is_empty() && self.returned {
            return;
        }
        let candidate = self.open.is_empty() && (known || rules::is_candidate(bytes));
        if self.open.is_empty() && !candidate {
            return;
        }
        let line = self.lines + 1;
        // Twice as fast where it is valid, as nearly all of it is.
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(bytes),
        };
        let text = without_colours(&text);
        let text: Cow<'_, str> = match after_progress(&text) {
            "" if !text.is_empty() => return,
            rest => Cow::Borrowed(rest),
        };
        let text = carrier::unwrapped(&text).map_or(text, Cow::Owned);
        let head = Head::parse(&text);
        let mut offered = Line::new(&head, line, bytes, candidate);
        if self.offer(&mut offered) {
            return;
        }
        let opening = offered.into_opening();
        if head.level == Some(Level::Quiet) {
            self.quiet = Some(line);
        }
        if let Some(opening) = opening {
            let below_debug = !head.logged
                && self.quiet.is_some_and(|quiet| quiet + 1 == line)
                && opening.rule == "python-traceback";
            if self.open.len() >= OPEN_KEPT {
                let oldest = self.open.remove(0);
                self.close(oldest);
            }
            let mut record = Record::open(opening, &head, line, self.phase);
            if below_debug {
                record.mute();
            }
            self.open.push(record);
        }
    }

    /// Offers the line to the open records; whether one took it.
    fn offer(&mut self, line: &mut Line<'_, '_>) -> bool {
        let head = line.head;
        for record in &mut self.open {
            record.idle += 1;
        }
        let same = self.open.iter().rposition(|record| is_same(&record.channel, head.channel));
        let taker = match same {
            None if head.channel.is_empty() => self.open.len().checked_sub(1),
            same => same,
        };
        let mut taken = false;
        if let Some(at) = taker {
            taken = self.open[at].take(line);
            if taken {
                self.open[at].idle = 0;
            } else if same == Some(at) {
                let over = self.open.remove(at);
                self.close(over);
            }
        }
        while let Some(at) = self.open.iter().position(|record| record.idle > IDLE_LINES) {
            let over = self.open.remove(at);
            self.close(over);
        }
        taken
    }

    fn close_all(&mut self) {
        for record in std::mem::take(&mut self.open) {
            self.close(record);
        }
    }

    fn close(&mut self, record: Record) {
        let Some(closed) = record.close() else { return };
        let (first, last) = (closed.first, closed.last);
        let said = Said {
            message: closed.message,
            source: closed.source,
            severity: closed.severity,
            phase: closed.phase,
        };
        if let Some(at) = self.said.get(&said) {
            self.findings[*at].again(first, last);
            return;
        }
        let key = Said { message: gist(&said.message), ..said };
        if let Some(at) = self.index.get(&key) {
            self.findings[*at].again(first, last);
            self.remember(said, *at);
            return;
        }
        if self.findings.len() >= FINDINGS_KEPT {
            self.dropped += 1;
            return;
        }
        let template = mask(&said.message);
        self.findings.push(Finding {
            severity: said.severity,
            source: said.source.to_owned(),
            message: said.message.clone(),
            line: first,
            end_line: last,
            count: 1,
            fingerprint: fingerprint(said.source, &template),
            template,
            stream: self.stream,
            phase: said.phase,
            rule: closed.rule.to_owned(),
        });
        self.index.insert(key, self.findings.len() - 1);
        self.remember(said, self.findings.len() - 1);
    }

    fn remember(&mut self, said: Said, finding: usize) {
        if self.said.len() < SAID_KEPT {
            self.said.insert(said, finding);
        }
    }
}
