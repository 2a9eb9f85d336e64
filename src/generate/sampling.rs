//! Seeded draws.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::generate::distribution::{argmax, best_first};

/// The draws of one row: a stream of its own, made of the seed, the prompt and the row, so that
/// neither batches nor other rows change them. One draw per generated token.
#[derive(Debug, Clone)]
pub(crate) struct Draws {
    generator: ChaCha8Rng,
    /// The possible tokens of a step with their weights.
    weights: Vec<(usize, f64)>,
}

impl Draws {
    /// The draws of row `row` of prompt `prompt`, both counted from 0 over the whole request.
    pub(crate) fn new(seed: u64, prompt: usize, row: usize) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(((prompt as u64) << 32) | (row as u64 & 0xffff_ffff));
        Self { generator, weights: Vec::new() }
    }

    /// A number in [0, 1).
    fn uniform(&mut self) -> f64 {
        // The 53 bits that a float64 holds.
        (self.generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Weighs what is possible by the softmax of `scores`. None where that is no distribution:
    /// nothing is possible, or a score is NaN or infinite.
    fn weigh(&mut self, scores: &[f32]) -> Option<()> {
        let top = scores.get(argmax(scores)).copied().filter(|top| top.is_finite())?;
        self.weights.clear();
        self.weights.extend(
            scores
                .iter()
                .enumerate()
                .filter(|(_, score)| **score > f32::NEG_INFINITY)
                .map(|(at, score)| (at, f64::from((score - top).exp())))
                .filter(|(_, weight)| *weight > 0.0),
        );
        Some(())
    }

    /// The place among the weights that one draw falls on.
    fn place(&mut self) -> usize {
        let total: f64 = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut left = self.uniform() * total;
        let passed = |(_, weight): &(usize, f64)| {
            left -= weight;
            left < 0.0
        };
        self.weights.iter().position(passed).unwrap_or(self.weights.len() - 1)
    }

    /// A token, drawn from the softmax of `scores`. None where that is no distribution.
    pub(crate) fn token(&mut self, scores: &[f32]) -> Option<u32> {
        self.weigh(scores)?;
        let place = self.place();
        Some(self.weights[place].0 as u32)
    }

    /// `count` positions drawn without replacement from the softmax of `scores`, with their
    /// scores, in the order drawn. Where fewer have a probability above 0, the best of the rest
    /// follow, as torch's multinomial also goes on. Nothing where that is no distribution.
    pub(crate) fn without_replacement(
        &mut self,
        scores: &[f32],
        count: usize,
    ) -> Vec<(usize, f32)> {
        if self.weigh(scores).is_none() {
            return Vec::new();
        }
        let mut drawn = Vec::with_capacity(count);
        while drawn.len() < count && !self.weights.is_empty() {
            let place = self.place();
            let (position, _) = self.weights.remove(place);
            drawn.push((position, scores[position]));
        }
        if drawn.len() < count {
            let mut rest: Vec<(usize, f32)> = scores
                .iter()
                .copied()
                .enumerate()
                .filter(|(at, _)| !drawn.iter().any(|(other, _)| other == at))
                .collect();
            rest.sort_unstable_by(best_first);
            drawn.extend(rest.into_iter().take(count - drawn.len()));
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_distribution() {
        let scores = [(0.1f32).ln(), (0.6f32).ln(), f32::NEG_INFINITY, (0.3f32).ln()];
        let mut draws = Draws::new(7, 0, 0);
        let mut counts = [0usize; 4];
        for _ in 0..20_000 {
            counts[draws.token(&scores).unwrap() as usize] += 1;
        }
        assert_eq!(counts[2], 0);
        // Four standard deviations of a binomial of 20000 are at most 280.
        for (count, share) in [(counts[0], 0.1), (counts[1], 0.6), (counts[3], 0.3)] {
            assert!((count as f64 - 20_000.0 * share).abs() < 280.0, "{counts:?}");
        }
    }

    #[test]
    fn rows_prompts_and_seeds_have_draws_of_their_own() {
        let scores = [0.0f32; 1000];
        let first = |mut draws: Draws| draws.token(&scores).unwrap();
        let one = first(Draws::new(1, 0, 0));
        assert_eq!(one, first(Draws::new(1, 0, 0)));
        assert_ne!(one, first(Draws::new(2, 0, 0)));
        assert_ne!(one, first(Draws::new(1, 1, 0)));
        assert_ne!(one, first(Draws::new(1, 0, 1)));
    }

    #[test]
    fn nothing_is_drawn_from_no_distribution() {
        let mut draws = Draws::new(0, 0, 0);
        assert_eq!(draws.token(&[f32::NEG_INFINITY; 3]), None);
        assert_eq!(draws.token(&[0.0, f32::NAN]), None);
    }

    #[test]
    fn without_replacement_takes_each_once_and_the_impossible_last() {
        let scores = [0.0, f32::NEG_INFINITY, 1.0, -1e9];
        let drawn = Draws::new(3, 0, 0).without_replacement(&scores, 4);
        let mut head = [drawn[0].0, drawn[1].0];
        head.sort_unstable();
        assert_eq!(head, [0, 2]);
        assert_eq!([drawn[2].0, drawn[3].0], [3, 1]);
    }

    #[test]
    fn the_first_of_without_replacement_follows_the_distribution() {
        let scores = [(0.2f32).ln(), (0.8f32).ln()];
        let mut draws = Draws::new(11, 0, 0);
        let firsts =
            (0..10_000).filter(|_| draws.without_replacement(&scores, 2)[0].0 == 1).count();
        assert!((firsts as f64 - 8000.0).abs() < 160.0, "{firsts}");
    }
}
