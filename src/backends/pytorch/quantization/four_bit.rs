//! Weights in four bits (Dettmers et al., arXiv 2305.14314): blocks of 64 along the rows, each
//! value the nearest of a code book, scaled by the greatest magnitude of its block. They become
//! floats again for every product.

use tch::{Kind, TchError, Tensor};

use super::blockwise::{Blockwise, in_blocks};
use super::codebook::Codebook;

/// Weights that share a scale.
const BLOCK: i64 = 64;

/// The least scale by which bitsandbytes divides (`quantize_4bit` in backends/default/ops.py).
const LEAST: f64 = 1e-38;

/// How weights become four bits, and what they are multiplied in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::backends::pytorch) struct FourBitFormat {
    /// What a code stands for.
    pub codebook: Codebook,
    /// Whether the scales are quantised as well.
    pub double: bool,
    /// Type of the product.
    pub compute: Kind,
    /// Type of the tensor that holds the codes.
    pub storage: Kind,
}

/// A weight in four bits.
pub(in crate::backends::pytorch) struct FourBit {
    /// Two codes a byte, the first one in the higher bits.
    pub packed: Tensor,
    /// Scales of the blocks.
    pub(super) scales: Scales,
    /// What a code stands for.
    pub codebook: Codebook,
    /// Type of the product.
    pub compute: Kind,
    /// [`Codebook::pairs`].
    pairs: Tensor,
    /// Out, in.
    size: [i64; 2],
}

/// Greatest magnitudes of blocks.
pub(super) enum Scales {
    /// As float32.
    Float(Tensor),
    /// In eight bits, less their mean.
    Nested(Blockwise, Tensor),
}

impl FourBit {
    /// `weight` `[out, in]` in four bits.
    pub(super) fn quantise(weight: &Tensor, format: &FourBitFormat) -> Result<Self, TchError> {
        let (out, width) = weight.size2()?;
        let flat = weight.f_contiguous()?.f_reshape([-1])?.f_to_kind(Kind::Float)?;
        let count = out * width;
        let whole = count - count % BLOCK;
        let blocks = flat.f_narrow(0, 0, whole)?.f_reshape([-1, BLOCK])?;
        let mut absmax = blocks.f_abs()?.f_amax([1], false)?;
        let factors = absmax.f_clamp_min(LEAST)?.f_reciprocal()?.f_unsqueeze(1)?;
        let mut scaled = blocks.f_mul(&factors)?.f_reshape([-1])?;
        if whole < count {
            // The last block is divided, the others are multiplied by the reciprocal: as there.
            let rest = flat.f_narrow(0, whole, count - whole)?;
            let most = rest.f_abs()?.f_amax([0], true)?.f_clamp_min(LEAST)?;
            scaled = Tensor::f_cat(&[scaled, rest.f_div(&most)?], 0)?;
            absmax = Tensor::f_cat(&[absmax, most], 0)?;
        }
        if count % 2 == 1 {
            scaled = scaled.f_constant_pad_nd([0, 1])?;
        }
        let codes = format.codebook.nearest(&scaled.f_clamp(-1.0, 1.0)?)?;
        let (high, low) = (codes.f_slice(0, 0, None, 2)?, codes.f_slice(0, 1, None, 2)?);
        let packed = high.f_bitwise_left_shift_tensor_scalar(4)?.f_bitwise_or_tensor(&low)?;
        let scales = if format.double {
            let mean = absmax.f_mean(Kind::Float)?;
            Scales::Nested(Blockwise::quantise(&absmax.f_sub(&mean)?)?, mean)
        } else {
            Scales::Float(absmax)
        };
        Ok(Self {
            packed: packed.f_view_dtype(format.storage)?,
            scales,
            codebook: format.codebook,
            compute: format.compute,
            pairs: format.codebook.pairs(weight.device())?,
            size: [out, width],
        })
    }

    /// The weight `[out, in]` in `kind`; computed in float32, and then rounded.
    pub(super) fn dequantise(&self, kind: Kind) -> Result<Tensor, TchError> {
        let bytes = self.packed.f_view_dtype(Kind::Uint8)?.f_to_kind(Kind::Int)?;
        let values = self.pairs.f_index_select(0, &bytes)?.f_view_dtype(Kind::Float)?;
        let count = self.size[0] * self.size[1];
        let values = in_blocks(&values.f_narrow(0, 0, count)?, BLOCK)?;
        let scaled = values.f_mul(&self.scales()?.f_unsqueeze(1)?)?;
        scaled.f_reshape([-1])?.f_narrow(0, 0, count)?.f_reshape(self.size)?.f_to_kind(kind)
    }

    /// The scale of each block, float32.
    fn scales(&self) -> Result<Tensor, TchError> {
        match &self.scales {
            Scales::Float(absmax) => Ok(absmax.shallow_clone()),
            Scales::Nested(absmax, mean) => absmax.dequantise()?.f_add(mean),
        }
    }

    /// `x * weight^T + bias` for `x` `[n, in]`, in the type of `x`.
    pub(super) fn linear(&self, x: &Tensor, bias: Option<&Tensor>) -> Result<Tensor, TchError> {
        let bias = bias.map(|bias| bias.f_to_kind(self.compute)).transpose()?;
        let weight = self.dequantise(self.compute)?;
        let product = x.f_to_kind(self.compute)?.f_linear(&weight, bias.as_ref())?;
        product.f_to_kind(x.f_kind()?)
    }

    /// The same tensors once more.
    pub(super) fn shallow_clone(&self) -> Self {
        let scales = match &self.scales {
            Scales::Float(absmax) => Scales::Float(absmax.shallow_clone()),
            Scales::Nested(absmax, mean) => {
                Scales::Nested(absmax.shallow_clone(), mean.shallow_clone())
            }
        };
        Self {
            packed: self.packed.shallow_clone(),
            scales,
            codebook: self.codebook,
            compute: self.compute,
            pairs: self.pairs.shallow_clone(),
            size: self.size,
        }
    }
}
