//! The key-value cache: what attention has to remember of the positions read.

use tch::{Device, Kind, TchError, Tensor};

use crate::backends::load::CacheKind;
use crate::backends::memory;
use crate::generate::ModelFault;

/// Positions that a growing cache starts with.
const FIRST_CAPACITY: usize = 64;

/// Sizes of a cache.
#[derive(Debug, Clone)]
pub(super) struct CacheShape {
    /// Blocks of the model.
    pub layers: usize,
    /// Key and value heads of a block.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Positions that a row may have.
    pub limit: usize,
    /// Element type.
    pub dtype: Kind,
    /// Where it lies.
    pub device: Device,
    /// How it gets its memory.
    pub kind: CacheKind,
}

impl CacheShape {
    /// Bytes of a cache for `rows` rows of `capacity` positions.
    pub(super) fn bytes(&self, rows: usize, capacity: usize) -> u128 {
        let element = self.dtype.elt_size_in_bytes();
        let factors = [2, self.layers, rows, self.kv_heads, capacity, self.head_dim, element];
        factors.iter().map(|factor| *factor as u128).product()
    }

    /// Positions that a new cache has room for.
    pub(super) fn first_capacity(&self) -> usize {
        match self.kind {
            CacheKind::Dynamic => FIRST_CAPACITY.min(self.limit),
            CacheKind::Static => self.limit,
        }
    }

    /// Refuses a cache that main memory has no room for.
    pub(super) fn check_memory(&self, rows: usize, capacity: usize) -> Result<(), ModelFault> {
        if self.device == Device::Cpu {
            memory::check_cache(self.bytes(rows, capacity), rows, capacity)?;
        }
        Ok(())
    }

    fn buffer(&self, rows: usize, capacity: usize) -> Result<Tensor, TchError> {
        let size = [rows, self.kv_heads, capacity, self.head_dim].map(|size| size as i64);
        Tensor::f_zeros(size, (self.dtype, self.device))
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
    pub(super) fn new(shape: CacheShape, rows: usize) -> Result<Self, TchError> {
        let capacity = shape.first_capacity();
        let layers = (0..shape.layers)
            .map(|_| Ok((shape.buffer(rows, capacity)?, shape.buffer(rows, capacity)?)))
            .collect::<Result<_, TchError>>()?;
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

    /// The capacity that `len` positions would need: at least doubled when it grows, so that
    /// appending one by one copies each position only a few times.
    pub(super) fn capacity_for(&self, len: usize) -> usize {
        if len <= self.capacity {
            self.capacity
        } else {
            len.max(self.capacity * 2).min(self.shape.limit.max(len))
        }
    }

    /// Makes room for `more` positions.
    pub(super) fn reserve(&mut self, more: usize) -> Result<(), TchError> {
        let capacity = self.capacity_for(self.len + more);
        if capacity == self.capacity {
            return Ok(());
        }
        let used = self.len as i64;
        let grow = |old: &Tensor| -> Result<Tensor, TchError> {
            let grown = self.shape.buffer(self.rows, capacity)?;
            grown.f_narrow(2, 0, used)?.f_copy_(&old.f_narrow(2, 0, used)?)?;
            Ok(grown)
        };
        let grown = self.layers.iter().map(|(keys, values)| Ok((grow(keys)?, grow(values)?)));
        self.layers = grown.collect::<Result<_, TchError>>()?;
        self.capacity = capacity;
        Ok(())
    }

    /// Writes the keys and values `[rows, kv heads, new, head width]` of new positions behind
    /// those in use, and gives all of both, `[rows, kv heads, positions, head width]`. The new ones
    /// count only after [`Self::advance`].
    pub(super) fn write(
        &mut self,
        layer: usize,
        keys: &Tensor,
        values: &Tensor,
    ) -> Result<(Tensor, Tensor), TchError> {
        let (all_keys, all_values) = &self.layers[layer];
        let written = |all: &Tensor, more: &Tensor| {
            let (used, new) = (self.len as i64, more.size()[2]);
            all.f_narrow(2, used, new)?.f_copy_(more)?;
            all.f_narrow(2, 0, used + new)
        };
        Ok((written(all_keys, keys)?, written(all_values, values)?))
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
        let selected = self.layers.iter().map(|(keys, values)| {
            Ok((keys.f_index_select(0, &wanted)?, values.f_index_select(0, &wanted)?))
        });
        self.layers = selected.collect::<Result<_, TchError>>()?;
        self.rows = rows.len();
        Ok(())
    }

    /// Forgets every position from `len` on.
    pub(super) fn crop(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(kind: CacheKind) -> CacheShape {
        let (dtype, device) = (Kind::Float, Device::Cpu);
        CacheShape { layers: 1, kv_heads: 1, head_dim: 1, limit: 300, dtype, device, kind }
    }

    fn append(cache: &mut Cache, per_row: &[f32]) {
        let new = Tensor::from_slice(per_row).view([per_row.len() as i64, 1, 1, 1]);
        cache.reserve(1).unwrap();
        let _written = cache.write(0, &new, &(&new * 10.0)).unwrap();
        cache.advance(1);
    }

    fn content(cache: &Cache) -> Vec<Vec<f32>> {
        let keys = cache.layers[0].0.narrow(2, 0, cache.len() as i64);
        Vec::try_from(keys.flatten(1, 3).contiguous()).unwrap()
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
        assert_eq!(cache.shape.bytes(1, 300), 2 * 300 * 4);
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
