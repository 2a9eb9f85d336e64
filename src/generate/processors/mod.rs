//! What changes the scores of the next token, one file per family.

mod bans;
mod chain;
mod lengths;
mod mersenne;
mod penalties;
#[cfg(test)]
mod tests;
mod truncation;
mod warpers;
mod watermark;

pub(crate) use chain::Chain;

use crate::generate::sequence::Sequence;

/// One change to the scores of a row's next token.
pub(crate) trait Processor {
    /// Changes `scores`, one per token of the vocabulary; minus infinity forbids a token.
    fn apply(&self, row: &Row<'_>, scores: &mut [f32], scratch: &mut Scratch);
}

/// What processors see of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    /// Prompt and output so far, without padding.
    pub tokens: &'a [u32],
    /// How many of them are the prompt.
    pub prompt_len: usize,
    /// The total length at which the row ends.
    pub limit: usize,
    /// The tokens that earlier groups of beams took at this step; empty elsewhere.
    pub taken: &'a [u32],
}

impl<'a> Row<'a> {
    /// The view of `sequence` outside group beam search.
    pub(crate) fn of(sequence: &'a Sequence) -> Self {
        Self {
            tokens: &sequence.tokens,
            prompt_len: sequence.prompt_len,
            limit: sequence.limit,
            taken: &[],
        }
    }

    /// The prompt.
    fn prompt(&self) -> &'a [u32] {
        &self.tokens[..self.prompt_len]
    }

    /// How many tokens there are, the prompt counted: `L` of the rules. Padding is not counted, so
    /// that the rules do not depend on the other rows of a batch (transformers counts it).
    fn len(&self) -> usize {
        self.tokens.len()
    }
}

/// Memory that processors share, so that a step allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Copies of scores, for selections.
    pub floats: Vec<f32>,
    /// Probabilities.
    pub probs: Vec<f32>,
    /// Positions with their scores.
    pub ranked: Vec<(usize, f32)>,
    /// Marks over the vocabulary.
    marks: Vec<u32>,
    mark: u32,
}

impl Scratch {
    /// Calls `visit` once for every token of `tokens` that is in a vocabulary of `size`.
    fn each_once(&mut self, tokens: &[u32], size: usize, mut visit: impl FnMut(usize)) {
        if self.marks.len() < size || self.mark == u32::MAX {
            self.marks = vec![0; size.max(self.marks.len())];
            self.mark = 0;
        }
        self.mark += 1;
        for token in tokens.iter().map(|token| *token as usize).filter(|token| *token < size) {
            if self.marks[token] != self.mark {
                self.marks[token] = self.mark;
                visit(token);
            }
        }
    }
}

/// Forbids `token`; a token outside of the vocabulary cannot come anyway.
fn forbid(scores: &mut [f32], token: u32) {
    if let Some(score) = scores.get_mut(token as usize) {
        *score = f32::NEG_INFINITY;
    }
}

/// Forbids everything but `tokens`, which score 0.
fn force(scores: &mut [f32], tokens: &[u32]) {
    scores.fill(f32::NEG_INFINITY);
    for token in tokens {
        if let Some(score) = scores.get_mut(*token as usize) {
            *score = 0.0;
        }
    }
}
