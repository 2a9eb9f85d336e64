//! Words that are looked for on every line: the search is made ready once.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// A word that is looked for on every line.
pub(super) struct Mark(LazyLock<Finder<'static>>);

impl Mark {
    /// A mark for the word that `word` gives.
    pub(super) const fn new(word: fn() -> Finder<'static>) -> Self {
        Self(LazyLock::new(word))
    }

    /// Where the word stands in `text` first.
    pub(super) fn find(&self, text: &str) -> Option<usize> {
        self.0.find(text.as_bytes())
    }

    /// Whether the word is in `text`.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.find(text).is_some()
    }
}
