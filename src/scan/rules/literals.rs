//! The literals that a line must have to be looked at: one search for all of them.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::{FAULT, RULES, STRUCTURES};
use crate::scan::time::is_glog;

/// The literals of all rules, and for each the rules that have it, one bit each.
struct Literals {
    search: Option<AhoCorasick>,
    rules: Vec<u64>,
}

static LITERALS: LazyLock<Literals> = LazyLock::new(|| {
    let mut literals: Vec<String> = Vec::new();
    let mut rules: Vec<u64> = Vec::new();
    let mut add = |literal: &str, mask: u64| match literals.iter().position(|one| one == literal) {
        Some(at) => rules[at] |= mask,
        None => {
            literals.push(literal.to_owned());
            rules.push(mask);
        }
    };
    for (index, rule) in RULES.iter().enumerate() {
        for need in rule.needs {
            add(need, 1 << index);
        }
    }
    for need in STRUCTURES.iter().flat_map(|structure| structure.needs) {
        add(need, 0);
    }
    // glog's level letter is known only by its place at the beginning of a line.
    for letter in GLOG_LEVELS {
        for digit in GLOG_DIGITS {
            let start = format!("{}{digit}", char::from(*letter).to_ascii_lowercase());
            add(&format!("\n{start}"), 0);
            add(&format!("\r{start}"), 0);
        }
    }
    let search = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(&literals)
        .ok();
    Literals { search, rules }
});

/// The levels of glog that matter: what a verbose line has below it is no finding.
const GLOG_LEVELS: &[u8] = b"WEFV";
/// How the month or the year behind them begins.
const GLOG_DIGITS: [char; 3] = ['0', '1', '2'];

/// The literals of the rule on faults of the device.
static FAULTS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let rule = RULES.iter().find(|rule| rule.id == FAULT)?;
    AhoCorasick::builder().ascii_case_insensitive(true).build(rule.needs).ok()
});

/// Whether a message could tell of a fault of the device.
pub(in crate::scan) fn names_fault(message: &str) -> bool {
    FAULTS.as_ref().is_some_and(|search| search.is_match(message))
}

/// Whether a line could begin a record at all.
pub(in crate::scan) fn is_candidate(line: &[u8]) -> bool {
    candidate_at(line).is_some()
}

/// A place in the first of `lines` that could begin a record.
pub(in crate::scan) fn candidate_at(lines: &[u8]) -> Option<usize> {
    if lines.first().is_some_and(|letter| GLOG_LEVELS.contains(letter)) && is_glog(lines) {
        return Some(0);
    }
    let Some(search) = &LITERALS.search else { return Some(0) };
    let at = search.find(lines)?.start();
    // A literal that begins with the end of a line stands for the line after it.
    Some(if lines[at] == b'\n' { at + 1 } else { at })
}

/// The rules that have one of their literals in `text`, one bit each.
pub(in crate::scan) fn wanted(text: &str) -> u64 {
    let Some(search) = &LITERALS.search else { return u64::MAX };
    let matches = search.find_overlapping_iter(text);
    matches.fold(0, |mask, found| mask | LITERALS.rules[found.pattern().as_usize()])
}
