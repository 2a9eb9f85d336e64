//! The arithmetic of optimum-quanto 0.2.7 (`MaxOptimizer`, `quantize_affine`): a group is scaled so
//! that its least and its greatest element are the least and the greatest integer.

use tch::{TchError, Tensor};

use super::packed::Groups;

/// Integers below 2^`bits` for `x`, and the scale and shift of each group.
pub(super) fn quantize(x: &Tensor, groups: &Groups, bits: usize) -> Result<[Tensor; 3], TchError> {
    let most = (1_i64 << bits) - 1;
    let least = x.f_amin([groups.along].as_slice(), true)?;
    let greatest = x.f_amax([groups.along].as_slice(), true)?;
    let scale = greatest.f_sub(&least)?.f_div_scalar(most)?;
    // Where all of a group are equal, the shift alone says what they are.
    let divisor = scale.f_where_scalarother(&scale.f_ne(0.0)?, 1.0)?;
    let integers = x.f_sub(&least)?.f_div(&divisor)?.f_round()?.f_clamp(0, most)?;
    Ok([integers, scale, least.f_neg()?])
}

/// What [`quantize`] made `integers` of, within half a scale.
pub(super) fn dequantize(
    integers: &Tensor,
    scale: &Tensor,
    shift: &Tensor,
) -> Result<Tensor, TchError> {
    scale.f_mul(integers)?.f_sub(shift)
}
