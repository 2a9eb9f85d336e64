//! Weights in eight bits, multiplied as integers: LLM.int8() (Dettmers et al., arXiv 2208.07339).
//!
//! Rows of weights and rows of activations are scaled so that the greatest magnitude is 127.
//! Columns of the activations with an outlier are left out, and multiplied as floats.

use tch::{Device, Kind, TchError, Tensor};

/// Columns that are multiplied at once where floats stand for integers: the sum of as many products
/// of -127 to 127 is below 2^24, to which float32 counts exactly.
const EXACT: i64 = (1 << 24) / (127 * 127);

/// A weight in eight bits.
pub(in crate::backends::pytorch) struct Int8 {
    /// `[out, in]`, int8.
    pub codes: Tensor,
    /// Greatest magnitude of each row, `[out]`, float32.
    pub scales: Tensor,
    /// Magnitude from which on an activation is an outlier; 0 for none.
    pub threshold: f64,
}

impl Int8 {
    /// `weight` `[out, in]` in eight bits. As in bitsandbytes it becomes float16 first.
    pub(super) fn quantise(weight: &Tensor, threshold: f64) -> Result<Self, TchError> {
        let (codes, scales) = rows(&weight.f_contiguous()?.f_to_kind(Kind::Half)?)?;
        Ok(Self { codes, scales, threshold })
    }

    /// The same tensors once more.
    pub(super) fn shallow_clone(&self) -> Self {
        Self {
            codes: self.codes.shallow_clone(),
            scales: self.scales.shallow_clone(),
            threshold: self.threshold,
        }
    }

    /// The weight `[out, in]` in float32.
    #[cfg(test)]
    pub(super) fn dequantise(&self) -> Result<Tensor, TchError> {
        scaled_back(&self.codes, &self.scales)
    }

    /// `x * weight^T + bias` for `x` `[n, in]`, in the type of `x`.
    pub(super) fn linear(&self, x: &Tensor, bias: Option<&Tensor>) -> Result<Tensor, TchError> {
        let kind = x.f_kind()?;
        let mut half = x.f_to_kind(Kind::Half)?;
        let mut outliers = None;
        if self.threshold > 0.0 {
            let found = half.f_abs()?.f_ge(self.threshold)?;
            // A column with an outlier in any row is one in all.
            let columns = found.f_any_dim(0, false)?.f_nonzero()?.f_reshape([-1])?;
            if columns.numel() > 0 {
                half = half.f_masked_fill(&found, 0.0)?;
                outliers = Some(columns);
            }
        }
        let (mut codes, scales) = rows(&half)?;
        if let Some(columns) = &outliers {
            codes = codes.f_index_fill(1, columns, 0)?;
        }
        let scales = scales.f_unsqueeze(1)?.f_mul(&self.scales.f_unsqueeze(0)?)?;
        let unit = unit(x.device());
        let mut sum = product(&codes, &self.codes)?.f_mul(&scales)?.f_mul_scalar(unit)?;
        if let Some(bias) = bias {
            sum = sum.f_add(&bias.f_to_kind(kind)?.f_to_kind(Kind::Float)?)?;
        }
        let sum = sum.f_to_kind(kind)?;
        let Some(columns) = outliers else { return Ok(sum) };
        let weights = scaled_back(&self.codes.f_index_select(1, &columns)?, &self.scales)?;
        sum.f_addmm(&x.f_index_select(1, &columns)?, &weights.f_to_kind(kind)?.f_transpose(0, 1)?)
    }
}

/// What one step of both scales is worth: 1 / 127^2. bitsandbytes has it with another last digit on
/// a CPU (`int8_mm_dequant` in backends/default/ops.py) than on a GPU (csrc/kernels.cu).
fn unit(device: Device) -> f64 {
    match device {
        Device::Cpu => 6.200_124e-5,
        _ => 6.200_012e-5,
    }
}

/// The float16 rows of `x` in eight bits, and the greatest magnitude of each.
fn rows(x: &Tensor) -> Result<(Tensor, Tensor), TchError> {
    let scales = x.f_abs()?.f_amax([1], false)?.f_to_kind(Kind::Float)?;
    let factors = scales.f_reciprocal()?.f_mul_scalar(127.0)?.f_unsqueeze(1)?;
    let codes = x.f_to_kind(Kind::Float)?.f_mul(&factors)?.f_round()?;
    // A row of zeros has no scale: 0 times infinity.
    let codes = codes.f_nan_to_num(0.0, 0.0, 0.0)?.f_to_kind(Kind::Int8)?;
    Ok((codes, scales))
}

/// The float32 weights of `codes` `[out, ..]`.
fn scaled_back(codes: &Tensor, scales: &Tensor) -> Result<Tensor, TchError> {
    codes.f_mul(&scales.f_unsqueeze(1)?)?.f_mul_scalar(1.0 / 127.0)
}

/// `a * b^T` of int8 tensors, summed exactly and then rounded to float32.
fn product(a: &Tensor, b: &Tensor) -> Result<Tensor, TchError> {
    // With a single column, libtorch 2.11 takes the transposed weight for one that is not.
    let single = a.size2()?.1 == 1;
    if a.device() == Device::Cpu && has_integer_products() && !single {
        return a.f_internal_int_mm(&b.f_transpose(0, 1)?)?.f_to_kind(Kind::Float);
    }
    float_product(a, b)
}

/// As [`product`], in float32 over so few columns at a time that every sum is exact.
fn float_product(a: &Tensor, b: &Tensor) -> Result<Tensor, TchError> {
    let width = a.size2()?.1;
    let part = |start: i64| {
        let columns = EXACT.min(width - start);
        let floats = |x: &Tensor| x.f_narrow(1, start, columns)?.f_to_kind(Kind::Float);
        floats(a)?.f_matmul(&floats(b)?.f_transpose(0, 1)?)
    };
    let mut sum = part(0)?;
    if width <= EXACT {
        return Ok(sum);
    }
    sum = sum.f_to_kind(Kind::Int)?;
    let mut start = EXACT;
    while start < width {
        sum = sum.f_add(&part(start)?.f_to_kind(Kind::Int)?)?;
        start += EXACT;
    }
    sum.f_to_kind(Kind::Float)
}

/// Whether libtorch multiplies int8 on this processor by its own instructions; without them it goes
/// product by product, slower than over floats.
fn has_integer_products() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512vnni");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn products_are_exact(
            rows in 1..4_usize,
            width in prop_oneof![1..70_usize, 1000..1100_usize, 3000..3200_usize],
            seed in any::<u64>(),
        ) {
            let mut state = seed;
            let mut numbers = |count: usize| -> Vec<i8> {
                let mut next = || {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    // The ends often: their sums are the greatest.
                    match (state >> 33) % 300 {
                        found @ 0..255 => found as i8,
                        _ => 127,
                    }
                };
                (0..count).map(|_| next().max(-127)).collect()
            };
            let (a, b) = (numbers(rows * width), numbers(5 * width));
            let mut exact = Vec::new();
            for row in a.chunks(width) {
                for column in b.chunks(width) {
                    let products = row.iter().zip(column).map(|(a, b)| i32::from(*a) * i32::from(*b));
                    exact.push(products.sum::<i32>() as f32);
                }
            }
            let tensor = |values: &[i8]| Tensor::from_slice(values).reshape([-1, width as i64]);
            let (a, b) = (tensor(&a), tensor(&b));
            for found in [product(&a, &b).unwrap(), float_product(&a, &b).unwrap()] {
                let found: Vec<f32> = found.reshape([-1]).try_into().unwrap();
                prop_assert_eq!(&found, &exact);
            }
        }
    }

    #[test]
    fn outlier_columns_are_computed_in_floats() {
        let weight = Tensor::from_slice(&[0.5_f32, -1.0, 0.25, 1.0]).reshape([2, 2]);
        let x = Tensor::from_slice(&[100.0_f32, 1.0]).reshape([1, 2]);
        let linear = |threshold: f64| -> Vec<f32> {
            let layer = Int8::quantise(&weight, threshold).unwrap();
            layer.linear(&x, None).unwrap().reshape([-1]).try_into().unwrap()
        };
        // Beside 100, the 1 is 1.27 steps, of which one is left.
        insta::assert_snapshot!(format!("{:?}", linear(0.0)), @"[49.607193, 25.98472]");
        insta::assert_snapshot!(format!("{:?}", linear(6.0)), @"[49.39368, 26.196867]");
    }
}
