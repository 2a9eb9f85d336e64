//! Products of activations with a weight matrix, row by row.

use std::sync::Arc;

use candle_core::quantized::GgmlDType;
use candle_core::quantized::GgmlType;
use candle_core::quantized::k_quants::{
    BlockQ2K, BlockQ3K, BlockQ4_0, BlockQ4_1, BlockQ4K, BlockQ5_0, BlockQ5_1, BlockQ5K, BlockQ6K,
    BlockQ8_0,
};
use candle_core::{CpuStorage, CustomOp1, InplaceOp1, Layout, Result, Shape, Tensor, bail};
use half::{bf16, f16};
use rayon::prelude::*;

use super::element::{Element, elements};
use super::simd::{self, RowProducts};

/// Below so many multiplications waking another thread costs more than it saves.
const PARALLEL_FROM: usize = 48 * 1024;

/// `x * weight^T + bias` for weights of the same float type as `x`; sums in `f32`.
///
/// A product with few rows is bound by reading the weights once, which one dot product per row of
/// them does at the speed of memory.
pub(in super::super) struct Dense<'a> {
    /// `[out, in]`, contiguous.
    pub weight: &'a Tensor,
    /// `[out]`, `f32`.
    pub bias: Option<&'a [f32]>,
}

impl CustomOp1 for Dense<'_> {
    fn name(&self) -> &'static str {
        "dense-product"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (weight, weight_layout) = self.weight.storage_and_layout();
        let candle_core::Storage::Cpu(weight) = &*weight else { bail!("weights not on the CPU") };
        fn typed<T: Element>(
            op: &Dense<'_>,
            x: (&CpuStorage, &Layout),
            weight: (&CpuStorage, &Layout),
        ) -> Result<(CpuStorage, Shape)> {
            let size = op.weight.dims2()?;
            let shape = result_shape(x.1, size)?;
            let x = T::widened(elements::<T>(x.0, x.1)?);
            let weight = elements::<T>(weight.0, weight.1)?;
            let sums = dense_products::<T>(weight, size, &x, op.bias);
            Ok((T::to_cpu_storage_owned(T::narrowed(sums)), shape))
        }
        let (x, weight) = ((x, layout), (weight, weight_layout));
        match x.0 {
            CpuStorage::F32(_) => typed::<f32>(self, x, weight),
            CpuStorage::F16(_) => typed::<f16>(self, x, weight),
            CpuStorage::BF16(_) => typed::<bf16>(self, x, weight),
            _ => bail!("no product for this element type"),
        }
    }
}

/// `x * weight^T + bias` for quantised weights and any float type of `x`.
pub(in super::super) struct Quantized<'a> {
    rows: &'a dyn QuantizedRows,
    bias: Option<&'a [f32]>,
}

/// A weight matrix in a block format.
pub(in super::super) trait QuantizedRows: Send + Sync {
    /// Rows and columns: outputs and inputs.
    fn size(&self) -> (usize, usize);

    /// The block format.
    fn format(&self) -> GgmlDType;

    /// `x * self^T + bias` for rows of `f32`.
    fn products(&self, x: &[f32], bias: Option<&[f32]>) -> Vec<f32>;
}

impl dyn QuantizedRows {
    /// The operation that multiplies with these weights.
    pub(in super::super) fn operation<'a>(&'a self, bias: Option<&'a [f32]>) -> Quantized<'a> {
        Quantized { rows: self, bias }
    }
}

impl CustomOp1 for Quantized<'_> {
    fn name(&self) -> &'static str {
        "quantised-product"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn typed<T: Element>(
            op: &Quantized<'_>,
            x: &CpuStorage,
            layout: &Layout,
        ) -> Result<(CpuStorage, Shape)> {
            let shape = result_shape(layout, op.rows.size())?;
            let x = T::widened(elements::<T>(x, layout)?);
            let sums = op.rows.products(&x, op.bias);
            Ok((T::to_cpu_storage_owned(T::narrowed(sums)), shape))
        }
        match x {
            CpuStorage::F32(_) => typed::<f32>(self, x, layout),
            CpuStorage::F16(_) => typed::<f16>(self, x, layout),
            CpuStorage::BF16(_) => typed::<bf16>(self, x, layout),
            _ => bail!("no product for this element type"),
        }
    }
}

/// Adds a bias to every row of a contiguous `f32` product.
pub(in super::super) struct AddBias<'a>(pub &'a [f32]);

impl InplaceOp1 for AddBias<'_> {
    fn name(&self) -> &'static str {
        "add-bias"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (CpuStorage::F32(values), Some((from, to))) = (storage, layout.contiguous_offsets())
        else {
            bail!("a bias is added to contiguous f32 only");
        };
        let rows = values[from..to].par_chunks_exact_mut(self.0.len()).with_min_len(8);
        rows.for_each(|row| {
            row.iter_mut().zip(self.0).for_each(|(value, bias)| *value += bias);
        });
        Ok(())
    }
}

struct Blocks<T> {
    blocks: Vec<T>,
    size: (usize, usize),
}

impl<T: GgmlType> QuantizedRows for Blocks<T> {
    fn size(&self) -> (usize, usize) {
        self.size
    }

    fn format(&self) -> GgmlDType {
        T::DTYPE
    }

    fn products(&self, x: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        let width = self.size.1;
        let per_row = width / T::BLCK_SIZE;
        let mut quantized = vec![T::VecDotType::zeros(); x.len() / T::BLCK_SIZE];
        for (from, to) in x.chunks_exact(width).zip(quantized.chunks_exact_mut(per_row)) {
            T::VecDotType::from_float(from, to);
        }
        block_products::<T>(&self.blocks, self.size, &quantized, bias)
    }
}

/// Quantises `weight` (`size` rows and columns; the columns a multiple of the block size). None
/// for a format without blocks.
pub(in super::super) fn quantize(
    weight: &[f32],
    size: (usize, usize),
    format: GgmlDType,
) -> Option<Arc<dyn QuantizedRows>> {
    fn typed<T: GgmlType + 'static>(
        weight: &[f32],
        size: (usize, usize),
    ) -> Arc<dyn QuantizedRows> {
        let per_row = size.1 / T::BLCK_SIZE;
        let mut blocks = vec![T::zeros(); size.0 * per_row];
        let rows = weight.par_chunks_exact(size.1).zip(blocks.par_chunks_exact_mut(per_row));
        rows.with_min_len(64).for_each(|(from, to)| T::from_float(from, to));
        Arc::new(Blocks { blocks, size })
    }
    match format {
        GgmlDType::Q8_0 => Some(typed::<BlockQ8_0>(weight, size)),
        GgmlDType::Q4_0 => Some(typed::<BlockQ4_0>(weight, size)),
        GgmlDType::Q4_1 => Some(typed::<BlockQ4_1>(weight, size)),
        GgmlDType::Q5_0 => Some(typed::<BlockQ5_0>(weight, size)),
        GgmlDType::Q5_1 => Some(typed::<BlockQ5_1>(weight, size)),
        GgmlDType::Q2K => Some(typed::<BlockQ2K>(weight, size)),
        GgmlDType::Q3K => Some(typed::<BlockQ3K>(weight, size)),
        GgmlDType::Q4K => Some(typed::<BlockQ4K>(weight, size)),
        GgmlDType::Q5K => Some(typed::<BlockQ5K>(weight, size)),
        GgmlDType::Q6K => Some(typed::<BlockQ6K>(weight, size)),
        _ => None,
    }
}

/// The shape of the product: that of `x` with its last dimension replaced.
fn result_shape(x: &Layout, (out, width): (usize, usize)) -> Result<Shape> {
    match x.dims() {
        [head @ .., last] if *last == width => Ok(Shape::from_dims(&[head, &[out]].concat())),
        dims => bail!("activations of shape {dims:?} do not fit weights of width {width}"),
    }
}

/// All dot products of the rows of `x` with the `out` rows of `weight`, each `width` wide, plus
/// `bias`: `x` rows x `out`, row-major. Sums in `f32`.
fn dense_products<T: Element>(
    weight: &[T],
    (out, width): (usize, usize),
    x: &[f32],
    bias: Option<&[f32]>,
) -> Vec<f32> {
    by_weight_row((out, width), x.len() / width, |first, rows, sums| {
        let mut scratch = vec![0.0; width];
        let weight = weight[first * width..].chunks_exact(width);
        for ((index, sums), weight) in sums.chunks_exact_mut(rows).enumerate().zip(weight) {
            let weight = T::widened_into(weight, &mut scratch);
            let bias = bias.map_or(0.0, |bias| bias[first + index]);
            simd::run(RowProducts { weight, x, bias, sums });
        }
    })
}

/// The same for weights in blocks and rows of `x` in the blocks that go with them.
fn block_products<T: GgmlType>(
    weight: &[T],
    (out, width): (usize, usize),
    x: &[T::VecDotType],
    bias: Option<&[f32]>,
) -> Vec<f32> {
    let per_row = width / T::BLCK_SIZE;
    by_weight_row((out, width), x.len() / per_row, |first, rows, sums| {
        let weight = weight[first * per_row..].chunks_exact(per_row);
        for ((index, sums), weight) in sums.chunks_exact_mut(rows).enumerate().zip(weight) {
            let bias = bias.map_or(0.0, |bias| bias[first + index]);
            for (sum, x) in sums.iter_mut().zip(x.chunks_exact(per_row)) {
                *sum = T::vec_dot(width, weight, x) + bias;
            }
        }
    })
}

/// Lets `fill` compute the products of weight rows with all `rows` rows of activations, in pieces
/// over the threads of the pool: it gets the number of the first weight row, `rows`, and the sums
/// to fill, weight row by weight row (so that each is read from memory once). Gives the sums
/// turned: rows x `out`.
fn by_weight_row(
    (out, width): (usize, usize),
    rows: usize,
    fill: impl Fn(usize, usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    let mut sums = vec![0.0_f32; out * rows];
    let threads = rayon::current_num_threads();
    if rows == 0 || threads == 1 || out * rows * width < PARALLEL_FROM {
        fill(0, rows, &mut sums);
    } else {
        // Few pieces: the work is even, and each piece costs a hand-over.
        let smallest = PARALLEL_FROM / 4 / (width * rows) + 1;
        let piece = out.div_ceil(threads * 2).max(smallest);
        let pieces = sums.par_chunks_mut(piece * rows).enumerate();
        pieces.for_each(|(index, sums)| fill(index * piece, rows, sums));
    }
    if rows <= 1 {
        return sums;
    }
    let mut turned = vec![0.0; sums.len()];
    for (row, turned) in turned.chunks_exact_mut(out).enumerate() {
        for (one, sums) in turned.iter_mut().zip(sums.chunks_exact(rows)) {
            *one = sums[row];
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use candle_core::{D, DType, Device};

    use super::*;

    fn random(shape: (usize, usize)) -> Tensor {
        Tensor::randn(0.0_f32, 1.0, shape, &Device::Cpu).unwrap()
    }

    fn distance(a: &Tensor, b: &Tensor) -> f32 {
        let difference = (a.to_dtype(DType::F32).unwrap() - b).unwrap().abs().unwrap();
        difference.max(D::Minus1).unwrap().max(D::Minus1).unwrap().to_scalar().unwrap()
    }

    #[test]
    fn dense_products_are_those_of_candle() {
        for (rows, width, out) in [(1, 64, 3), (1, 300, 1000), (5, 33, 7), (4, 256, 600)] {
            let (x, weight, bias) = (random((rows, width)), random((out, width)), random((1, out)));
            let plain = x.matmul(&weight.t().unwrap()).unwrap().broadcast_add(&bias).unwrap();
            let bias: Vec<f32> = bias.flatten_all().unwrap().to_vec1().unwrap();
            let own = x.apply_op1_no_bwd(&Dense { weight: &weight, bias: Some(&bias) }).unwrap();
            assert_eq!(own.dims(), [rows, out]);
            assert!(distance(&own, &plain) < 1e-4);
            for (dtype, near) in [(DType::F16, 0.2), (DType::BF16, 1.0)] {
                let weight = weight.to_dtype(dtype).unwrap();
                let op = Dense { weight: &weight, bias: Some(&bias) };
                let own = x.to_dtype(dtype).unwrap().apply_op1_no_bwd(&op).unwrap();
                assert_eq!(own.dtype(), dtype);
                assert!(distance(&own, &plain) < near, "{dtype:?}");
            }
        }
    }

    #[test]
    fn quantized_products_are_near_the_exact_ones() {
        let (x, weight) = (random((3, 512)), random((40, 512)));
        let plain = x.matmul(&weight.t().unwrap()).unwrap();
        let flat: Vec<f32> = weight.flatten_all().unwrap().to_vec1().unwrap();
        // Standard deviation of an exact product: sqrt(512), some 23.
        for (format, near) in [
            (GgmlDType::Q8_0, 2.0),
            (GgmlDType::Q4_0, 15.0),
            (GgmlDType::Q4_1, 15.0),
            (GgmlDType::Q5_0, 8.0),
            (GgmlDType::Q5_1, 8.0),
            (GgmlDType::Q2K, 40.0),
            (GgmlDType::Q3K, 25.0),
            (GgmlDType::Q4K, 15.0),
            (GgmlDType::Q5K, 8.0),
            (GgmlDType::Q6K, 4.0),
        ] {
            let rows = quantize(&flat, (40, 512), format).unwrap();
            assert_eq!(rows.format(), format);
            let own = x.apply_op1_no_bwd(&rows.operation(None)).unwrap();
            let far = distance(&own, &plain);
            assert!(far > 0.0 && far < near, "{format:?}: {far}");
        }
        assert!(quantize(&flat, (40, 512), GgmlDType::F32).is_none());
    }
}
