//! Marks that launchers, containers and system logs put before the lines of others.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::Regex;
use serde_json::Value;

use super::rules::compile;

static CARRIER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile(
        r"(?x)^(?:
        [\w.-]+[-_]\d+\s+\|\x20                                          # docker compose
        | \[\d+,\d+\]<std(?:err|out)>:\x20?                            # mpirun
        | \[?pod/\S+\]?\x20                                           # kubectl
        | [a-z]{3}\x20+\d+\x20[\d:]{8}\x20\S+\x20[\w.@-]+(?:\[\d+\])?:\x20  # syslog
        | [\s|]*[\d-]{10}\x20[\d:.,]{8,}\x20[\w.-]+\x20>>\x20          # launchers
        | std(?:err|out):\x20                                         # launchers of many processes
        | \d{1,4}:\x20                                               # srun --label
        )",
    )
});

/// What vLLM begins its lines with, behind the names of a pod and a container or whatever else.
static VLLM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile(
        r"^(?:\S+\s+){1,4}?((?-i:\([A-Z]\w* pid=\d+\) |(?:INFO|WARNING|ERROR|CRITICAL) \d\d-\d\d \d\d:\d\d:\d\d ))",
    )
});

/// What a line must have for [`VLLM`] to be tried.
static WORDS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new([" pid=", "INFO ", "WARNING ", "ERROR ", "CRITICAL "]).ok());

/// Length of the mark that a launcher, container or system log put before a line of another.
pub(super) fn mark_length(text: &str) -> Option<usize> {
    // Each of them has a number in it, but for that of kubectl.
    let begins = &text.as_bytes()[..text.len().min(160)];
    if !begins.iter().any(u8::is_ascii_digit) && !text.contains("pod/") && !text.starts_with("std")
    {
        return None;
    }
    let known = CARRIER.as_ref()?.find(text).map(|mark| mark.end());
    known.or_else(|| {
        let maybe = WORDS.as_ref().is_some_and(|words| words.is_match(text));
        if maybe { Some(VLLM.as_ref()?.captures(text)?.get(1)?.start()) } else { None }
    })
}

/// What Docker wrote down of a line in its own JSON: the line itself.
pub(super) fn unwrapped(text: &str) -> Option<String> {
    if !text.starts_with("{\"log\":") {
        return None;
    }
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else { return None };
    fields.get("stream")?;
    Some(fields.get("log")?.as_str()?.trim_end().to_owned())
}

/// Whom a carrier's mark names, its time aside.
pub(super) fn name(mark: &str) -> &str {
    let named = |word: &&str| word.contains(|one: char| one.is_ascii_alphabetic());
    mark.split_whitespace().rfind(named).unwrap_or(mark)
}
