//! How the prompts of a request are dealt out, and what the replicas give is put together. Pure.

use std::ops::Range;

use crate::generate::{Drafts, Timings};

/// `prompts` in `count` contiguous shares, in order: the first ones have one prompt more where
/// they cannot be equal, the last ones none where there are fewer prompts than shares. (As
/// `split_between_processes` of accelerate deals.) Prompts that follow each other stay together,
/// so that the batches of a share are those of its prompts.
pub(super) fn deal(prompts: Range<usize>, count: usize) -> Vec<Range<usize>> {
    let count = count.max(1);
    let (each, more) = (prompts.len() / count, prompts.len() % count);
    let mut from = prompts.start;
    let share = |number: usize| {
        let share = from..from + each + usize::from(number < more);
        from = share.end;
        share
    };
    (0..count).map(share).collect()
}

/// The time of a request on which replicas worked side by side: that of the one that took longest.
/// Its phases sum up to what the whole took; those of several would not, as they overlap.
pub(super) fn longest(timings: impl Iterator<Item = Timings>) -> Timings {
    let total = |timings: &Timings| timings.prefill_s + timings.decode_s;
    timings.max_by(|one, other| total(one).total_cmp(&total(other))).unwrap_or_default()
}

/// The drafts of a request, out of those of its shares in order: the counts of all, and what the
/// schedule of the last one that made any had come to. None where nothing made drafts.
pub(super) fn joined(drafts: impl Iterator<Item = Drafts>) -> Option<Drafts> {
    drafts.reduce(|one, next| Drafts {
        rounds: one.rounds + next.rounds,
        drafted: one.drafted + next.drafted,
        accepted: one.accepted + next.accepted,
        // A share without prompts has nothing to tell.
        next_limit: if next.rounds > 0 { next.next_limit } else { one.next_limit },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_shares_are_the_larger_ones() {
        assert_eq!(deal(0..4, 2), [0..2, 2..4]);
        assert_eq!(deal(0..4, 3), [0..2, 2..3, 3..4]);
        assert_eq!(deal(3..4, 3), [3..4, 4..4, 4..4]);
        assert_eq!(deal(0..0, 2), [0..0, 0..0]);
    }

    proptest! {
        #[test]
        fn every_prompt_is_dealt_once_and_in_order(
            start in 0usize..50, prompts in 0usize..200, count in 1usize..65,
        ) {
            let shares = deal(start..start + prompts, count);
            prop_assert_eq!(shares.len(), count);
            let sizes = shares.iter().map(ExactSizeIterator::len);
            let (least, most) = (sizes.clone().min().unwrap(), sizes.max().unwrap());
            prop_assert!(most - least <= 1, "{:?}", shares);
            let dealt: Vec<usize> = shares.into_iter().flatten().collect();
            prop_assert_eq!(dealt, (start..start + prompts).collect::<Vec<_>>());
        }
    }

    #[test]
    fn drafts_are_counted_over_all_shares() {
        let one = Drafts { rounds: 3, drafted: 9, accepted: 5, next_limit: 4 };
        let other = Drafts { rounds: 2, drafted: 4, accepted: 4, next_limit: 7 };
        let both = Drafts { rounds: 5, drafted: 13, accepted: 9, next_limit: 7 };
        let idle = Drafts { next_limit: 20, ..Drafts::default() };
        assert_eq!(joined([one, other, idle].into_iter()), Some(both));
        assert_eq!(joined(std::iter::empty()), None);
    }

    #[test]
    fn the_time_of_the_slowest_is_taken_as_it_is() {
        let one =
            Timings { prefill_s: 2.0, decode_s: 1.0, steps_s: vec![1.0], ..Timings::default() };
        let other = Timings {
            prefill_s: 1.0,
            decode_s: 4.0,
            steps_s: vec![2.0, 2.0],
            ..Timings::default()
        };
        assert_eq!(longest([one.clone(), other.clone()].into_iter()), other);
        assert_eq!(longest([other.clone(), one].into_iter()), other);
    }
}
