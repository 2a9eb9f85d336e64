//! The arithmetic of HQQ 0.2.8 (`Quantizer.quantize` with its default, the solver
//! `optimize_weights_proximal_legacy`): a group is scaled to the range of the integers, then its
//! zero point is moved to where fewer elements are far off (Badri and Shaji, "Half-Quadratic
//! Quantization of Large Machine Learning Models", 2023).

use tch::{Device, Kind, TchError, Tensor};

use super::packed::Groups;

/// Rounds of the solver at most.
const ROUNDS: usize = 20;
/// Its norm: below 1, so that a few large errors weigh less.
const NORM: f64 = 0.7;
/// Its weight of the norm.
const BETA: f64 = 10.0;
/// Greatest inverse scale: a larger one is none in float16.
const MOST_SCALE: f64 = 2e4;
/// Groups whose elements are nearer to each other are not scaled.
const LEAST_RANGE: f64 = 1e-4;

/// Integers below 2^`bits` for `x`, and the scale and zero point of each group, in the type of `x`.
pub(super) fn quantize(x: &Tensor, groups: &Groups, bits: usize) -> Result<[Tensor; 3], TchError> {
    let kind = x.f_kind()?;
    let x = x.f_to_kind(Kind::Float)?;
    let most = (1_i64 << bits) - 1;
    let least = x.f_amin([groups.along].as_slice(), true)?;
    let range = x.f_amax([groups.along].as_slice(), true)?.f_sub(&least)?;
    let inverse = range.f_reciprocal()?.f_mul_scalar(most)?;
    let inverse = inverse.f_where_scalarother(&range.f_gt(LEAST_RANGE)?, 1.0)?;
    let inverse = inverse.f_clamp_max(MOST_SCALE)?;
    let zero = least.f_neg()?.f_mul(&inverse)?;
    let (inverse, zero) = solved(&x, inverse, zero, groups, most)?;
    let integers = x.f_mul(&inverse)?.f_add(&zero)?.f_round()?.f_clamp(0, most)?;
    let scale = inverse.f_to_kind(Kind::Float)?.f_reciprocal()?;
    Ok([integers, scale.f_to_kind(kind)?, zero.f_to_kind(kind)?])
}

/// What [`quantize`] made `integers` of.
pub(super) fn dequantize(
    integers: &Tensor,
    scale: &Tensor,
    zero: &Tensor,
) -> Result<Tensor, TchError> {
    integers.f_sub(zero)?.f_mul(scale)
}

/// The inverse scale and the moved zero points, in the type that the solver works in. Each row
/// stops for itself when its mean error no longer falls, so that it is what it would be alone.
fn solved(
    x: &Tensor,
    inverse: Tensor,
    zero: Tensor,
    groups: &Groups,
    most: i64,
) -> Result<(Tensor, Tensor), TchError> {
    let kind = if x.device() == Device::Cpu { Kind::Float } else { Kind::Half };
    let (x, inverse, mut zero) =
        (x.f_to_kind(kind)?, inverse.f_to_kind(kind)?, zero.f_to_kind(kind)?);
    let whole: Vec<i64> = (1..x.dim() as i64).collect();
    let mut best = x.f_mean_dim(whole.as_slice(), true, Kind::Float)?.f_full_like(f64::INFINITY)?;
    let mut going = best.f_isinf()?;
    for _ in 0..ROUNDS {
        let integers = x.f_mul(&inverse)?.f_add(&zero)?.f_round()?.f_clamp(0, most)?;
        let error = x.f_sub(&integers.f_sub(&zero)?.f_div(&inverse)?)?;
        let shrunk = shrink(&error)?;
        let target = integers.f_sub(&x.f_sub(&shrunk)?.f_mul(&inverse)?)?;
        let moved = target.f_mean_dim([groups.along].as_slice(), true, kind)?;
        // The round that brings no more still counts.
        zero = moved.f_where_self(&going, &zero)?;
        let mean = error.f_abs()?.f_mean_dim(whole.as_slice(), true, kind)?;
        let mean = mean.f_to_kind(Kind::Float)?;
        going = going.f_logical_and(&mean.f_lt_tensor(&best)?)?;
        if going.f_any()?.f_int64_value(&[])? == 0 {
            break;
        }
        best = best.f_minimum(&mean)?;
    }
    Ok((inverse, zero))
}

/// The generalised soft threshold of the norm.
fn shrink(x: &Tensor) -> Result<Tensor, TchError> {
    let size = x.f_abs()?;
    let less = size.f_pow_tensor_scalar(NORM - 1.0)?.f_mul_scalar(1.0 / BETA)?;
    size.f_sub(&less)?.f_clamp_min(0.0)?.f_mul(&x.f_sign()?)
}
