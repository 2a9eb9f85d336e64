//! Temperature, and what keeps the most probable tokens.

use super::{Processor, Row, Scratch};
use crate::generate::distribution::{
    argmax, entropy, in_order, log_softmax, nth_largest, softmax, top,
};

/// `temperature`: divides the scores.
pub(super) struct Temperature(f32);

impl Temperature {
    pub(super) fn new(temperature: f64) -> Option<Self> {
        (temperature != 1.0).then_some(Self(temperature as f32))
    }
}

impl Processor for Temperature {
    fn apply(&self, _row: &Row<'_>, scores: &mut [f32], _scratch: &mut Scratch) {
        scores.iter_mut().for_each(|score| *score /= self.0);
    }
}

/// `top_h` (arXiv 2509.02510): of the 100 best tokens, renormalised, the head whose summed
/// `-p log p` is at most that share of their entropy; always the best one.
pub(super) struct TopH(pub f64);

impl TopH {
    /// How many tokens are looked at.
    const HEAD: usize = 100;
}

impl Processor for TopH {
    fn apply(&self, _row: &Row<'_>, scores: &mut [f32], _scratch: &mut Scratch) {
        let head = top(scores, Self::HEAD);
        let mut log_probs: Vec<f32> = head.iter().map(|(_, score)| *score).collect();
        log_softmax(&mut log_probs);
        let most = entropy(log_probs.iter().copied()) * self.0 as f32;
        let mut sum = 0.0f64;
        let mut kept = 0;
        for log_prob in log_probs {
            let prob = log_prob.exp();
            sum += f64::from(-prob * prob.ln());
            // A probability of 0 leads to NaN, and what is left has none either.
            if kept > 0 && (sum.is_nan() || sum as f32 > most) {
                break;
            }
            kept += 1;
        }
        scores.fill(f32::NEG_INFINITY);
        for (token, score) in &head[..kept] {
            scores[*token] = *score;
        }
    }
}

/// `top_k`: what scores below the k-th largest is forbidden; ties with it stay.
pub(super) struct TopK(usize);

impl TopK {
    pub(super) fn new(count: usize, keep: usize) -> Option<Self> {
        (count > 0).then_some(Self(count.max(keep)))
    }
}

impl Processor for TopK {
    fn apply(&self, _row: &Row<'_>, scores: &mut [f32], scratch: &mut Scratch) {
        let least = nth_largest(scores, self.0, &mut scratch.floats);
        for score in scores.iter_mut().filter(|score| **score < least) {
            *score = f32::NEG_INFINITY;
        }
    }
}

/// `top_p`: from the least probable token up, everything is forbidden whose cumulated
/// probability is at most `1 - p`.
pub(super) struct TopP {
    tail: f32,
    keep: usize,
}

impl TopP {
    pub(super) fn new(mass: f64, keep: usize) -> Option<Self> {
        (mass < 1.0).then_some(Self { tail: (1.0 - mass) as f32, keep })
    }
}

impl Processor for TopP {
    fn apply(&self, _row: &Row<'_>, scores: &mut [f32], scratch: &mut Scratch) {
        softmax(scores, &mut scratch.probs);
        let ranked = &mut scratch.ranked;
        ranked.clear();
        ranked.extend(scratch.probs.iter().copied().enumerate());
        // From the best down: what a token cumulates from below is what the better ones leave.
        // Among equals the lower id counts as the less probable.
        let mut cumulated: f64 = scratch.probs.iter().map(|prob| f64::from(*prob)).sum();
        let mut kept = ranked.len();
        let order = |a: &(usize, f32), b: &(usize, f32)| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0));
        in_order(ranked, order, |at, (_, prob)| {
            if at >= self.keep && cumulated as f32 <= self.tail {
                kept = at;
                return false;
            }
            cumulated -= f64::from(prob);
            true
        });
        for (token, _) in &ranked[kept..] {
            scores[*token] = f32::NEG_INFINITY;
        }
    }
}

/// `min_p`: what is less probable than that share of the best token is forbidden, but for the
/// `keep` best.
pub(super) struct MinP {
    pub share: f64,
    pub keep: usize,
}

impl Processor for MinP {
    fn apply(&self, _row: &Row<'_>, scores: &mut [f32], scratch: &mut Scratch) {
        softmax(scores, &mut scratch.probs);
        let probs = &scratch.probs;
        let least = self.share as f32 * probs[argmax(probs)];
        let kept = top(probs, self.keep);
        for (token, prob) in probs.iter().enumerate() {
            if *prob < least && !kept.iter().any(|(other, _)| *other == token) {
                scores[token] = f32::NEG_INFINITY;
            }
        }
    }
}

/// `renormalize_logits`: scores to log-probabilities.
pub(super) struct Renormalize;

impl Processor for Renormalize {
    fn apply(&self, _row: &Row<'_>, scores: &mut [f32], _scratch: &mut Scratch) {
        log_softmax(scores);
    }
}
