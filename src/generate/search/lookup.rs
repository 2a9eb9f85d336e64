//! Prompt lookup: drafts are copied from the context.

use super::Setup;
use crate::generate::processors::Row;
use crate::generate::sequence::Sequence;

/// What followed the last tokens when they stood earlier in `sequence`: the longest n-gram
/// first, its left-most occurrence first; cut at `count`, at end tokens and at what the processors
/// forbid. `neutral` is scratch over the vocabulary.
pub(super) fn propose(
    setup: &mut Setup<'_>,
    sequence: &Sequence,
    count: usize,
    neutral: &mut [f32],
) -> Vec<u32> {
    let config = setup.config;
    let tokens = &sequence.tokens;
    let longest = config.max_matching_ngram_size.unwrap_or(0);
    for size in (1..=longest.min(tokens.len().saturating_sub(1))).rev() {
        let suffix = &tokens[tokens.len() - size..];
        let places = tokens.windows(size).enumerate().filter(|(_, window)| *window == suffix);
        for (at, _) in places {
            let from = at + size;
            let to = (from + count).min(tokens.len());
            let mut draft = tokens[from..to].to_vec();
            let allowed = count_allowed(setup, sequence, &draft, neutral);
            draft.truncate(allowed);
            if draft.is_empty() {
                continue;
            }
            let ends = draft.iter().position(|token| config.end_tokens().contains(token));
            draft.truncate(ends.unwrap_or(draft.len()));
            return draft;
        }
    }
    Vec::new()
}

/// How many tokens of `draft` the processors let through, one after the other.
fn count_allowed(
    setup: &mut Setup<'_>,
    sequence: &Sequence,
    draft: &[u32],
    neutral: &mut [f32],
) -> usize {
    if !setup.chain.has_rules() {
        return draft.len();
    }
    let mut ahead = sequence.clone();
    for (count, token) in draft.iter().enumerate() {
        if setup.chain.forbids(&Row::of(&ahead), *token, neutral) {
            return count;
        }
        ahead.tokens.push(*token);
    }
    draft.len()
}
