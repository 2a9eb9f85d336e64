//! The rules on words, as data: what a message says when no structure says it.
//!
//! A rule is tried on a line only when one of its `needs` is in it, so that ordinary lines cost
//! one pass of a multi-pattern search. Patterns are tried in the order of the table, on the
//! message without prefix and with quoted text blanked out; the first that matches decides.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder, bytes};

use crate::scan::Severity;

mod crashes;
mod failures;
mod literals;
mod notices;
mod structures;

pub(super) use literals::{candidate_at, is_candidate, names_fault, wanted};
use structures::STRUCTURES;

/// The rule on faults of the device, which counts over what a record is otherwise.
pub(super) const FAULT: &str = "cuda-fault";

/// All rules. A notice that something else is done instead comes before the bare failure, and a
/// failure that is named before the word `warning`.
pub(super) static RULES: LazyLock<Vec<&'static Rule>> = LazyLock::new(|| {
    let tables = [crashes::CRASHES, failures::NAMED, notices::NOTICES, failures::WORDED];
    tables.into_iter().flatten().collect()
});

/// Which lines a rule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// All but debug lines; its severity stands over the level of the line.
    Always,
    /// Lines at INFO and lines without a level.
    Notice,
    /// Lines without a level.
    Plain,
}

/// A rule on words.
#[derive(Debug)]
pub(super) struct Rule {
    /// Names the rule in findings.
    pub(super) id: &'static str,
    pub(super) reach: Reach,
    /// Lower-case literals, one of which is in every message that matches.
    pub(super) needs: &'static [&'static str],
    /// Regular expressions, any of which matches, case-insensitive unless they say `(?-i)`.
    pub(super) patterns: &'static [&'static str],
    pub(super) severity: Severity,
    /// The source, where the words name it.
    pub(super) source: Option<&'static str>,
    /// Lines that it must find.
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests of the table read it"))]
    pub(super) examples: &'static [&'static str],
    /// Lines in which it must find nothing.
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests of the table read it"))]
    pub(super) counter_examples: &'static [&'static str],
}

/// A kind of record that is known by its shape, with the same self-tests as a [`Rule`].
#[derive(Debug)]
pub(super) struct Structure {
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests of the table read it"))]
    pub(super) id: &'static str,
    /// Literals that a first line of it has, beside those of the rules.
    pub(super) needs: &'static [&'static str],
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests of the table read it"))]
    pub(super) examples: &'static [&'static str],
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests of the table read it"))]
    pub(super) counter_examples: &'static [&'static str],
}

/// The patterns of a rule. Those that hold at the beginning of a message only are a machine of
/// their own: it gives up after a few bytes, while that of the others reads the message to its end.
struct Patterns {
    first: Option<bytes::Regex>,
    anywhere: Option<bytes::Regex>,
}

impl Patterns {
    fn of(rule: &Rule) -> Self {
        let at_first = |pattern: &&&str| pattern.starts_with('^') || pattern.starts_with("(?-i:^");
        let (first, anywhere): (Vec<&str>, Vec<&str>) =
            rule.patterns.iter().partition(|pattern| at_first(pattern));
        let joined = |patterns: Vec<&str>| {
            (!patterns.is_empty()).then(|| compile_bytes(&patterns.join("|"))).flatten()
        };
        Self { first: joined(first), anywhere: joined(anywhere) }
    }

    fn match_in(&self, message: &[u8]) -> bool {
        [&self.first, &self.anywhere]
            .into_iter()
            .any(|patterns| patterns.as_ref().is_some_and(|one| one.is_match(message)))
    }
}

static PATTERNS: LazyLock<Vec<Patterns>> =
    LazyLock::new(|| RULES.iter().map(|rule| Patterns::of(rule)).collect());

/// Compiles a pattern of our own tables. One that does not compile matches nothing, and the test
/// of the table names it.
pub(super) fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).case_insensitive(true).unicode(false).build().ok().or_else(|| {
        // Without Unicode a pattern could match half a character; such a one is compiled with.
        RegexBuilder::new(pattern).case_insensitive(true).build().ok()
    })
}

/// Compiles a pattern of our own tables in which capitals count.
pub(super) fn compile_exact(pattern: &str) -> Option<Regex> {
    compile(&format!("(?-i:{pattern})"))
}

/// Compiles the pattern of a rule over bytes: a bounded repetition of any character is a far
/// smaller machine so than over Unicode.
fn compile_bytes(pattern: &str) -> Option<bytes::Regex> {
    bytes::RegexBuilder::new(pattern).case_insensitive(true).unicode(false).build().ok()
}

/// The same for a pattern in which capitals count.
pub(super) fn compile_exact_bytes(pattern: &str) -> Option<bytes::Regex> {
    compile_bytes(&format!("(?-i:{pattern})"))
}

/// The rules of each reach, one bit each, in the order of [`Reach`].
static REACHES: LazyLock<[u64; 3]> = LazyLock::new(|| {
    let of = |reach| {
        let rules = RULES.iter().enumerate().filter(|(_, rule)| rule.reach == reach);
        rules.fold(0, |mask, (index, _)| mask | 1 << index)
    };
    [of(Reach::Always), of(Reach::Notice), of(Reach::Plain)]
});

/// The rules of `reaches`, one bit each.
pub(super) fn within(reaches: &[Reach]) -> u64 {
    reaches.iter().fold(0, |mask, reach| mask | REACHES[*reach as usize])
}

/// The first rule of `reaches` that `masked` matches, among those that [`wanted`] marked.
pub(super) fn first_match(masked: &str, reaches: &[Reach], wanted: u64) -> Option<&'static Rule> {
    let mut left = wanted & within(reaches);
    while left != 0 {
        let index = left.trailing_zeros() as usize;
        let rule = RULES.get(index)?;
        if PATTERNS[index].match_in(masked.as_bytes()) {
            return Some(*rule);
        }
        left &= left - 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::{Phase, Scanner, Stream};

    fn rules_found(text: &str) -> Vec<String> {
        let mut scanner = Scanner::new(Stream::Stderr, Phase::Run);
        scanner.feed(text.as_bytes());
        scanner.finish().findings.into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn every_pattern_compiles_and_every_id_is_unique() {
        let mut seen = std::collections::BTreeSet::new();
        for rule in RULES.iter() {
            assert!(
                rule.patterns.iter().all(|pattern| compile_bytes(pattern).is_some()),
                "{} does not compile",
                rule.id
            );
            assert!(seen.insert(rule.id), "{} stands twice", rule.id);
            assert!(!rule.needs.is_empty(), "{} would be tried on every line", rule.id);
            for need in rule.needs {
                assert_eq!(*need, need.to_lowercase(), "{}", rule.id);
            }
        }
        for structure in STRUCTURES {
            assert!(seen.insert(structure.id), "{} stands twice", structure.id);
        }
    }

    #[test]
    fn every_rule_has_examples_that_hold() {
        let rules = RULES.iter().map(|rule| (rule.id, rule.examples, rule.counter_examples));
        let structures = STRUCTURES.iter().map(|one| (one.id, one.examples, one.counter_examples));
        let mut faults = Vec::new();
        assert!(RULES.len() <= 64, "the set of wanted rules is a word of 64 bits");
        for (id, examples, counter_examples) in rules.chain(structures) {
            if examples.is_empty() || counter_examples.is_empty() {
                faults.push(format!("{id}: needs an example and a counter-example"));
            }
            for example in examples {
                let found = rules_found(example);
                if found != [id] {
                    faults.push(format!("{id}: {example:?} gives {found:?}"));
                }
            }
            for example in counter_examples {
                let found = rules_found(example);
                if !found.is_empty() {
                    faults.push(format!("{id}: counter-example {example:?} gives {found:?}"));
                }
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}
