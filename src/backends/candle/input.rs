//! What a network reads in one run.

use candle_core::Tensor;

use super::cpu::Past;

/// New positions of all rows.
pub(super) struct Input<'a> {
    /// Token ids `[rows, new]`.
    pub tokens: &'a Tensor,
    /// Position number of each token, rows x new.
    pub positions: &'a [u32],
    /// What may be attended to, the new positions included.
    pub past: Past<'a>,
}

/// The rows of `table` that `ids` (of any shape) names.
pub(super) fn embedded(table: &Tensor, ids: &Tensor) -> candle_core::Result<Tensor> {
    let mut shape = ids.dims().to_vec();
    shape.push(table.dim(1)?);
    table.index_select(&ids.flatten_all()?, 0)?.reshape(shape)
}
