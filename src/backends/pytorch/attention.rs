//! Attention of new positions to all that came before.

use tch::{Device, Kind, TchError, Tensor};

/// How attention is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Implementation {
    /// Products and a softmax one after the other.
    Eager,
    /// `scaled_dot_product_attention`, which picks one of libtorch's fused kernels.
    Sdpa,
}

impl Implementation {
    /// The value of `attn_implementation`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Eager => "eager",
            Self::Sdpa => "sdpa",
        }
    }

    /// Attention of queries `[rows, heads, new, width]` to keys and values
    /// `[rows, kv heads, len, width]`; gives `[rows * new, heads * width]`.
    pub(super) fn attend(
        self,
        q: &Tensor,
        keys: &Tensor,
        values: &Tensor,
        mask: &Mask,
        scale: f64,
    ) -> Result<Tensor, TchError> {
        let (rows, heads, new, width) = q.size4()?;
        let y = match self {
            Self::Eager => eager(q, keys, values, mask, scale)?,
            Self::Sdpa => sdpa(q, keys, values, mask, scale)?,
        };
        // Of one position there is nothing to turn round.
        let y = if new == 1 { y } else { y.f_transpose(1, 2)? };
        y.f_reshape([rows * new, heads * width])
    }
}

/// Which positions a query may attend to.
pub(super) enum Mask {
    /// All there are.
    Open,
    /// Those up to its own; queries and keys are the same positions.
    Causal(Tensor),
    /// Those that are true in `[rows or 1, 1, new, len]`.
    Given(Tensor),
}

impl Mask {
    /// The mask for `new` positions at the end of `len`, of which `real` (rows x len; none for
    /// all) are tokens. A query always sees its own position: padding that saw nothing would be
    /// NaN, and stay in the cache.
    pub(super) fn new(
        rows: usize,
        new: usize,
        len: usize,
        real: Option<&[bool]>,
        device: Device,
    ) -> Result<Self, TchError> {
        if new == 1 && real.is_none() {
            return Ok(Self::Open);
        }
        let masks = if real.is_some() { rows } else { 1 };
        let mut seen = Vec::with_capacity(masks * new * len);
        for row in 0..masks {
            for position in 0..new {
                let own = len - new + position;
                seen.extend((0..len).map(|other| {
                    let real = real.is_none_or(|real| real[row * len + other]);
                    other == own || real && other < own
                }));
            }
        }
        let size = [masks as i64, 1, new as i64, len as i64];
        let seen = Tensor::f_from_slice(&seen)?.f_reshape(size)?.f_to_device(device)?;
        Ok(if new == len && real.is_none() { Self::Causal(seen) } else { Self::Given(seen) })
    }
}

fn sdpa(
    q: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    mask: &Mask,
    scale: f64,
) -> Result<Tensor, TchError> {
    let (given, causal) = match mask {
        Mask::Open => (None, false),
        Mask::Causal(_) => (None, true),
        Mask::Given(seen) => (Some(seen), false),
    };
    let (heads, kv_heads) = (q.size()[1], keys.size()[1]);
    let attend = |q: &Tensor, grouped| {
        Tensor::f_scaled_dot_product_attention(q, keys, values, given, 0.0, causal, scale, grouped)
    };
    if heads == kv_heads {
        return attend(q, false);
    }
    if causal || q.size()[2] > 1 {
        return attend(q, true);
    }
    // The heads of a group read the same keys by the same mask, as positions of a row do. Taken
    // for such, they share them; as groups, libtorch would first repeat all keys and values.
    let together = q.f_reshape([q.size()[0], kv_heads, heads / kv_heads, q.size()[3]])?;
    attend(&together, false)
}

/// As the eager attention of transformers: the softmax in float32, the products in the type of
/// the activations.
fn eager(
    q: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    mask: &Mask,
    scale: f64,
) -> Result<Tensor, TchError> {
    let size = q.size();
    let (rows, heads, new, width) = (size[0], size[1], size[2], size[3]);
    let (kv_heads, len) = (keys.size()[1], keys.size()[2]);
    let group = heads / kv_heads;
    // The queries of a group share their keys: they lie one below the other.
    let queries = q.f_reshape([rows, kv_heads, group * new, width])?;
    let scores = queries.f_matmul(&keys.f_transpose(2, 3)?)?.f_mul_scalar(scale)?;
    let scores = match mask {
        Mask::Open => scores,
        Mask::Causal(seen) | Mask::Given(seen) => scores
            .f_reshape([rows, kv_heads, group, new, len])?
            .f_masked_fill(&seen.f_logical_not()?.f_unsqueeze(1)?, f64::NEG_INFINITY)?
            .f_reshape([rows, kv_heads, group * new, len])?,
    };
    let weights = scores.f_softmax(-1, Kind::Float)?.f_to_kind(q.f_kind()?)?;
    weights.f_matmul(values)?.f_reshape([rows, heads, new, width])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways give the same, padding included.
    #[test]
    fn eager_is_sdpa() {
        for (new, len) in [(1, 1), (1, 9), (4, 9), (9, 9)] {
            let (rows, heads, kv_heads, width) = (3_usize, 4, 2, 64);
            let random = |heads: i64, len: usize| {
                Tensor::randn([rows as i64, heads, len as i64, width], (Kind::Float, Device::Cpu))
            };
            let (q, keys, values) =
                (random(heads, new), random(kv_heads, len), random(kv_heads, len));
            // Row 2 is padded on the left, but never at its last position.
            let padded: Vec<bool> =
                (0..rows * len).map(|at| at < 2 * len || at - 2 * len + 3 >= len).collect();
            for real in [None, Some(padded.as_slice())] {
                let mask = Mask::new(rows, new, len, real, Device::Cpu).unwrap();
                let by =
                    |one: Implementation| one.attend(&q, &keys, &values, &mask, 0.125).unwrap();
                let (eager, sdpa) = (by(Implementation::Eager), by(Implementation::Sdpa));
                assert_eq!(eager.size(), [(rows * new) as i64, heads * width]);
                let far = (eager - sdpa).abs().max().double_value(&[]);
                assert!(far < 1e-5, "{new} of {len}, padded {}: {far}", real.is_some());
            }
        }
    }
}
