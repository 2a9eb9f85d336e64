//! Attention of new positions over the cache.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, bail};
use half::{bf16, f16};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::element::{Element, elements};
use super::simd::{self, add_scaled, dot};

/// Below so many multiplications waking another thread costs more than it saves.
const PARALLEL_FROM: usize = 48 * 1024;

/// Softmax of scaled scores over the positions before, times their values.
///
/// Operands: queries `[rows, new, heads, width]`, keys and values `[rows, kv heads, capacity,
/// width]` (the whole buffers of the cache; their type may differ from the queries'). Result
/// `[rows, new, heads * width]`. A query that may attend to nothing (padding) gets zeros.
pub(in super::super) struct Attention<'a> {
    /// What of the cache is in use.
    pub past: Past<'a>,
    /// Factor of the scores.
    pub scale: f32,
}

/// Which positions of the cache may be attended to.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Past<'a> {
    /// Positions in use, the new ones included (they are the last).
    pub len: usize,
    /// Rows x `len`, false on padding; none where there is no padding.
    pub real: Option<&'a [bool]>,
}

impl CustomOp3 for Attention<'_> {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (q, k, v) = ((q, q_layout), (k, k_layout), (v, v_layout));
        match q.0 {
            CpuStorage::F32(_) => self.over::<f32>(q, k, v),
            CpuStorage::F16(_) => self.over::<f16>(q, k, v),
            CpuStorage::BF16(_) => self.over::<bf16>(q, k, v),
            _ => bail!("no attention for this element type"),
        }
    }
}

type Operand<'a> = (&'a CpuStorage, &'a Layout);

impl Attention<'_> {
    /// With queries of type `Q`, by the type of the cache.
    fn over<Q: Element>(
        &self,
        q: Operand<'_>,
        k: Operand<'_>,
        v: Operand<'_>,
    ) -> Result<(CpuStorage, Shape)> {
        match k.0 {
            CpuStorage::F32(_) => self.typed::<Q, f32>(q, k, v),
            CpuStorage::F16(_) => self.typed::<Q, f16>(q, k, v),
            CpuStorage::BF16(_) => self.typed::<Q, bf16>(q, k, v),
            _ => bail!("no attention for this type of cache"),
        }
    }

    fn typed<Q: Element, C: Element>(
        &self,
        q: Operand<'_>,
        k: Operand<'_>,
        v: Operand<'_>,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, new, heads, width) = q.1.shape().dims4()?;
        let (_, kv_heads, capacity, _) = k.1.shape().dims4()?;
        let len = self.past.len;
        if len > capacity || new > len {
            bail!("{len} positions in a cache of {capacity}");
        }
        let queries = Q::widened(elements::<Q>(q.0, q.1)?);
        let keys = elements::<C>(k.0, k.1)?;
        let values = elements::<C>(v.0, v.1)?;
        let group = heads / kv_heads;

        // One job per row and key head; its result is [group, new, width].
        let job = |index: usize, result: &mut [f32]| {
            let (row, kv_head) = (index / kv_heads, index % kv_heads);
            let at = index * capacity * width;
            let keys = C::widened(&keys[at..at + len * width]);
            let values = C::widened(&values[at..at + len * width]);
            let real = self.past.real.map(|real| &real[row * len..(row + 1) * len]);
            let mut scores = vec![0.0; len];
            for (index, result) in result.chunks_exact_mut(width).enumerate() {
                let (head, position) = (kv_head * group + index / new, index % new);
                let at = ((row * new + position) * heads + head) * width;
                let query = &queries[at..at + width];
                let visible = len - new + position + 1;
                let real = real.map(|real| &real[..visible]);
                let scores = &mut scores[..visible];
                let (keys, values, scale) = (&*keys, &*values, self.scale);
                simd::run(Attend { query, keys, values, real, scale, scores, result });
            }
        };
        let mut results = vec![0.0; rows * heads * new * width];
        let per_job = group * new * width;
        if rows * heads * new * len * width < PARALLEL_FROM {
            for (index, result) in results.chunks_exact_mut(per_job).enumerate() {
                job(index, result);
            }
        } else {
            let jobs = results.par_chunks_exact_mut(per_job).enumerate();
            jobs.for_each(|(index, result)| job(index, result));
        }
        if new > 1 {
            results = heads_inside(&results, (rows, heads, new, width));
        }
        let shape = Shape::from((rows, new, heads * width));
        Ok((Q::to_cpu_storage_owned(Q::narrowed(results)), shape))
    }
}

/// One query over the positions that it sees, as many as there are `scores`; `result` is zero.
struct Attend<'a> {
    query: &'a [f32],
    keys: &'a [f32],
    values: &'a [f32],
    real: Option<&'a [bool]>,
    scale: f32,
    scores: &'a mut [f32],
    result: &'a mut [f32],
}

impl WithSimd for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.query.len();
        let mut best = f32::NEG_INFINITY;
        let keys = self.keys.chunks_exact(width);
        for (position, (score, key)) in self.scores.iter_mut().zip(keys).enumerate() {
            *score = if self.real.is_none_or(|real| real[position]) {
                dot(simd, self.query, key) * self.scale
            } else {
                f32::NEG_INFINITY
            };
            best = best.max(*score);
        }
        if best == f32::NEG_INFINITY {
            return;
        }
        let mut total = 0.0;
        for score in self.scores.iter_mut() {
            *score = (*score - best).exp();
            total += *score;
        }
        for (score, value) in self.scores.iter().zip(self.values.chunks_exact(width)) {
            add_scaled(simd, self.result, score / total, value);
        }
    }
}

/// `[rows, heads, new, width]` as `[rows, new, heads, width]`.
fn heads_inside(x: &[f32], (rows, heads, new, width): (usize, usize, usize, usize)) -> Vec<f32> {
    let mut turned = Vec::with_capacity(x.len());
    for row in 0..rows {
        for position in 0..new {
            for head in 0..heads {
                let at = ((row * heads + head) * new + position) * width;
                turned.extend_from_slice(&x[at..at + width]);
            }
        }
    }
    turned
}
