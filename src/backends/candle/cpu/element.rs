//! The float types of weights and activations.

use std::borrow::Cow;

use candle_core::quantized::GgmlType;
use candle_core::{CpuStorage, Layout, Result, WithDType, bail};
use half::{bf16, f16};

/// A float type. Arithmetic is always done in `f32`; the narrower types are for storage.
pub(super) trait Element: WithDType + GgmlType<VecDotType = Self> {
    /// `values` as `f32`, without a copy where they are.
    fn widened(values: &[Self]) -> Cow<'_, [f32]>;

    /// `values` as `f32`: themselves where they are, else written to `scratch` (as long as they).
    fn widened_into<'a>(values: &'a [Self], scratch: &'a mut [f32]) -> &'a [f32] {
        Self::to_float(values, scratch);
        scratch
    }

    /// `values` in this type, without a copy where they are.
    fn narrowed(values: Vec<f32>) -> Vec<Self>;
}

impl Element for f32 {
    fn widened(values: &[Self]) -> Cow<'_, [f32]> {
        Cow::Borrowed(values)
    }

    fn widened_into<'a>(values: &'a [Self], _scratch: &'a mut [f32]) -> &'a [f32] {
        values
    }

    fn narrowed(values: Vec<f32>) -> Vec<Self> {
        values
    }
}

impl Element for f16 {
    fn widened(values: &[Self]) -> Cow<'_, [f32]> {
        widen(values)
    }

    fn narrowed(values: Vec<f32>) -> Vec<Self> {
        narrow(&values)
    }
}

impl Element for bf16 {
    fn widened(values: &[Self]) -> Cow<'_, [f32]> {
        widen(values)
    }

    fn narrowed(values: Vec<f32>) -> Vec<Self> {
        narrow(&values)
    }
}

fn widen<T: GgmlType>(values: &[T]) -> Cow<'_, [f32]> {
    let mut wide = vec![0.0; values.len()];
    T::to_float(values, &mut wide);
    Cow::Owned(wide)
}

fn narrow<T: GgmlType>(values: &[f32]) -> Vec<T> {
    let mut narrow = vec![T::zeros(); values.len()];
    T::from_float(values, &mut narrow);
    narrow
}

/// The elements of a contiguous tensor.
pub(super) fn elements<'a, T: WithDType>(
    storage: &'a CpuStorage,
    layout: &Layout,
) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(&storage.as_slice::<T>()?[from..to]),
        None => bail!("a tensor that is not contiguous ({layout:?})"),
    }
}
