//! What lines came to: engines say the same again and again, each time under another time.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use super::classify::{Opening, classify, is_speaker};
use super::head::{Head, Style};
use super::level::Level;
use super::rules;

/// Lines that are remembered; a new one takes the place of the one that shares its slot.
const SLOTS: usize = 2048;
/// Bytes of the longest line that is remembered.
const LONGEST: usize = 512;

/// A line that is offered to the open records. What it would begin of its own is found out when
/// somebody asks: most lines of a traceback are taken without.
pub(super) struct Line<'a, 't> {
    pub(super) head: &'a Head<'t>,
    pub(super) number: u64,
    bytes: &'a [u8],
    memo: &'a mut Memo,
    opening: Option<Option<Opening>>,
}

impl<'a, 't> Line<'a, 't> {
    /// Line `number`; `candidate` where it is known that it could begin a record.
    pub(super) fn new(
        head: &'a Head<'t>,
        number: u64,
        bytes: &'a [u8],
        candidate: bool,
        memo: &'a mut Memo,
    ) -> Self {
        let opening = candidate.then(|| memo.classify(head));
        Self { head, number, bytes, memo, opening }
    }

    /// Whether it could begin a record of its own.
    pub(super) fn opens(&mut self) -> bool {
        self.look().is_some()
    }

    /// What it begins.
    pub(super) fn into_opening(mut self) -> Option<Opening> {
        self.look();
        self.opening.flatten()
    }

    fn look(&mut self) -> Option<&Opening> {
        let (head, bytes, memo) = (self.head, self.bytes, &mut *self.memo);
        let look = || if rules::is_candidate(bytes) { memo.classify(head) } else { None };
        self.opening.get_or_insert_with(look).as_ref()
    }
}

/// What lines begin, in bounded memory.
#[derive(Debug, Default)]
pub(super) struct Memo {
    slots: Vec<Slot>,
    hashes: BuildHasherDefault<DefaultHasher>,
}

#[derive(Debug, Default, Clone)]
struct Slot {
    known: Option<Traits>,
    body: String,
    opening: Option<Opening>,
}

/// All that a line's beginning depends on beside its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Traits {
    level: Option<Level>,
    style: Style,
    logged: bool,
    speaker: bool,
}

impl Memo {
    /// What the line begins, as [`classify`] says or has said.
    pub(super) fn classify(&mut self, head: &Head<'_>) -> Option<Opening> {
        let body: &str = &head.body;
        if body.len() > LONGEST {
            return classify(head);
        }
        let traits = Traits {
            level: head.level,
            style: head.style,
            logged: head.logged,
            speaker: is_speaker(head.logger),
        };
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, Slot::default());
        }
        let at = self.hashes.hash_one((traits, body)) as usize % SLOTS;
        let slot = &mut self.slots[at];
        if slot.known != Some(traits) || slot.body != body {
            slot.opening = classify(head);
            slot.known = Some(traits);
            slot.body.clear();
            slot.body.push_str(body);
        }
        slot.opening.clone()
    }
}
