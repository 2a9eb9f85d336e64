//! The operations of a transformer block: on the CPU those of [`super::cpu`], elsewhere candle's.

use candle_core::{D, DType, Result, Tensor};

use super::cpu::{Attention, Pairwise, Past, Pointwise};
use crate::model::Activation;

/// `a + b`.
pub(super) fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.device().is_cpu() { a.apply_op2_no_bwd(b, &Pairwise::Add) } else { a + b }
}

/// `silu(gate) * up`.
pub(super) fn gated_silu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    if gate.device().is_cpu() {
        gate.apply_op2_no_bwd(up, &Pairwise::GatedSilu)
    } else {
        gate.silu()? * up
    }
}

/// `activation` of `x`.
pub(super) fn activate(activation: Activation, x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() {
        return x.apply_op1_no_bwd(&Pointwise(activation));
    }
    match activation {
        Activation::Silu => x.silu(),
        Activation::Gelu => x.gelu_erf(),
        Activation::GeluTanh => x.gelu(),
        Activation::Relu => x.relu(),
    }
}

/// Attention of the new positions: queries `[rows, new, heads, width]`, keys and values the whole
/// buffers of the cache `[rows, kv heads, capacity, width]`; gives `[rows, new, heads * width]`.
pub(super) fn attention(
    q: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    past: Past<'_>,
    scale: f32,
) -> Result<Tensor> {
    if q.device().is_cpu() {
        return q.apply_op3_no_bwd(keys, values, &Attention { past, scale });
    }
    composed_attention(q, keys, values, past, scale)
}

/// The same of candle's operations.
fn composed_attention(
    q: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    past: Past<'_>,
    scale: f32,
) -> Result<Tensor> {
    let (rows, new, heads, width) = q.dims4()?;
    let kv_heads = keys.dim(1)?;
    let group = heads / kv_heads;
    let keys = keys.narrow(2, 0, past.len)?.to_dtype(q.dtype())?;
    let values = values.narrow(2, 0, past.len)?.to_dtype(q.dtype())?;
    // The queries of a group share their keys: they lie one below the other.
    let queries = q.transpose(1, 2)?.reshape((rows, kv_heads, group * new, width))?;
    let scores = (queries.matmul(&keys.t()?)?.to_dtype(DType::F32)? * f64::from(scale))?;
    let scores = match mask(rows, new, past, q)? {
        Some(mask) => scores
            .reshape((rows, kv_heads, group, new, past.len))?
            .broadcast_add(&mask)?
            .reshape((rows, kv_heads, group * new, past.len))?,
        None => scores,
    };
    let weights = candle_nn::ops::softmax(&scores, D::Minus1)?.to_dtype(q.dtype())?;
    let result = weights.matmul(&values.contiguous()?)?;
    result.reshape((rows, heads, new, width))?.transpose(1, 2)?.reshape((rows, new, heads * width))
}

/// What is added to the scores, `[rows, 1, 1, new, len]`: 0 where a query may attend and a large
/// negative number elsewhere (finite, so that a query that sees nothing gives no NaN). None where
/// every query may attend to everything.
fn mask(rows: usize, new: usize, past: Past<'_>, like: &Tensor) -> Result<Option<Tensor>> {
    if new == 1 && past.real.is_none() {
        return Ok(None);
    }
    let len = past.len;
    let mut values = Vec::with_capacity(rows * new * len);
    for row in 0..rows {
        for position in 0..new {
            let visible = len - new + position;
            values.extend((0..len).map(|other| {
                let real = past.real.is_none_or(|real| real[row * len + other]);
                if real && other <= visible { 0.0_f32 } else { -1e30 }
            }));
        }
    }
    Tensor::from_vec(values, (rows, 1, 1, new, len), like.device()).map(Some)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn random(shape: (usize, usize, usize, usize)) -> Tensor {
        Tensor::randn(0.0_f32, 1.0, shape, &Device::Cpu).unwrap()
    }

    /// Both ways give the same, padding included, but for queries that see nothing.
    #[test]
    fn attention_is_that_of_composed_operations() {
        for (new, len) in [(1, 1), (1, 9), (4, 9), (9, 9)] {
            let (rows, heads, kv_heads, width, capacity) = (3, 4, 2, 64, 16);
            let q = random((rows, new, heads, width));
            let keys = random((rows, kv_heads, capacity, width));
            let values = random((rows, kv_heads, capacity, width));
            // Row 2 is padded on the left, but never at its last position.
            let padded: Vec<bool> =
                (0..rows * len).map(|at| at < 2 * len || at - 2 * len + 3 >= len).collect();
            for real in [None, Some(padded.as_slice())] {
                let past = Past { len, real };
                let own = attention(&q, &keys, &values, past, 0.125).unwrap();
                let composed = composed_attention(&q, &keys, &values, past, 0.125).unwrap();
                assert_eq!(own.dims(), [rows, new, heads * width]);
                let far = (own - composed).unwrap().abs().unwrap();
                let far: Vec<Vec<f32>> = far.max(D::Minus1).unwrap().to_vec2().unwrap();
                for (row, far) in far.iter().enumerate() {
                    for (position, far) in far.iter().enumerate() {
                        let own = row * len + len - new + position;
                        let sees = real.is_none_or(|real| real[own]);
                        assert!(*far < 1e-5 || !sees, "{new} {len} {row} {position}: {far}");
                    }
                }
            }
        }
    }
}
