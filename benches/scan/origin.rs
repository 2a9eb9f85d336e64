//! The scan that this one took the place of: pattern after pattern over every line. It was written
//! in Python; with the `regex` crate the same patterns show what the rest of it is worth.

use std::io::Write as _;
use std::process::{Command, Stdio};

use regex::{Regex, RegexBuilder};

/// Reads the patterns and the text, and prints bytes per second of processor time. As there, `re`
/// keeps the compiled patterns, and each is looked for anew.
const PYTHON: &str = r#"
import json, re, sys, time
given = json.load(sys.stdin)
lines = given["text"].splitlines()
before = time.process_time()
for line in lines:
    for pattern in given["patterns"]:
        re.search(pattern, line, re.IGNORECASE)
print(len(given["text"].encode()) / (time.process_time() - before))
"#;

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

/// Bytes per second of the same in Python; none where no `python3` runs.
pub(crate) fn in_python(text: &[u8]) -> Option<f64> {
    let mut child = Command::new("python3")
        .args(["-c", PYTHON])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let text = String::from_utf8_lossy(text);
    let given = serde_json::json!({"patterns": PATTERNS, "text": text}).to_string();
    child.stdin.take()?.write_all(given.as_bytes()).ok()?;
    let said = child.wait_with_output().ok()?;
    String::from_utf8(said.stdout).ok()?.trim().parse().ok()
}
