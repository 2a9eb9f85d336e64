//! Prompt lookup decoding: drafts are copied from the context and verified in one run.

use super::single::Live;
use super::{Found, Reader, Setup, Start};
use crate::generate::model::{ModelFault, Want};
use crate::generate::output::Row as Output;
use crate::generate::processors::Row;
use crate::generate::sequence::Sequence;

pub(super) fn run(setup: &mut Setup<'_>, batch: &[Start]) -> Result<Vec<Found>, ModelFault> {
    let mut found = Vec::new();
    for start in batch {
        found.push((start.index, vec![continue_one(setup, start)?]));
    }
    Ok(found)
}

/// The tokens are those of the search without drafts, sampled ones too: every position has one
/// draw, and a draft is kept as long as it equals what is chosen there.
fn continue_one(setup: &mut Setup<'_>, start: &Start) -> Result<Output, ModelFault> {
    let prompt = &start.sequence.tokens[..];
    let (mut reader, read) = Reader::open(setup.model, setup.config, &[prompt], false)?;
    setup.clock.prefilled();
    let size = reader.vocab_size();
    let mut neutral = vec![0.0; size];
    let mut row = Live::new(setup, start, 0);
    let mut logits = read.logits;
    let mut draft: Vec<u32> = Vec::new();
    loop {
        let mut matched = 0;
        for scores in logits.chunks_exact_mut(size) {
            let token = row.advance(setup, scores)?;
            if let Some(finish) = setup.stopping.check_row(&row.sequence) {
                return Ok(setup.row(&row.sequence, row.history, finish));
            }
            match draft.get(matched) {
                Some(drafted) if *drafted == token => matched += 1,
                _ => break,
            }
        }
        if matched < draft.len() {
            reader.take_back(draft.len() - matched)?;
        }
        draft = propose(setup, &row.sequence, &mut neutral);
        // The last chosen token has not been read yet.
        let last = row.sequence.tokens.last().copied();
        let tokens: Vec<u32> = last.into_iter().chain(draft.iter().copied()).collect();
        logits = reader.append(&tokens, Want { logits: tokens.len(), hidden: false })?.logits;
        setup.clock.stepped();
    }
}

/// What followed the last tokens when they stood earlier in `sequence`: the longest n-gram
/// first, its left-most occurrence first; cut at end tokens and at what the processors forbid.
fn propose(setup: &mut Setup<'_>, sequence: &Sequence, neutral: &mut [f32]) -> Vec<u32> {
    let config = setup.config;
    let tokens = &sequence.tokens;
    let longest = config.max_matching_ngram_size.unwrap_or(0);
    // The run that verifies a draft adds one token more.
    let room = sequence.limit.saturating_sub(tokens.len() + 1);
    let count = config.prompt_lookup_num_tokens.unwrap_or(0).min(room);
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
