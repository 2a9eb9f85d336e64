//! What keeps tokens by their probability and by the entropy of the row.

use super::{Processor, Row, Scratch};
use crate::generate::distribution::{entropy, in_order, log_sum_exp, nth_largest};

/// `typical_p` (arXiv 2202.00666): keeps the tokens whose surprise is nearest to the entropy,
/// until their mass is reached; ties with the last of them stay.
pub(super) struct Typical {
    mass: f32,
    keep: usize,
}

impl Typical {
    pub(super) fn new(mass: f64, keep: usize) -> Option<Self> {
        (mass < 1.0).then_some(Self { mass: mass as f32, keep })
    }
}

impl Processor for Typical {
    fn apply(&self, _row: &Row<'_>, scores: &mut [f32], scratch: &mut Scratch) {
        let total = log_sum_exp(scores);
        let entropy = entropy(scores.iter().map(|score| score - total));
        // Forbidden tokens are infinitely far from typical: they would come last, with no mass.
        let ranked = &mut scratch.ranked;
        ranked.clear();
        ranked.extend(
            scores
                .iter()
                .enumerate()
                .filter(|(_, score)| **score > f32::NEG_INFINITY)
                .map(|(token, score)| (token, ((total - score) - entropy).abs())),
        );
        let nearest = |a: &(usize, f32), b: &(usize, f32)| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0));
        let mut sum = 0.0f64;
        let mut last = f32::INFINITY;
        in_order(ranked, nearest, |at, (token, distance)| {
            if (sum as f32) < self.mass {
                last = distance;
                sum += f64::from((scores[token] - total).exp());
            }
            // Also so far that the tokens that stay in any case stand sorted.
            (sum as f32) < self.mass || at < self.keep
        });
        for (token, distance) in ranked.iter().skip(self.keep) {
            if *distance > last {
                scores[*token] = f32::NEG_INFINITY;
            }
        }
    }
}

/// Forbids what is less probable than `least`, but for the `keep` best and their ties.
fn cut(scores: &mut [f32], total: f32, least: f32, keep: usize, scratch: &mut Scratch) {
    let bar = nth_largest(scores, keep, &mut scratch.floats);
    for score in scores.iter_mut().filter(|score| **score < bar) {
        if (*score - total).exp() < least {
            *score = f32::NEG_INFINITY;
        }
    }
}

/// `epsilon_cutoff`: forbids what is less probable than it.
pub(super) struct EpsilonCutoff {
    least: f32,
    keep: usize,
}

impl EpsilonCutoff {
    pub(super) fn new(least: f64, keep: usize) -> Option<Self> {
        (least > 0.0).then_some(Self { least: least as f32, keep })
    }
}

impl Processor for EpsilonCutoff {
    fn apply(&self, _row: &Row<'_>, scores: &mut [f32], scratch: &mut Scratch) {
        let total = log_sum_exp(scores);
        cut(scores, total, self.least, self.keep, scratch);
    }
}

/// `eta_cutoff`: as [`EpsilonCutoff`], with a bound that sinks where the entropy is high.
pub(super) struct EtaCutoff {
    epsilon: f32,
    keep: usize,
}

impl EtaCutoff {
    pub(super) fn new(epsilon: f64, keep: usize) -> Option<Self> {
        (epsilon > 0.0).then_some(Self { epsilon: epsilon as f32, keep })
    }
}

impl Processor for EtaCutoff {
    fn apply(&self, _row: &Row<'_>, scores: &mut [f32], scratch: &mut Scratch) {
        let total = log_sum_exp(scores);
        let entropy = entropy(scores.iter().map(|score| score - total));
        let least = self.epsilon.min(self.epsilon.sqrt() * (-entropy).exp());
        cut(scores, total, least, self.keep, scratch);
    }
}
