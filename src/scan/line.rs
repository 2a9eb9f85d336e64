//! A line that is offered to the open records.

use super::advice::ADVICE;
use super::classify::{Opening, classify};
use super::head::Head;
use super::rules;

/// A line that is offered to the open records. What it would begin of its own is found out when
/// somebody asks: most lines of a traceback are taken without.
pub(super) struct Line<'a, 't> {
    pub(super) head: &'a Head<'t>,
    pub(super) number: u64,
    bytes: &'a [u8],
    opening: Option<Option<Opening>>,
}

impl<'a, 't> Line<'a, 't> {
    /// Line `number`; `candidate` where it is known that it could begin a record.
    pub(super) fn new(head: &'a Head<'t>, number: u64, bytes: &'a [u8], candidate: bool) -> Self {
        let opening = candidate.then(|| classify(head));
        Self { head, number, bytes, opening }
    }

    /// Whether it could begin a record of its own. Advice begins one only where nothing is open: it is
    /// how many a message goes on.
    pub(super) fn opens(&mut self) -> bool {
        self.look().is_some_and(|opening| opening.rule != ADVICE)
    }

    /// What it begins.
    pub(super) fn into_opening(mut self) -> Option<Opening> {
        self.look();
        self.opening.flatten()
    }

    fn look(&mut self) -> Option<&Opening> {
        let look = || if rules::is_candidate(self.bytes) { classify(self.head) } else { None };
        self.opening.get_or_insert_with(look).as_ref()
    }
}
