//! The key-value cache: what attention has to remember of the positions read.
//!
//! [`Cache`] is one for all kinds: it knows the rows, how many positions are in use, and which
//! layers see a window of them alone. What each kind does with the keys and values of a layer is
//! behind [`store::Store`]: [`buffers`], [`window`], [`quantized`], [`offloaded`].

mod bits;
mod buffers;
mod config;
mod hqq;
mod implementation;
mod offloaded;
mod packed;
mod quantized;
mod quanto;
#[cfg(test)]
mod reference;
mod store;
#[cfg(test)]
mod tests;
mod window;

use tch::{Device, Kind, TchError, Tensor};

use self::buffers::Buffers;
pub(super) use self::implementation::CacheImplementation;
use self::offloaded::Offloaded;
use self::quantized::Quantized;
use self::store::{Place, Store};
use self::window::Window;
use crate::backends::kv_cache::CacheSizes;
use crate::backends::memory;
use crate::generate::ModelFault;
use crate::model::Sliding;

/// What a cache is like.
#[derive(Debug, Clone)]
pub(super) struct CacheShape {
    /// Its sizes in full precision, and how it grows.
    pub sizes: CacheSizes,
    /// Element type of what is kept in full precision.
    pub dtype: Kind,
    /// Type of the activations: what attention gets.
    pub compute: Kind,
    /// Where the model computes.
    pub device: Device,
    /// How keys and values are kept.
    pub implementation: CacheImplementation,
    /// The layers that see a window alone, where there are any.
    pub sliding: Option<Sliding>,
}

impl CacheShape {
    /// Bytes of a cache for `rows` rows of `capacity` positions.
    pub(super) fn bytes(&self, rows: usize, capacity: usize) -> u128 {
        let layers = self.sizes.layers as u128;
        let layer = self.sizes.bytes(rows, capacity) / layers.max(1);
        match (&self.implementation, &self.sliding) {
            // One layer is in full precision while it computes.
            (CacheImplementation::Quantized(config), _) => {
                layers * Quantized::bytes(&self.place(), config, rows, capacity) + layer
            }
            (CacheImplementation::SlidingWindow, Some(sliding)) => {
                let kept = Window::most(sliding.window, capacity);
                let short = self.sizes.bytes(rows, kept) / layers.max(1);
                let windowed = sliding.layers.iter().filter(|one| **one).count() as u128;
                windowed * short + (layers - windowed) * layer
            }
            _ => layers * layer,
        }
    }

    /// Refuses a cache that main memory has no room for.
    ///
    /// # Errors
    /// [`ModelFault::OutOfMemory`] with its sizes.
    pub(super) fn check_memory(&self, rows: usize, capacity: usize) -> Result<(), ModelFault> {
        if self.device == Device::Cpu || self.implementation.is_offloaded() {
            let what = self.implementation.in_words();
            memory::check_cache(&what, self.bytes(rows, capacity), rows, capacity)?;
        }
        Ok(())
    }

    /// `fault`, with the sizes of the cache where memory ran out: libtorch names the piece alone
    /// that did not fit.
    pub(super) fn sized(&self, fault: ModelFault, rows: usize, capacity: usize) -> ModelFault {
        match fault {
            ModelFault::OutOfMemory(mut short) => {
                short.message = format!(
                    "{} (with {} of {rows} rows and {capacity} positions, {} MiB; lower \
                     max_model_len or the number of rows)",
                    short.message,
                    self.implementation.in_words(),
                    self.bytes(rows, capacity) >> 20
                );
                ModelFault::OutOfMemory(short)
            }
            other => other,
        }
    }

    /// The element type that its buffers have.
    pub(super) fn stored_dtype(&self) -> Result<Kind, TchError> {
        self.place().buffer(1, 0)?.f_kind()
    }

    fn place(&self) -> Place {
        Place {
            kv_heads: self.sizes.kv_heads,
            head_dim: self.sizes.head_dim,
            dtype: self.dtype,
            device: self.device,
        }
    }

    /// The positions that layer `layer` sees; none for all.
    fn window(&self, layer: usize) -> Option<usize> {
        let sliding = self.sliding.as_ref()?;
        sliding.layers.get(layer).is_some_and(|has| *has).then_some(sliding.window)
    }

    fn layer(&self, layer: usize, rows: usize, capacity: usize) -> Result<Layer, TchError> {
        let (place, window) = (self.place(), self.window(layer));
        let store: Box<dyn Store> = match (&self.implementation, window) {
            (CacheImplementation::Quantized(config), _) => {
                Box::new(Quantized::new(&place, rows, config)?)
            }
            // A layer with a window is small: it stays where it computes, as in transformers.
            (one, None) if one.is_offloaded() => Box::new(Offloaded::new(&place, rows, capacity)?),
            (CacheImplementation::SlidingWindow, Some(window)) => {
                Box::new(Window::new(&place, rows, window)?)
            }
            _ => Box::new(Buffers::new(&place, rows, capacity)?),
        };
        Ok(Layer { store, window })
    }
}

/// Keys and values of all layers, of which the first [`Self::len`] positions are in use.
pub(super) struct Cache {
    shape: CacheShape,
    layers: Vec<Layer>,
    capacity: usize,
    rows: usize,
    len: usize,
}

struct Layer {
    store: Box<dyn Store>,
    window: Option<usize>,
}

impl Cache {
    /// An empty cache for `rows` rows.
    pub(super) fn new(shape: CacheShape, rows: usize) -> Result<Self, TchError> {
        let capacity = shape.sizes.first_capacity();
        let layers = (0..shape.sizes.layers)
            .map(|layer| shape.layer(layer, rows, capacity))
            .collect::<Result<_, TchError>>()?;
        Ok(Self { shape, layers, capacity, rows, len: 0 })
    }

    /// What it is like.
    pub(super) fn shape(&self) -> &CacheShape {
        &self.shape
    }

    /// Layers that it holds keys and values of.
    pub(super) fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Positions in use.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Positions that there is room for.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The capacity that `len` positions would need.
    pub(super) fn capacity_for(&self, len: usize) -> usize {
        self.shape.sizes.capacity_for(self.capacity, len)
    }

    /// Makes room for `more` positions.
    pub(super) fn reserve(&mut self, more: usize) -> Result<(), TchError> {
        let capacity = self.capacity_for(self.len + more);
        if capacity > self.capacity {
            for layer in &mut self.layers {
                layer.store.reserve(self.len, capacity)?;
            }
            self.capacity = capacity;
        }
        Ok(())
    }

    /// Writes the keys and values `[rows, kv heads, new, head width]` of new positions behind
    /// those in use, and gives all that the layer sees of both, `[rows, kv heads, positions, head
    /// width]`: every position, or of a layer with a window those that one of the new ones sees
    /// ([`seen`]). The new ones count only after [`Self::advance`].
    pub(super) fn write(
        &mut self,
        layer: usize,
        keys: &Tensor,
        values: &Tensor,
    ) -> Result<(Tensor, Tensor), TchError> {
        let new = keys.size()[2] as usize;
        let Layer { store, window } = &mut self.layers[layer];
        let (mut keys, mut values) = store.write(self.len, keys, values)?;
        if let Some(window) = *window {
            let count = seen(self.len, new, window) as i64;
            let from = keys.size()[2] - count;
            keys = keys.f_narrow(2, from, count)?;
            values = values.f_narrow(2, from, count)?;
        }
        if self.shape.dtype != self.shape.compute {
            keys = keys.f_to_kind(self.shape.compute)?;
            values = values.f_to_kind(self.shape.compute)?;
        }
        Ok((keys, values))
    }

    /// Takes `more` written positions into use.
    pub(super) fn advance(&mut self, more: usize) {
        self.len += more;
    }

    /// Makes new row i a copy of old row `rows[i]`.
    pub(super) fn select(&mut self, rows: &[usize]) -> Result<(), TchError> {
        let unchanged =
            rows.len() == self.rows && rows.iter().enumerate().all(|(i, row)| i == *row);
        if unchanged {
            return Ok(());
        }
        let wanted: Vec<i64> = rows.iter().map(|row| *row as i64).collect();
        let wanted = Tensor::f_from_slice(&wanted)?.f_to_device(self.shape.device)?;
        for layer in &mut self.layers {
            layer.store.select(&wanted)?;
        }
        self.rows = rows.len();
        Ok(())
    }

    /// Forgets every position from `len` on.
    ///
    /// # Errors
    /// [`ModelFault::Compute`] where what `len` positions need is forgotten already: a window knows
    /// what it needs to go back to 64 positions before the last step.
    pub(super) fn crop(&mut self, len: usize) -> Result<(), ModelFault> {
        if len >= self.len {
            return Ok(());
        }
        let earliest = self.layers.iter().map(|layer| layer.store.earliest()).max().unwrap_or(0);
        if len > 0 && len < earliest {
            return Err(ModelFault::Compute(
                format!(
                    "the sliding-window cache cannot go back from {} positions to {len}: it has \
                 forgotten what lies before {earliest}; take cache_implementation dynamic",
                    self.len
                )
                .into(),
            ));
        }
        self.len = len;
        Ok(())
    }
}

/// How many positions at least one of `new` ones behind `past` sees through `window`: its own and
/// those before it, `window` in all.
pub(super) fn seen(past: usize, new: usize, window: usize) -> usize {
    past.min(window - 1) + new
}
