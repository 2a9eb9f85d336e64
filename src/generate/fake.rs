//! A model for tests: its logits are a fixed function of the real tokens that a row has read.

use crate::generate::model::{CausalLm, Context, Detokenizer, Extended, ModelFault, Want};

/// The model, over `size` tokens.
pub(crate) struct Fake {
    pub size: usize,
    pub positions: usize,
    /// The logits after these tokens.
    pub logits: fn(&[u32], usize) -> Vec<f32>,
    /// Those of the first of its two layers.
    pub shallow: fn(&[u32], usize) -> Vec<f32>,
}

/// A mixed up number (SplitMix64).
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Logits from -3 to 3 that depend on all tokens.
pub(crate) fn hashed(tokens: &[u32], size: usize) -> Vec<f32> {
    let seed = tokens.iter().fold(1u64, |seed, token| mix(seed ^ u64::from(*token)));
    (0..size as u64)
        .map(|token| (mix(seed ^ token) % 6_000_001) as f32 / 1_000_000.0 - 3.0)
        .collect()
}

/// Logits that depend on the last token only, so that greedy output runs in circles.
pub(crate) fn circling(tokens: &[u32], size: usize) -> Vec<f32> {
    hashed(&tokens[tokens.len() - 1..], size)
}

/// As [`hashed`], but after a third of all rows the order of the tokens is turned over.
pub(crate) fn mostly_hashed(tokens: &[u32], size: usize) -> Vec<f32> {
    let mut logits = hashed(tokens, size);
    let seed = tokens.iter().fold(7u64, |seed, token| mix(seed ^ u64::from(*token)));
    if seed.is_multiple_of(3) {
        logits.reverse();
    }
    logits
}

impl Fake {
    pub(crate) fn new(size: usize) -> Self {
        Self { size, positions: 200, logits: hashed, shallow: mostly_hashed }
    }
}

impl CausalLm for Fake {
    fn vocab_size(&self) -> usize {
        self.size
    }

    fn max_positions(&self) -> usize {
        self.positions
    }

    fn begin(&self, rows: usize) -> Result<Box<dyn Context + '_>, ModelFault> {
        Ok(Box::new(FakeContext { model: self, rows: vec![Vec::new(); rows] }))
    }

    fn early_exit(&self, layers: usize) -> Result<Box<dyn CausalLm + '_>, String> {
        let logits = match layers {
            1 => self.shallow,
            2 => self.logits,
            _ => return Err("the model has 2 layers".to_owned()),
        };
        Ok(Box::new(Self { logits, ..*self }))
    }
}

struct FakeContext<'m> {
    model: &'m Fake,
    rows: Vec<Vec<(u32, bool)>>,
}

impl Context for FakeContext<'_> {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn len(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    fn extend(
        &mut self,
        tokens: &[u32],
        real: &[bool],
        want: Want,
    ) -> Result<Extended, ModelFault> {
        let new = tokens.len() / self.rows.len();
        assert!(new >= 1 && new * self.rows.len() == tokens.len() && want.logits <= new);
        let mut out = Extended::default();
        let pairs: Vec<(u32, bool)> = tokens.iter().copied().zip(real.iter().copied()).collect();
        for (row, pairs) in self.rows.iter_mut().zip(pairs.chunks_exact(new)) {
            for (at, pair) in pairs.iter().enumerate() {
                row.push(*pair);
                let seen: Vec<u32> =
                    row.iter().filter(|(_, real)| *real).map(|(token, _)| *token).collect();
                assert!(seen.len() <= self.model.positions, "beyond the positions");
                if at + want.logits >= new {
                    let logits = match seen.is_empty() {
                        true => vec![f32::NAN; self.model.size],
                        false => (self.model.logits)(&seen, self.model.size),
                    };
                    out.logits.extend(logits);
                }
                if want.hidden {
                    // Tokens are unlike each other by their own number.
                    out.hidden.extend(
                        (0..4).map(|axis| (mix(u64::from(pair.0) << 3 | axis) % 200) as f32 - 99.5),
                    );
                }
            }
        }
        Ok(out)
    }

    fn select(&mut self, rows: &[usize]) -> Result<(), ModelFault> {
        self.rows = rows.iter().map(|row| self.rows[*row].clone()).collect();
        Ok(())
    }

    fn crop(&mut self, len: usize) -> Result<(), ModelFault> {
        self.rows.iter_mut().for_each(|row| row.truncate(len));
        Ok(())
    }
}

/// Token n reads as the letter n, counted from `a`.
pub(crate) struct Letters;

impl Detokenizer for Letters {
    fn decode(&self, tokens: &[u32], _skip_special: bool) -> String {
        tokens.iter().filter_map(|token| char::from_u32(u32::from(b'a') + token)).collect()
    }
}
