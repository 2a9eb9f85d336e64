//! A loaded model as the generation loop sees it.

use tch::{Device, Kind, TchError, Tensor};

use super::attention::Implementation;
use super::cache::{Cache, CacheShape};
use super::fault::fault;
use super::input::Input;
use super::mask::Masks;
use super::network::Network;
use crate::backends::first_layers::{self, Layered};
use crate::backends::kv_cache::CacheSizes;
use crate::backends::rows::{Rows, Step};
use crate::generate::{CausalLm, Context, Extended, ModelFault, Want};

/// A loaded model.
pub(super) struct TorchLm {
    /// Its network.
    pub network: Network,
    /// How attention is computed.
    pub attention: Implementation,
    /// What its caches are like; `sizes.limit` is how many positions a row may have.
    pub cache: CacheShape,
    /// Entries of a row of logits.
    pub vocab_size: usize,
}

impl CausalLm for TorchLm {
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

impl Layered for TorchLm {
    fn layers(&self) -> usize {
        self.cache.sizes.layers
    }

    fn begin_first(&self, rows: usize, layers: usize) -> Result<Box<dyn Context + '_>, ModelFault> {
        let sizes = CacheSizes { layers, ..self.cache.sizes.clone() };
        let shape = CacheShape { sizes, ..self.cache.clone() };
        let capacity = shape.sizes.first_capacity();
        shape.check_memory(rows, capacity)?;
        let cache = Cache::new(shape, rows)
            .map_err(|error| self.cache.sized(fault(&error), rows, capacity))?;
        Ok(Box::new(Reading { lm: self, cache, rows: Rows::new(rows) }))
    }
}

/// Rows that the model has read.
struct Reading<'a> {
    lm: &'a TorchLm,
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
        let growth = self.cache.capacity_for(step.len);
        if growth > self.cache.capacity() {
            self.cache.shape().check_memory(self.rows(), growth)?;
        }
        let rows = self.rows();
        let extended = self
            .compute(tokens, &step, want)
            .map_err(|error| self.cache.shape().sized(fault(&error), rows, growth))?;
        self.cache.advance(step.new);
        self.rows = step.after;
        Ok(extended)
    }

    fn select(&mut self, rows: &[usize]) -> Result<(), ModelFault> {
        self.rows.check(rows)?;
        if rows.len() > self.rows() {
            self.cache.shape().check_memory(rows.len(), self.cache.capacity())?;
        }
        let capacity = self.cache.capacity();
        self.cache
            .select(rows)
            .map_err(|error| self.cache.shape().sized(fault(&error), rows.len(), capacity))?;
        self.rows.select(rows);
        Ok(())
    }

    fn crop(&mut self, len: usize) -> Result<(), ModelFault> {
        self.cache.crop(len)?;
        self.rows.crop(len);
        Ok(())
    }
}

impl Reading<'_> {
    fn compute(&mut self, tokens: &[u32], step: &Step, want: Want) -> Result<Extended, TchError> {
        // Nothing here is trained: without this, libtorch would keep what a gradient needs.
        let _guard = tch::no_grad_guard();
        let network = &self.lm.network;
        let device = network.device();
        self.cache.reserve(step.new)?;
        let rows = self.rows.count();
        let tokens: Vec<i64> = tokens.iter().map(|token| i64::from(*token)).collect();
        let tokens = Tensor::f_from_slice(&tokens)?.f_to_device(device)?;
        let masks = Masks::new(rows, step, self.lm.cache.sliding.as_ref(), device)?;
        let input = Input {
            tokens: &tokens,
            rows: rows as i64,
            new: step.new as i64,
            positions: &step.positions,
            masks: &masks,
            attention: self.lm.attention,
        };
        let hidden = network.forward(&input, &mut self.cache)?;
        let mut extended = Extended::default();
        if want.logits > 0 {
            extended.logits = floats(&match step.new - want.logits {
                0 => network.logits(&hidden)?,
                start => {
                    let by_row = hidden.f_reshape([input.rows, input.new, -1])?;
                    let last = by_row.f_narrow(1, start as i64, want.logits as i64)?;
                    network.logits(&last.f_flatten(0, 1)?)?
                }
            })?;
        }
        if want.hidden {
            extended.hidden = floats(&hidden)?;
        }
        Ok(extended)
    }
}

/// The elements of a contiguous `tensor`, widened where it is there.
fn floats(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    let tensor = tensor.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?;
    let mut floats = vec![0.0; tensor.numel()];
    tensor.f_copy_data(&mut floats, tensor.numel())?;
    Ok(floats)
}
