//! What every kind of cache does for one layer.

use tch::{Device, Kind, TchError, Tensor};

/// Keys and values of one layer, `[rows, kv heads, positions, head width]` each, as a kind of cache
/// keeps them. How many positions are in use is said by who calls: what was written and did not
/// count in the end is written over.
pub(super) trait Store {
    /// Makes room for `capacity` positions where `used` are in use.
    fn reserve(&mut self, used: usize, capacity: usize) -> Result<(), TchError>;

    /// Writes new positions behind the `used` ones, and gives all that attention may need of both:
    /// the new ones exactly, and of those before them the newest that the layer attends to.
    fn write(
        &mut self,
        used: usize,
        keys: &Tensor,
        values: &Tensor,
    ) -> Result<(Tensor, Tensor), TchError>;

    /// Makes new row i a copy of old row `rows[i]`.
    fn select(&mut self, rows: &Tensor) -> Result<(), TchError>;

    /// Lengths below this one cannot be gone back to, but for 0: what they need is forgotten.
    fn earliest(&self) -> usize {
        0
    }
}

/// Where and in which type the buffers of a layer lie, and their sizes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Element type.
    pub dtype: Kind,
    /// Where they lie.
    pub device: Device,
}

impl Place {
    /// Zeros `[rows, kv heads, capacity, head width]`.
    pub(super) fn buffer(&self, rows: usize, capacity: usize) -> Result<Tensor, TchError> {
        let size = [rows, self.kv_heads, capacity, self.head_dim].map(|size| size as i64);
        Tensor::f_zeros(size, (self.dtype, self.device))
    }
}
