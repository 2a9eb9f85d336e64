//! The green list watermark.

use super::mersenne::Mersenne;
use super::{Processor, Row, Scratch};
use crate::generate::config::{Seeding, Watermark};
use crate::generate::distribution::top;

/// Entries of the table that `selfhash` hashes tokens with.
const TABLE_SIZE: usize = 1_000_003;

/// How many of the best tokens `selfhash` tries.
const TRIED: usize = 40;

/// `watermarking_config`: adds `bias` to a keyed share of the vocabulary (arXiv 2306.04634:
/// `lefthash` is its algorithm 2, `selfhash` its algorithm 3).
///
/// The lists are those of transformers on a CPU: the same seeds into the same generator and the
/// same shuffle. On a GPU transformers draws from another generator and has other lists.
pub(super) struct GreenList {
    config: Watermark,
    /// Tokens on the list, of a vocabulary of `size`.
    count: usize,
    size: usize,
    /// Only for `selfhash`.
    table: Vec<u32>,
}

impl GreenList {
    pub(super) fn new(config: Watermark, size: usize) -> Self {
        let table = match config.seeding_scheme {
            Seeding::LeftHash => Vec::new(),
            Seeding::SelfHash => {
                Mersenne::new(config.hashing_key).permutation(TABLE_SIZE, TABLE_SIZE)
            }
        };
        Self { config, count: (size as f64 * config.greenlist_ratio) as usize, size, table }
    }

    /// The list after `context`, whose last token is the candidate itself with `selfhash`.
    fn list(&self, context: &[u32]) -> Vec<u32> {
        let seed = match self.config.seeding_scheme {
            Seeding::LeftHash => self.left_hash(context),
            Seeding::SelfHash => self.self_hash(context),
        };
        Mersenne::new(seed).permutation(self.size, self.count)
    }

    fn left_hash(&self, context: &[u32]) -> u64 {
        let last = context.last().copied().unwrap_or_default();
        let product = u128::from(self.config.hashing_key) * u128::from(last);
        (product % u128::from(u64::MAX)) as u64
    }

    /// The least of the products of key, candidate and each token of the context, in 64-bit
    /// integers that wrap, as torch's do.
    fn self_hash(&self, context: &[u32]) -> u64 {
        let hashed = |token: u32| i64::from(self.table[token as usize % TABLE_SIZE]) + 1;
        let width = self.config.context_width.min(context.len());
        let last = hashed(context.last().copied().unwrap_or_default());
        let key = self.config.hashing_key as i64;
        let products = context[context.len() - width..]
            .iter()
            .map(|token| key.wrapping_mul(hashed(*token)).wrapping_mul(last));
        let least = i128::from(products.min().unwrap_or_default());
        least.rem_euclid(i128::from(u64::MAX)) as u64
    }

    /// The candidates that stand on their own list.
    fn own_lists(&self, row: &Row<'_>, scores: &[f32]) -> Vec<u32> {
        let mut context = row.tokens.to_vec();
        let mut green = Vec::new();
        for (token, _) in top(scores, TRIED) {
            context.push(token as u32);
            if self.list(&context).contains(&(token as u32)) {
                green.push(token as u32);
            }
            context.pop();
        }
        green
    }
}

impl Processor for GreenList {
    fn apply(&self, row: &Row<'_>, scores: &mut [f32], _scratch: &mut Scratch) {
        if row.len() < self.config.context_width {
            return;
        }
        let green = match self.config.seeding_scheme {
            Seeding::LeftHash => self.list(row.tokens),
            Seeding::SelfHash => self.own_lists(row, scores),
        };
        for token in green {
            if let Some(score) = scores.get_mut(token as usize) {
                *score += self.config.bias as f32;
            }
        }
    }
}
