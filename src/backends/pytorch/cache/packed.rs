//! Keys or values as small integers, with a scale and a zero point for each group of elements.

use tch::{TchError, Tensor};

use super::bits;
use super::config::{QuantizedBackend, QuantizedConfig};
use super::{hqq, quanto};

/// How the elements of each row are grouped.
pub(super) struct Groups {
    /// The rows, then the shape in which the elements of a group lie along one axis.
    size: Vec<i64>,
    /// That axis.
    pub along: i64,
}

impl Groups {
    /// As quanto (`group`) and HQQ reshape one row of `count` elements with heads of `width`. They
    /// reshape all rows together: rows are kept apart here, so that each is what it would be alone.
    fn new(config: &QuantizedConfig, axis: i64, rows: i64, count: i64, width: i64) -> Self {
        let group = config.group as i64;
        match (config.backend, axis) {
            // Elements of one place in the heads, of all heads and positions in their order.
            (QuantizedBackend::Quanto, -1) => {
                Self { size: vec![rows, count / width / group, group, width], along: 2 }
            }
            // Elements that are a share of the row apart.
            (QuantizedBackend::Hqq, 0) => Self { size: vec![rows, group, count / group], along: 1 },
            // Neighbours.
            _ => Self { size: vec![rows, count / group, group], along: 2 },
        }
    }
}

/// Keys or values, quantised.
pub(super) struct Packed {
    backend: QuantizedBackend,
    bits: usize,
    /// Bytes `[rows, bytes]`.
    data: Tensor,
    scale: Tensor,
    zero: Tensor,
    /// The size of the groups; its first entry is that of the rows when they were quantised.
    groups: Vec<i64>,
    /// Heads, positions and width of a row.
    size: [i64; 3],
}

impl Packed {
    /// Quantises `x` `[rows, kv heads, positions, head width]`, whose rows must fill whole groups.
    pub(super) fn quantize(
        x: &Tensor,
        config: &QuantizedConfig,
        axis: i64,
    ) -> Result<Self, TchError> {
        let (rows, heads, positions, width) = x.size4()?;
        let count = heads * positions * width;
        let groups = Groups::new(config, axis, rows, count, width);
        let grouped = x.f_reshape(groups.size.as_slice())?;
        let [integers, scale, zero] = match config.backend {
            QuantizedBackend::Quanto => quanto::quantize(&grouped, &groups, config.bits)?,
            QuantizedBackend::Hqq => hqq::quantize(&grouped, &groups, config.bits)?,
        };
        Ok(Self {
            backend: config.backend,
            bits: config.bits,
            data: bits::pack(&integers.f_reshape([rows, count])?, config.bits)?,
            scale,
            zero,
            groups: groups.size,
            size: [heads, positions, width],
        })
    }

    /// Keys or values `[rows, kv heads, positions, head width]` again, in the type that they had.
    pub(super) fn dequantize(&self) -> Result<Tensor, TchError> {
        let [heads, positions, width] = self.size;
        let rows = self.data.size()[0];
        let integers = bits::unpack(&self.data, self.bits, heads * positions * width)?;
        let mut groups = self.groups.clone();
        groups[0] = rows;
        let integers = integers.f_reshape(groups)?.f_to_kind(self.scale.f_kind()?)?;
        let x = match self.backend {
            QuantizedBackend::Quanto => quanto::dequantize(&integers, &self.scale, &self.zero)?,
            QuantizedBackend::Hqq => hqq::dequantize(&integers, &self.scale, &self.zero)?,
        };
        x.f_reshape([rows, heads, positions, width])
    }

    /// Makes new row i a copy of old row `rows[i]`, exactly.
    pub(super) fn select(&mut self, rows: &Tensor) -> Result<(), TchError> {
        for part in [&mut self.data, &mut self.scale, &mut self.zero] {
            *part = part.f_index_select(0, rows)?;
        }
        Ok(())
    }

    /// Bytes that it takes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let bytes = |one: &Tensor| one.numel() * one.kind().elt_size_in_bytes();
        bytes(&self.data) + bytes(&self.scale) + bytes(&self.zero)
    }
}
