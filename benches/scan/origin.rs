//! The scan that this one took the place of: pattern after pattern over every line.

use regex::{Regex, RegexBuilder};

/// Its patterns.
const PATTERNS: &[&str] = &[
    r"Warning:",
    r"deprecat\w*:",
    r"FutureWarning:",
    r"UserWarning:",
    r"RuntimeWarning:",
    r"DeprecationWarning:",
    r"Error:",
    r"Exception:",
    r"Failed:",
    r"Traceback \(most recent call last\)",
    r"falling back to",
    r"using .* instead of",
    r"not available.*using",
    r"flash.?attention.*not available",
    r"cuda.*not available",
];

/// The origin's way, compiled.
pub(crate) struct Origin(Vec<Regex>);

impl Origin {
    pub(crate) fn new() -> Self {
        let compile = |pattern: &&str| RegexBuilder::new(pattern).case_insensitive(true).build();
        Self(PATTERNS.iter().filter_map(|pattern| compile(pattern).ok()).collect())
    }

    /// How many matches the lines of `text` have.
    pub(crate) fn matches(&self, text: &[u8]) -> usize {
        let text = String::from_utf8_lossy(text);
        let of = |line: &str| self.0.iter().filter(|pattern| pattern.is_match(line)).count();
        text.lines().map(of).sum()
    }
}
