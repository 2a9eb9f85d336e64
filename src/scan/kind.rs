//! Kinds of records.

/// What kind of record it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A message of one line, and what clings to it.
    Log,
    /// A `warnings.warn` line; its source line may follow.
    Warning,
    /// A Python traceback, or its end.
    Traceback(Stage),
    /// A Python exception group.
    Group,
    /// A line that announces a traceback.
    Lead,
    /// The process dies.
    Crash,
    /// A Rust panic.
    Panic(Stage),
    /// faulthandler's dump.
    Fatal,
    /// A failed test as pytest shows it.
    Pytest,
    /// transformers' table of weights.
    Report,
    /// `ERROR: usage: ...`, whose error follows.
    Usage,
}

/// How far a record of several parts is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The exception or message is still to come.
    Frames,
    /// It was seen.
    After,
    /// Another traceback must follow.
    Chain,
}
