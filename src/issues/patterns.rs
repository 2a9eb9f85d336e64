//! All patterns of a file at once.

use regex::{RegexSet, RegexSetBuilder};

use crate::issues::entry::{Entry, Shape};
use crate::scan::{Finding, mask};

/// All patterns at once, for the first cut; none where they are too many to be one machine: then
/// they are tried one by one.
#[derive(Debug, Default)]
pub(super) struct Patterns(Option<RegexSet>);

/// What no message has: stands for a template in the set of patterns.
const NEVER: &str = r"[^\s\S]";

impl Patterns {
    /// Those of `entries`, whose places are asked for later.
    pub(super) fn new(entries: &[Entry]) -> Self {
        let patterns = entries.iter().map(|entry| match &entry.shape {
            Shape::Pattern(pattern) => pattern.as_str(),
            Shape::Template(_) => NEVER,
        });
        let set = RegexSetBuilder::new(patterns)
            .case_insensitive(true)
            .multi_line(true)
            .dot_matches_new_line(true)
            .size_limit(64 << 20)
            .build();
        Self(set.ok())
    }

    /// The places of the entries that a finding looks like.
    pub(super) fn matching(&self, entries: &[Entry], finding: &Finding) -> Vec<usize> {
        self.places(entries, &finding.message, &finding.template)
    }

    /// The places of the entries that a message with this text looks like.
    pub(super) fn matching_text(&self, entries: &[Entry], text: &str) -> Vec<usize> {
        self.places(entries, text, &mask(text))
    }

    fn places(&self, entries: &[Entry], message: &str, masked: &str) -> Vec<usize> {
        let cut = self.0.as_ref().map(|patterns| patterns.matches(message));
        let looks = |(at, entry): &(usize, &Entry)| match (&entry.shape, &cut) {
            (Shape::Pattern(_), Some(cut)) => cut.matched(*at),
            (Shape::Pattern(pattern), None) => pattern.is_match(message),
            (Shape::Template(template), _) => template == masked,
        };
        entries.iter().enumerate().filter(looks).map(|(at, _)| at).collect()
    }
}
