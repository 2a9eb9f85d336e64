//! What a network reads in one run.

use tch::{TchError, Tensor};

use super::attention::Implementation;
use super::mask::Masks;

/// New positions of all rows.
pub(super) struct Input<'a> {
    /// Token ids `[rows * new]`. Activations are `[rows * new, ..]` as well: matrices are what
    /// products take, and each change of a shape is a call.
    pub tokens: &'a Tensor,
    /// How many rows there are.
    pub rows: i64,
    /// How many positions each has that are new.
    pub new: i64,
    /// Position number of each token, rows x new.
    pub positions: &'a [u32],
    /// What each of them may attend to.
    pub masks: &'a Masks<'a>,
    /// How attention is computed.
    pub attention: Implementation,
}

/// The rows of `table` that `ids` (of any shape) names.
pub(super) fn embedded(table: &Tensor, ids: &Tensor) -> Result<Tensor, TchError> {
    Tensor::f_embedding(table, ids, -1, false, false)
}
