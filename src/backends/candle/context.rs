//! A loaded model as the generation loop sees it.

use candle_core::{DType, Tensor};

use super::cache::{Cache, CacheShape};
use super::cpu::Past;
use super::input::Input;
use super::network::Network;
use crate::backends::first_layers::{self, Layered};
use crate::backends::kv_cache::CacheSizes;
use crate::backends::rows::{Rows, Step};
use crate::generate::{CausalLm, Context, Extended, ModelFault, Want};

/// A loaded model.
pub(super) struct CandleLm {
    /// Its network.
    pub network: Network,
    /// What its caches are like; `sizes.limit` is how many positions a row may have.
    pub cache: CacheShape,
    /// Entries of a row of logits.
    pub vocab_size: usize,
}

impl CausalLm for CandleLm {
    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn max_positions(&self) -> usize {
        self.cache.sizes.limit
    }

    fn begin(&self, rows: usize) -> Result<Box<dyn Context + '_>, ModelFault> {
        self.begin_first(rows, self.layers())
    }

    fn early_exit(&self, layers: usize) -> Result<Box<dyn CausalLm + '_>, String> {
        first_layers::of(self, layers)
    }
}

impl Layered for CandleLm {
    fn layers(&self) -> usize {
        self.cache.sizes.layers
    }

    fn begin_first(&self, rows: usize, layers: usize) -> Result<Box<dyn Context + '_>, ModelFault> {
        let sizes = CacheSizes { layers, ..self.cache.sizes.clone() };
        let shape = CacheShape { sizes, ..self.cache.clone() };
        let capacity = shape.sizes.first_capacity();
        shape.check_memory(rows, capacity)?;
        let cache = Cache::new(shape, rows).map_err(|error| fault(&error))?;
        Ok(Box::new(Reading { lm: self, cache, rows: Rows::new(rows) }))
    }
}

/// Rows that the model has read.
struct Reading<'a> {
    lm: &'a CandleLm,
    cache: Cache,
    rows: Rows,
}

impl Context for Reading<'_> {
    fn rows(&self) -> usize {
        self.rows.count()
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
        let limit = self.lm.cache.sizes.limit;
        let step = self.rows.step(tokens, real, want, self.lm.vocab_size, limit)?;
        let past = Past { len: step.len, real: step.real.as_deref() };
        let growth = self.cache.capacity_for(step.len);
        if growth > self.cache.capacity() {
            self.cache.shape().check_memory(self.rows(), growth)?;
        }
        let extended = self.compute(tokens, &step, past, want).map_err(|error| fault(&error))?;
        self.cache.advance(step.new);
        self.rows = step.after;
        Ok(extended)
    }

    fn select(&mut self, rows: &[usize]) -> Result<(), ModelFault> {
        self.rows.check(rows)?;
        if rows.len() > self.rows() {
            self.cache.shape().check_memory(rows.len(), self.cache.capacity())?;
        }
        self.cache.select(rows).map_err(|error| fault(&error))?;
        self.rows.select(rows);
        Ok(())
    }

    fn crop(&mut self, len: usize) -> Result<(), ModelFault> {
        self.cache.crop(len);
        self.rows.crop(len);
        Ok(())
    }
}

impl Reading<'_> {
    fn compute(
        &mut self,
        tokens: &[u32],
        step: &Step,
        past: Past<'_>,
        want: Want,
    ) -> candle_core::Result<Extended> {
        let network = &self.lm.network;
        self.cache.reserve(step.new)?;
        let tokens = Tensor::from_slice(tokens, (self.rows.count(), step.new), network.device())?;
        let input = Input { tokens: &tokens, positions: &step.positions, past };
        let hidden = network.forward(&input, &mut self.cache)?;
        let mut extended = Extended::default();
        if want.logits > 0 {
            let last = hidden.narrow(1, step.new - want.logits, want.logits)?.contiguous()?;
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
        ModelFault::OutOfMemory(text.into())
    } else {
        ModelFault::Compute(text.into())
    }
}
