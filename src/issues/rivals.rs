//! Entries that take each other's findings: duplicates, shadows and ties.
//!
//! Whether two patterns ever match the same text says little, for most do (`slow` and `odd` both
//! match `slow and odd`). What is looked at are texts that one of them is made for: its examples,
//! and the shortest texts that it matches.

use std::collections::BTreeMap;

use crate::issues::entry::Entry;
use crate::issues::lint::{Faults, Lint};
use crate::issues::patterns::Patterns;
use crate::issues::witness::witnesses;

/// What is known of two entries: how many texts of the one the other matches, both ways, and one
/// such text.
#[derive(Debug, Default)]
struct Shared<'a> {
    /// Of the earlier entry by the later one.
    earlier: usize,
    /// Of the later entry by the earlier one.
    later: usize,
    text: Option<&'a str>,
}

/// Looks at every two entries of a file.
pub(super) fn lint(entries: &[Entry], faults: &mut Faults<'_>) {
    let patterns = Patterns::new(entries);
    let texts: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| witnesses(&entry.shape).into_iter().chain(entry.examples.clone()).collect())
        .collect();
    let mut pairs: BTreeMap<(usize, usize), Shared<'_>> = BTreeMap::new();
    for (own, texts) in texts.iter().enumerate() {
        for text in texts {
            let takers = patterns.matching_text(entries, text);
            for other in takers.into_iter().filter(|other| *other != own) {
                let shared = pairs.entry((own.min(other), own.max(other))).or_default();
                *(if own < other { &mut shared.earlier } else { &mut shared.later }) += 1;
                shared.text.get_or_insert(text);
            }
        }
    }
    for ((one, two), shared) in pairs {
        let (Some(earlier), Some(later)) = (entries.get(one), entries.get(two)) else { continue };
        let whole = |count: usize, of: usize| texts.get(of).is_some_and(|all| all.len() == count);
        let earlier_goes = whole(shared.earlier, one) && earlier.scope.is_within(&later.scope);
        let later_goes = whole(shared.later, two) && later.scope.is_within(&earlier.scope);
        compare(earlier, later, earlier_goes, later_goes, shared.text.unwrap_or_default(), faults);
    }
}

/// Notes what is wrong with two entries that both match `text`; whether one of them matches all
/// texts of the other, wherever that one applies.
fn compare(
    earlier: &Entry,
    later: &Entry,
    earlier_goes: bool,
    later_goes: bool,
    text: &str,
    faults: &mut Faults<'_>,
) {
    let equal = earlier.scope.specificity() == later.scope.specificity();
    if !equal || !earlier.scope.meets(&later.scope) {
        return;
    }
    let at = |entry: &Entry| format!("{} at line {}", entry.id, entry.line);
    if earlier.shape.text() == later.shape.text() && earlier.scope == later.scope {
        let message = format!("the same shape and scope as {}; remove one of them", at(earlier));
        faults.add(Lint::Duplicate, &later.id, message);
    } else if earlier_goes || later_goes {
        let (gone, taker) = if later_goes { (later, earlier) } else { (earlier, later) };
        let message = format!(
            "{} matches all that is known of it ({text:?}), in its whole scope; remove one of \
             them, or narrow the scope of this one",
            at(taker)
        );
        faults.add(Lint::Shadowed, &gone.id, message);
    } else {
        let message = format!(
            "{} covers {text:?} too, and neither scope is narrower; narrow one scope or pattern",
            at(earlier)
        );
        faults.add(Lint::Tie, &later.id, message);
    }
}
