//! How loggers rate their lines.

/// How a logger rates its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Level {
    /// Debug, trace, verbose: never a finding.
    Quiet,
    Info,
    Warning,
    Error,
    Critical,
}

/// The level that an upper-case word names.
pub(super) fn word_level(word: &str) -> Option<Level> {
    Some(match word.trim() {
        "TRACE" | "DEBUG" | "VERBOSE" => Level::Quiet,
        "INFO" | "NOTICE" | "SUCCESS" => Level::Info,
        "WARN" | "WARNING" => Level::Warning,
        "ERROR" | "ERR" => Level::Error,
        "CRITICAL" | "FATAL" => Level::Critical,
        _ => return None,
    })
}

/// The level that a letter stands for.
pub(super) fn letter_level(word: &str) -> Option<Level> {
    Some(match word {
        "V" | "D" => Level::Quiet,
        "I" => Level::Info,
        "W" => Level::Warning,
        "E" => Level::Error,
        "F" => Level::Critical,
        _ => return None,
    })
}
