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

/// The level that a word in lower or mixed case names, as servers write it in brackets: `[warn]`,
/// `[Error]`, `[crit]`.
pub(super) fn server_level(word: &str) -> Option<Level> {
    let upper = word.to_ascii_uppercase();
    match upper.as_str() {
        "CRIT" | "ALERT" | "EMERG" => Some(Level::Critical),
        _ => word_level(&upper),
    }
}

/// The level in four letters, as logrus writes it where it has no terminal: `ERRO[0001]`.
pub(super) fn logrus_level(word: &str) -> Option<Level> {
    Some(match word {
        "TRAC" | "DEBU" => Level::Quiet,
        "INFO" => Level::Info,
        "WARN" => Level::Warning,
        "ERRO" => Level::Error,
        "FATA" | "PANI" => Level::Critical,
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
