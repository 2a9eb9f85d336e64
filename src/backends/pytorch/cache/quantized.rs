//! The quantised cache: the store of a layer whose older positions are small integers.

use tch::{TchError, Tensor};

use super::config::QuantizedConfig;
use super::packed::Packed;
use super::store::{Place, Store};

/// Keys and values as QuantizedCache of transformers 5.23.0 keeps them.
///
/// What is written first is quantised at once. What follows stays in full precision until it is
/// `residual_length` positions; then everything is quantised anew, the older positions out of what
/// they were quantised to. Attention sees new positions exactly when they are written.
///
/// Positions that fill no whole group at the end stay in full precision (transformers fails there).
pub(super) struct Quantized {
    config: QuantizedConfig,
    /// Positions of which whole groups are made.
    unit: usize,
    past: Option<Past>,
    /// The positions behind those of `past`, in full precision.
    recent: (Tensor, Tensor),
}

/// Quantised positions.
struct Past {
    keys: Packed,
    values: Packed,
    /// How many of them count.
    len: usize,
}

impl Quantized {
    /// An empty store for `rows` rows.
    pub(super) fn new(
        place: &Place,
        rows: usize,
        config: &QuantizedConfig,
    ) -> Result<Self, TchError> {
        Ok(Self {
            unit: config.unit((place.kv_heads, place.head_dim)),
            config: config.clone(),
            past: None,
            recent: (place.buffer(rows, 0)?, place.buffer(rows, 0)?),
        })
    }

    /// Bytes of one layer at `place` for rows of `capacity` positions.
    pub(super) fn bytes(
        place: &Place,
        config: &QuantizedConfig,
        rows: usize,
        capacity: usize,
    ) -> u128 {
        let element = place.dtype.elt_size_in_bytes() as u128;
        let position = (2 * rows * place.kv_heads * place.head_dim) as u128;
        let packed = position * capacity as u128;
        let groups = packed.div_ceil(config.group as u128);
        let recent =
            (config.residual + config.unit((place.kv_heads, place.head_dim))).min(capacity);
        (packed * super::bits::stored(config.bits) as u128).div_ceil(8)
            + 2 * groups * element
            + position * recent as u128 * element
    }

    fn past_len(&self) -> usize {
        self.past.as_ref().map_or(0, |past| past.len)
    }

    fn recent_len(&self) -> usize {
        self.recent.0.size()[2] as usize
    }

    /// Forgets what is behind the first `len` positions.
    fn crop(&mut self, len: usize) -> Result<(), TchError> {
        let past = self.past_len().min(len);
        if past == 0 {
            self.past = None;
        } else if let Some(kept) = &mut self.past {
            kept.len = past;
        }
        let recent = self.recent_len().min(len - past) as i64;
        self.recent =
            (self.recent.0.f_narrow(2, 0, recent)?, self.recent.1.f_narrow(2, 0, recent)?);
        Ok(())
    }
}

impl Store for Quantized {
    fn reserve(&mut self, _used: usize, _capacity: usize) -> Result<(), TchError> {
        Ok(())
    }

    fn write(
        &mut self,
        used: usize,
        keys: &Tensor,
        values: &Tensor,
    ) -> Result<(Tensor, Tensor), TchError> {
        self.crop(used)?;
        let new = keys.size()[2] as usize;
        let kind = self.recent.0.f_kind()?;
        let joined = |past: Option<Tensor>, recent: &Tensor, new: &Tensor| {
            let parts = past.into_iter().chain([recent.shallow_clone(), new.f_to_kind(kind)?]);
            Tensor::f_cat(&parts.collect::<Vec<_>>(), 2)
        };
        let old = |packed: fn(&Past) -> &Packed| {
            let past = self.past.as_ref();
            past.map(|past| packed(past).dequantize()?.f_narrow(2, 0, past.len as i64)).transpose()
        };
        let keys = joined(old(|past| &past.keys)?, &self.recent.0, keys)?;
        let values = joined(old(|past| &past.values)?, &self.recent.1, values)?;

        let due = used == 0 || self.recent_len() + new >= self.config.residual;
        let whole = (used + new) / self.unit * self.unit;
        if due && whole > self.past_len() {
            let first = |all: &Tensor| all.f_narrow(2, 0, whole as i64);
            self.past = Some(Past {
                keys: Packed::quantize(&first(&keys)?, &self.config, self.config.axis_key)?,
                values: Packed::quantize(&first(&values)?, &self.config, self.config.axis_value)?,
                len: whole,
            });
        }
        // A copy: a part of the whole would hold all of its memory.
        let (from, count) = (self.past_len(), used + new - self.past_len());
        let last = |all: &Tensor| Tensor::f_cat(&[all.f_narrow(2, from as i64, count as i64)?], 2);
        self.recent = (last(&keys)?, last(&values)?);
        Ok((keys, values))
    }

    fn select(&mut self, rows: &Tensor) -> Result<(), TchError> {
        if let Some(past) = &mut self.past {
            past.keys.select(rows)?;
            past.values.select(rows)?;
        }
        let (keys, values) = &self.recent;
        self.recent = (keys.f_index_select(0, rows)?, values.f_index_select(0, rows)?);
        Ok(())
    }
}
