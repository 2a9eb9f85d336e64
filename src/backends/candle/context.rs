//! A loaded model as the generation loop sees it.

use candle_core::{DType, Tensor};

use super::cache::{Cache, CacheShape};
use super::cpu::Past;
use super::network::{Input, Network};
use crate::generate::{CausalLm, Context, Extended, ModelFault, Want};

/// A loaded model.
pub(super) struct CandleLm {
    /// Its network.
    pub network: Network,
    /// What its caches are like; `limit` is how many positions a row may have.
    pub cache: CacheShape,
    /// Entries of a row of logits.
    pub vocab_size: usize,
}

impl CausalLm for CandleLm {
    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn max_positions(&self) -> usize {
        self.cache.limit
    }

    fn begin(&self, rows: usize) -> Result<Box<dyn Context + '_>, ModelFault> {
        let first = self.cache.first_capacity();
        self.cache.check_memory(rows, first)?;
        let cache = Cache::new(self.cache.clone(), rows).map_err(|error| fault(&error))?;
        Ok(Box::new(Rows { lm: self, cache, state: vec![Row::default(); rows] }))
    }
}

/// Rows that the model has read.
struct Rows<'a> {
    lm: &'a CandleLm,
    cache: Cache,
    state: Vec<Row>,
}

#[derive(Debug, Clone, Default)]
struct Row {
    /// Per position, whether it is a token; false on padding.
    real: Vec<bool>,
    /// How many of them are tokens: the number of the next position.
    tokens: usize,
}

impl Context for Rows<'_> {
    fn rows(&self) -> usize {
        self.state.len()
    }

    fn len(&self) -> usize {
        self.cache.len()
    }

    fn extend(
        &mut self,
        tokens: &[u32],
        real: &[bool],
        want: Want,
    ) -> Result<Extended, ModelFault> {
        let rows = self.rows();
        let new = tokens.len().checked_div(rows).unwrap_or(0);
        if new == 0 || new * rows != tokens.len() || real.len() != tokens.len() || want.logits > new
        {
            return Err(ModelFault::Compute(format!(
                "{} tokens, {} marks and {} wanted logits do not fit {rows} rows",
                tokens.len(),
                real.len(),
                want.logits
            )));
        }
        if let Some(token) = tokens.iter().find(|token| **token as usize >= self.lm.vocab_size) {
            return Err(ModelFault::Compute(format!(
                "token {token} is not in the vocabulary of {} tokens",
                self.lm.vocab_size
            )));
        }
        let len = self.len() + new;
        if len > self.lm.cache.limit {
            return Err(ModelFault::Compute(format!(
                "{len} positions are more than the {} of the model",
                self.lm.cache.limit
            )));
        }
        let mut state = self.state.clone();
        let mut positions = Vec::with_capacity(tokens.len());
        for (row, real) in state.iter_mut().zip(real.chunks_exact(new)) {
            for real in real {
                // A padded position is never attended to: any number does.
                positions.push(if *real { row.tokens as u32 } else { 0 });
                row.tokens += usize::from(*real);
                row.real.push(*real);
            }
        }
        let padded = state.iter().any(|row| row.tokens < row.real.len());
        let flat: Option<Vec<bool>> =
            padded.then(|| state.iter().flat_map(|row| row.real.iter().copied()).collect());
        let past = Past { len, real: flat.as_deref() };
        let growth = self.cache.capacity_for(len);
        if growth > self.cache.capacity() {
            self.lm.cache.check_memory(rows, growth)?;
        }
        let extended =
            self.compute(tokens, new, &positions, past, want).map_err(|error| fault(&error))?;
        self.cache.advance(new);
        self.state = state;
        Ok(extended)
    }

    fn select(&mut self, rows: &[usize]) -> Result<(), ModelFault> {
        let count = self.rows();
        if rows.is_empty() || rows.iter().any(|row| *row >= count) {
            return Err(ModelFault::Compute(format!(
                "rows {rows:?} of {count} cannot be selected"
            )));
        }
        if rows.len() > count {
            self.lm.cache.check_memory(rows.len(), self.cache.capacity())?;
        }
        self.cache.select(rows).map_err(|error| fault(&error))?;
        self.state = rows.iter().map(|row| self.state[*row].clone()).collect();
        Ok(())
    }

    fn crop(&mut self, len: usize) -> Result<(), ModelFault> {
        self.cache.crop(len);
        for row in &mut self.state {
            row.real.truncate(len);
            row.tokens = row.real.iter().filter(|real| **real).count();
        }
        Ok(())
    }
}

impl Rows<'_> {
    fn compute(
        &mut self,
        tokens: &[u32],
        new: usize,
        positions: &[u32],
        past: Past<'_>,
        want: Want,
    ) -> candle_core::Result<Extended> {
        let network = &self.lm.network;
        self.cache.reserve(new)?;
        let tokens = Tensor::from_slice(tokens, (self.state.len(), new), network.device())?;
        let input = Input { tokens: &tokens, positions, past };
        let hidden = network.forward(&input, &mut self.cache)?;
        let mut extended = Extended::default();
        if want.logits > 0 {
            let last = hidden.narrow(1, new - want.logits, want.logits)?.contiguous()?;
            extended.logits = floats(&network.logits(&last)?)?;
        }
        if want.hidden {
            extended.hidden = floats(&hidden)?;
        }
        Ok(extended)
    }
}

fn floats(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}

/// The failure `error` in the words of the loop.
pub(super) fn fault(error: &candle_core::Error) -> ModelFault {
    let text = error.to_string();
    if text.contains("OUT_OF_MEMORY") {
        ModelFault::OutOfMemory(text)
    } else {
        ModelFault::Compute(text)
    }
}
