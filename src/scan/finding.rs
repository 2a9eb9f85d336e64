//! What the scan saw.

use serde::{Deserialize, Serialize};

/// A warning or an error in captured output: one finding however many lines it has, and however
/// often it was repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The library that raised or logged it: `vllm`, `torch`, `python`, `rust`, `other` ...
    pub source: String,
    /// The message without its prefix, cut at a bounded length.
    pub message: String,
    /// First line, from 1, in its stream within the case.
    pub line: u64,
    /// Last line.
    pub end_line: u64,
    /// How often the same message came (numbers, times, ranks and addresses aside).
    pub count: u64,
    /// The message with what varies masked.
    pub template: String,
    /// Stable identity of the template: 16 hex digits.
    pub fingerprint: String,
    /// Where it was written.
    pub stream: Stream,
    /// What the case was doing.
    pub phase: Phase,
    /// The rule that saw it.
    pub rule: String,
}

impl Finding {
    /// The same was found again, from line `first` to `last`.
    pub(super) fn again(&mut self, first: u64, last: u64) {
        self.count += 1;
        if first < self.line {
            self.line = first;
            self.end_line = last;
        }
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something may not be as wanted.
    Warning,
    /// Something will go away.
    Deprecation,
    /// Something failed.
    Error,
    /// The process or the device is lost.
    Critical,
}

/// A descriptor of the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

/// What a case was doing when something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Loading the engine.
    Load,
    /// Running the reference that the case is compared with.
    Reference,
    /// Running the case itself.
    Run,
    /// After its end: threads, children, shutdown.
    Stray,
}
