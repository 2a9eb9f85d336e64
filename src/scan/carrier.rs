//! Marks that launchers, containers and system logs put before the lines of others.

use std::sync::LazyLock;

use regex::Regex;

use super::rules::compile;

static CARRIER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile(
        r"(?x)^(?:
        [\w.-]+-\d+\s+\|\x20                                          # docker compose
        | \[\d+,\d+\]<std(?:err|out)>:\x20?                            # mpirun
        | \[?pod/\S+\]?\x20                                           # kubectl
        | [a-z]{3}\x20+\d+\x20[\d:]{8}\x20\S+\x20[\w.@-]+(?:\[\d+\])?:\x20  # syslog
        | [\s|]*[\d-]{10}\x20[\d:.,]{8,}\x20[\w.-]+\x20>>\x20          # launchers
        | \d{1,4}:\x20                                               # srun --label
        )",
    )
});

/// Length of the mark that a launcher, container or system log put before a line of another.
pub(super) fn mark_length(text: &str) -> Option<usize> {
    // Each of them has a number in it, but for that of kubectl.
    let begins = &text.as_bytes()[..text.len().min(160)];
    if !begins.iter().any(u8::is_ascii_digit) && !text.contains("pod/") {
        return None;
    }
    CARRIER.as_ref()?.find(text).map(|mark| mark.end())
}

/// Whom a carrier's mark names, its time aside.
pub(super) fn name(mark: &str) -> &str {
    let named = |word: &&str| word.contains(|one: char| one.is_ascii_alphabetic());
    mark.split_whitespace().rfind(named).unwrap_or(mark)
}
