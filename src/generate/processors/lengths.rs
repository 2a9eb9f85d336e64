//! Rules that go by how long a row is.

use super::{Processor, Row, Scratch, forbid, force};
use crate::generate::config::Decay;

/// `min_length` and `min_new_tokens`: no end token before. The latter replaces the former, which
/// is how transformers has it.
pub(super) struct MinLength {
    total: usize,
    new: Option<usize>,
    end: Vec<u32>,
}

impl MinLength {
    pub(super) fn new(total: usize, new: Option<usize>, end: &[u32]) -> Option<Self> {
        let on = !end.is_empty() && new.unwrap_or(total) > 0;
        on.then(|| Self { total, new, end: end.to_vec() })
    }
}

impl Processor for MinLength {
    fn apply(&self, row: &Row<'_>, scores: &mut [f32], _scratch: &mut Scratch) {
        let least = self.new.map_or(self.total, |new| row.prompt_len + new);
        if row.len() < least {
            self.end.iter().for_each(|token| forbid(scores, *token));
        }
    }
}

/// `forced_bos_token_id`: where the row has exactly one token.
pub(super) struct ForcedBos(pub u32);

impl Processor for ForcedBos {
    fn apply(&self, row: &Row<'_>, scores: &mut [f32], _scratch: &mut Scratch) {
        if row.len() == 1 {
            force(scores, &[self.0]);
        }
    }
}

/// `forced_eos_token_id`: as the last token before the limit.
pub(super) struct ForcedEos(pub Vec<u32>);

impl Processor for ForcedEos {
    fn apply(&self, row: &Row<'_>, scores: &mut [f32], _scratch: &mut Scratch) {
        if row.len() + 1 == row.limit {
            force(scores, &self.0);
        }
    }
}

/// `exponential_decay_length_penalty`: raises the end tokens by their own size times a growing
/// factor, once more than `start` tokens are generated.
pub(super) struct ExponentialDecay {
    decay: Decay,
    end: Vec<u32>,
}

impl ExponentialDecay {
    pub(super) fn new(decay: Decay, end: &[u32]) -> Self {
        Self { decay, end: end.to_vec() }
    }
}

impl Processor for ExponentialDecay {
    fn apply(&self, row: &Row<'_>, scores: &mut [f32], _scratch: &mut Scratch) {
        let start = row.prompt_len + self.decay.start;
        if row.len() <= start {
            return;
        }
        let growth = self.decay.factor.powf((row.len() - start) as f64) - 1.0;
        for token in &self.end {
            if let Some(score) = scores.get_mut(*token as usize).filter(|score| score.is_finite()) {
                *score += score.abs() * growth as f32;
            }
        }
    }
}

/// `begin_suppress_tokens`: at the first generated position, or one later where that is taken by
/// a forced begin token.
pub(super) struct BeginSuppress {
    tokens: Vec<u32>,
    begin_is_forced: bool,
}

impl BeginSuppress {
    pub(super) fn new(tokens: &[u32], begin_is_forced: bool) -> Self {
        Self { tokens: tokens.to_vec(), begin_is_forced }
    }
}

impl Processor for BeginSuppress {
    fn apply(&self, row: &Row<'_>, scores: &mut [f32], _scratch: &mut Scratch) {
        let later = self.begin_is_forced && row.prompt_len <= 1;
        if row.len() == row.prompt_len + usize::from(later) {
            self.tokens.iter().for_each(|token| forbid(scores, *token));
        }
    }
}
