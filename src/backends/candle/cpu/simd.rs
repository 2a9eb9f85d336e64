//! Vector kernels for `f32`, in whichever instruction set the machine has.
//!
//! Candle 0.11 has such a dot product, but its intrinsics are not inlined in a build for the
//! baseline x86-64: 2.1 thousand million multiplications a second on one core of an AMD EPYC 9004,
//! whether the rows lie in cache or not. With these a decoding step of the tiny Llama takes a
//! quarter of the time.

use pulp::{Simd, WithSimd};

/// Independent sums of a dot product, to hide the latency of the additions.
const SUMS: usize = 4;

/// Runs `kernel` with the vectors of this machine.
pub(super) fn run<K: WithSimd>(kernel: K) -> K::Output {
    // Not `pulp::Arch`: its choice depends on features of the crate that other dependencies set.
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return Simd::vectorize(simd, kernel);
    }
    pulp::Arch::new().dispatch(kernel)
}

/// The sum of `a[i] * b[i]`.
#[inline(always)]
pub(super) fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let (a, a_tail) = S::as_simd_f32s(a);
    let (b, b_tail) = S::as_simd_f32s(b);
    let (a_blocks, a_rest) = pulp::as_arrays::<SUMS, _>(a);
    let (b_blocks, b_rest) = pulp::as_arrays::<SUMS, _>(b);
    let mut sums = [simd.splat_f32s(0.0); SUMS];
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        sums[0] = simd.mul_add_e_f32s(a[0], b[0], sums[0]);
        sums[1] = simd.mul_add_e_f32s(a[1], b[1], sums[1]);
        sums[2] = simd.mul_add_e_f32s(a[2], b[2], sums[2]);
        sums[3] = simd.mul_add_e_f32s(a[3], b[3], sums[3]);
    }
    for (a, b) in a_rest.iter().zip(b_rest) {
        sums[0] = simd.mul_add_e_f32s(*a, *b, sums[0]);
    }
    let left = simd.add_f32s(sums[0], sums[1]);
    let right = simd.add_f32s(sums[2], sums[3]);
    let mut sum = simd.reduce_sum_f32s(simd.add_f32s(left, right));
    for (a, b) in a_tail.iter().zip(b_tail) {
        sum += a * b;
    }
    sum
}

/// Adds `factor * x[i]` to every `y[i]`.
#[inline(always)]
pub(super) fn add_scaled<S: Simd>(simd: S, y: &mut [f32], factor: f32, x: &[f32]) {
    let (y, y_tail) = S::as_mut_simd_f32s(y);
    let (x, x_tail) = S::as_simd_f32s(x);
    let factors = simd.splat_f32s(factor);
    for (y, x) in y.iter_mut().zip(x) {
        *y = simd.mul_add_e_f32s(factors, *x, *y);
    }
    for (y, x) in y_tail.iter_mut().zip(x_tail) {
        *y += factor * x;
    }
}

/// The products of one weight row with every row of `x` (as wide as it), plus `bias`.
pub(super) struct RowProducts<'a> {
    pub weight: &'a [f32],
    pub x: &'a [f32],
    pub bias: f32,
    /// One per row of `x`.
    pub sums: &'a mut [f32],
}

impl WithSimd for RowProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (sum, x) in self.sums.iter_mut().zip(self.x.chunks_exact(self.weight.len())) {
            *sum = dot(simd, self.weight, x) + self.bias;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct AddScaled<'a>(&'a mut [f32], f32, &'a [f32]);

    impl WithSimd for AddScaled<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            add_scaled(simd, self.0, self.1, self.2);
        }
    }

    proptest! {
        /// Whatever the length: whole vectors, their blocks and the tail.
        #[test]
        fn kernels_are_those_of_plain_loops(
            pairs in prop::collection::vec((-8_i8..8, -8_i8..8), 1..200),
            factor in -8_i8..8,
        ) {
            // Small integers, so that every order of additions gives the same.
            let a: Vec<f32> = pairs.iter().map(|(a, _)| f32::from(*a)).collect();
            let b: Vec<f32> = pairs.iter().map(|(_, b)| f32::from(*b)).collect();
            let plain: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            let mut sums = [0.0; 2];
            let x = [b.as_slice(), &a].concat();
            run(RowProducts { weight: &a, x: &x, bias: 0.5, sums: &mut sums });
            prop_assert_eq!(sums[0], plain + 0.5);
            prop_assert_eq!(sums[1], a.iter().map(|a| a * a).sum::<f32>() + 0.5);

            let factor = f32::from(factor);
            let mut y = b.clone();
            run(AddScaled(&mut y, factor, &a));
            let plain: Vec<f32> = a.iter().zip(&b).map(|(a, b)| b + factor * a).collect();
            prop_assert_eq!(y, plain);
        }
    }
}
