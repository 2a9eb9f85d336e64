//! The key-value cache: what attention has to remember of the positions read.

use candle_core::{DType, Device, Tensor};

use crate::backends::kv_cache::CacheSizes;
use crate::generate::ModelFault;

/// What a cache is like.
#[derive(Debug, Clone)]
pub(super) struct CacheShape {
    /// Its sizes.
    pub sizes: CacheSizes,
    /// Element type.
    pub dtype: DType,
    /// Where it lies.
    pub device: Device,
}

impl CacheShape {
    /// Refuses a cache that main memory has no room for.
    pub(super) fn check_memory(&self, rows: usize, capacity: usize) -> Result<(), ModelFault> {
        if self.device.is_cpu() {
            self.sizes.check_memory(rows, capacity)?;
        }
        Ok(())
    }
}

/// Keys and values of all layers, each a buffer `[rows, kv heads, capacity, head width]` of which
/// the first [`Self::len`] positions are in use.
pub(super) struct Cache {
    shape: CacheShape,
    layers: Vec<(Tensor, Tensor)>,
    capacity: usize,
    rows: usize,
    len: usize,
}

impl Cache {
    /// An empty cache for `rows` rows.
    pub(super) fn new(shape: CacheShape, rows: usize) -> candle_core::Result<Self> {
        let capacity = shape.sizes.first_capacity();
        let layers = (0..shape.sizes.layers)
            .map(|_| Ok((buffer(&shape, rows, capacity)?, buffer(&shape, rows, capacity)?)))
            .collect::<candle_core::Result<_>>()?;
        Ok(Self { shape, layers, capacity, rows, len: 0 })
    }

    /// Its sizes.
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
    pub(super) fn reserve(&mut self, more: usize) -> candle_core::Result<()> {
        let capacity = self.capacity_for(self.len + more);
        if capacity == self.capacity {
            return Ok(());
        }
        for (keys, values) in &mut self.layers {
            for old in [keys, values] {
                let grown = buffer(&self.shape, self.rows, capacity)?;
                if self.len > 0 {
                    grown.slice_set(&old.narrow(2, 0, self.len)?.contiguous()?, 2, 0)?;
                }
                *old = grown;
            }
        }
        self.capacity = capacity;
        Ok(())
    }

    /// Writes the keys and values `[rows, kv heads, new, head width]` of new positions behind
    /// those in use, and gives the whole buffers. They count only after [`Self::advance`].
    pub(super) fn write(
        &mut self,
        layer: usize,
        keys: &Tensor,
        values: &Tensor,
    ) -> candle_core::Result<(&Tensor, &Tensor)> {
        let (all_keys, all_values) = &self.layers[layer];
        for (all, new) in [(all_keys, keys), (all_values, values)] {
            all.slice_set(&new.to_dtype(self.shape.dtype)?.contiguous()?, 2, self.len)?;
        }
        Ok((all_keys, all_values))
    }

    /// Takes `more` written positions into use.
    pub(super) fn advance(&mut self, more: usize) {
        self.len += more;
    }

    /// Makes new row i a copy of old row `rows[i]`.
    pub(super) fn select(&mut self, rows: &[usize]) -> candle_core::Result<()> {
        let unchanged =
            rows.len() == self.rows && rows.iter().enumerate().all(|(i, row)| i == *row);
        if unchanged {
            return Ok(());
        }
        let wanted: Vec<u32> = rows.iter().map(|row| *row as u32).collect();
        let wanted = Tensor::from_vec(wanted, rows.len(), &self.shape.device)?;
        let selected = self.layers.iter().map(|(keys, values)| {
            Ok((keys.index_select(&wanted, 0)?, values.index_select(&wanted, 0)?))
        });
        self.layers = selected.collect::<candle_core::Result<_>>()?;
        self.rows = rows.len();
        Ok(())
    }

    /// Forgets every position from `len` on.
    pub(super) fn crop(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

fn buffer(shape: &CacheShape, rows: usize, capacity: usize) -> candle_core::Result<Tensor> {
    Tensor::zeros(
        (rows, shape.sizes.kv_heads, capacity, shape.sizes.head_dim),
        shape.dtype,
        &shape.device,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::load::CacheKind;

    fn shape(kind: CacheKind) -> CacheShape {
        let sizes =
            CacheSizes { layers: 1, kv_heads: 1, head_dim: 1, element: 4, limit: 300, kind };
        CacheShape { sizes, dtype: DType::F32, device: Device::Cpu }
    }

    fn append(cache: &mut Cache, per_row: &[f32]) {
        let new = Tensor::from_slice(per_row, (per_row.len(), 1, 1, 1), &Device::Cpu).unwrap();
        cache.reserve(1).unwrap();
        cache.write(0, &new, &(&new * 10.0).unwrap()).unwrap();
        cache.advance(1);
    }

    fn content(cache: &Cache) -> Vec<Vec<f32>> {
        let keys = cache.layers[0].0.narrow(2, 0, cache.len()).unwrap();
        keys.flatten_from(1).unwrap().to_vec2().unwrap()
    }

    #[test]
    fn a_growing_cache_keeps_what_it_has_and_doubles() {
        let mut cache = Cache::new(shape(CacheKind::Dynamic), 2).unwrap();
        let mut capacities = vec![cache.capacity];
        for step in 0..300 {
            append(&mut cache, &[step as f32, -(step as f32)]);
            if capacities.last() != Some(&cache.capacity) {
                capacities.push(cache.capacity);
            }
        }
        assert_eq!(capacities, [64, 128, 256, 300]);
        let rows = content(&cache);
        assert!(rows[0].iter().enumerate().all(|(step, value)| *value == step as f32));
        assert!(rows[1].iter().enumerate().all(|(step, value)| *value == -(step as f32)));
    }

    #[test]
    fn a_static_cache_has_its_size_from_the_start() {
        let mut cache = Cache::new(shape(CacheKind::Static), 1).unwrap();
        assert_eq!(cache.capacity, 300);
        append(&mut cache, &[1.0]);
        assert_eq!((cache.capacity, cache.len()), (300, 1));
        assert_eq!(cache.shape.sizes.bytes(1, 300), 2 * 300 * 4);
    }

    #[test]
    fn select_and_crop() {
        let mut cache = Cache::new(shape(CacheKind::Dynamic), 2).unwrap();
        append(&mut cache, &[1.0, 2.0]);
        append(&mut cache, &[3.0, 4.0]);
        cache.select(&[1, 0, 1]).unwrap();
        assert_eq!(content(&cache), [[2.0, 4.0], [1.0, 3.0], [2.0, 4.0]]);
        cache.crop(1);
        append(&mut cache, &[7.0, 8.0, 9.0]);
        assert_eq!(content(&cache), [[2.0, 7.0], [1.0, 8.0], [2.0, 9.0]]);
    }
}
