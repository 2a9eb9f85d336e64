//! Penalties on single tokens.

use super::{Processor, Row, Scratch};

/// `diversity_penalty` times how often earlier groups took a token at this step.
pub(super) struct Diversity(f32);

impl Diversity {
    pub(super) fn new(penalty: f64) -> Option<Self> {
        (penalty > 0.0).then_some(Self(penalty as f32))
    }
}

impl Processor for Diversity {
    fn apply(&self, row: &Row<'_>, scores: &mut [f32], scratch: &mut Scratch) {
        scratch.each_once(row.taken, scores.len(), |token| {
            let uses = row.taken.iter().filter(|taken| **taken as usize == token).count();
            scores[token] -= self.0 * uses as f32;
        });
    }
}

/// A score divided by `penalty` where it is positive and multiplied where it is negative.
fn penalise(score: &mut f32, penalty: f32) {
    *score = if *score < 0.0 { *score * penalty } else { *score / penalty };
}

/// `encoder_repetition_penalty`: favours the tokens of the prompt, each once.
pub(super) struct EncoderRepetition(f32);

impl EncoderRepetition {
    pub(super) fn new(penalty: f64) -> Option<Self> {
        (penalty != 1.0).then_some(Self((1.0 / penalty) as f32))
    }
}

impl Processor for EncoderRepetition {
    fn apply(&self, row: &Row<'_>, scores: &mut [f32], scratch: &mut Scratch) {
        let size = scores.len();
        scratch.each_once(row.prompt(), size, |token| penalise(&mut scores[token], self.0));
    }
}

/// `repetition_penalty`: disfavours the tokens of prompt and output, each once.
pub(super) struct Repetition(f32);

impl Repetition {
    pub(super) fn new(penalty: f64) -> Option<Self> {
        (penalty != 1.0).then_some(Self(penalty as f32))
    }
}

impl Processor for Repetition {
    fn apply(&self, row: &Row<'_>, scores: &mut [f32], scratch: &mut Scratch) {
        let size = scores.len();
        scratch.each_once(row.tokens, size, |token| penalise(&mut scores[token], self.0));
    }
}

/// `remove_invalid_values`: NaN becomes 0 and infinities the largest finite values, so that what
/// was forbidden before is merely very unlikely.
pub(super) struct Finite;

impl Processor for Finite {
    fn apply(&self, _row: &Row<'_>, scores: &mut [f32], _scratch: &mut Scratch) {
        for score in scores {
            *score = if score.is_nan() { 0.0 } else { score.clamp(f32::MIN, f32::MAX) };
        }
    }
}
