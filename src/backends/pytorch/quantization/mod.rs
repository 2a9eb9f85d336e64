//! Weights in eight and in four bits, as bitsandbytes has them.
//!
//! [`settings`] checks what was asked, [`plan`] says which layers of a model it concerns, [`int8`]
//! and [`four_bit`] are the two formats. `reference/` holds what bitsandbytes itself makes of the
//! same tensors.

mod blockwise;
mod codebook;
mod four_bit;
mod int8;
mod plan;
#[cfg(test)]
mod reference;
mod settings;
#[cfg(test)]
mod tests;

use tch::{TchError, Tensor};

pub(super) use plan::Plan;
pub(super) use settings::{Asked, off};

use crate::settings::Settings;
use four_bit::{FourBit, FourBitFormat};
use int8::Int8;

/// What becomes of a weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum QuantizationFormat {
    /// Eight bits, with the magnitude from which on an activation is an outlier.
    Int8(f64),
    /// Four bits.
    FourBit(FourBitFormat),
}

/// The weight of a linear layer.
pub(super) enum Weight {
    /// As it is in the file.
    Dense(Tensor),
    /// In eight or four bits, `[out, in]` whatever the file has.
    Quantised(Quantised),
}

/// A weight `[out, in]` in eight or four bits.
pub(super) enum Quantised {
    /// In eight.
    Int8(Int8),
    /// In four.
    FourBit(FourBit),
}

impl Weight {
    /// The same tensors once more.
    fn shallow_clone(&self) -> Self {
        match self {
            Self::Dense(weight) => Self::Dense(weight.shallow_clone()),
            Self::Quantised(Quantised::Int8(weight)) => {
                Self::Quantised(Quantised::Int8(weight.shallow_clone()))
            }
            Self::Quantised(Quantised::FourBit(weight)) => {
                Self::Quantised(Quantised::FourBit(weight.shallow_clone()))
            }
        }
    }
}

impl Quantised {
    /// `weight` `[out, in]` in `format`.
    pub(super) fn of(weight: &Tensor, format: &QuantizationFormat) -> Result<Self, TchError> {
        match format {
            QuantizationFormat::Int8(threshold) => {
                Int8::quantise(weight, *threshold).map(Self::Int8)
            }
            QuantizationFormat::FourBit(format) => {
                FourBit::quantise(weight, format).map(Self::FourBit)
            }
        }
    }

    /// `x * weight^T + bias` for `x` `[.., in]`: `[.., out]`, in the type of `x`.
    pub(super) fn linear(&self, x: &Tensor, bias: Option<&Tensor>) -> Result<Tensor, TchError> {
        let mut size = x.size();
        let width = size.pop().unwrap_or(1);
        let flat = x.f_reshape([-1, width])?;
        let product = match self {
            Self::Int8(weight) => weight.linear(&flat, bias)?,
            Self::FourBit(weight) => weight.linear(&flat, bias)?,
        };
        size.push(product.size2()?.1);
        product.f_reshape(size)
    }
}

/// The linear layers of a loaded model that was to be quantised.
pub(super) struct Layers {
    plan: Plan,
    layers: Vec<(String, Weight)>,
}

impl Layers {
    /// Of a model to be loaded by `plan`: none yet.
    pub(super) fn new(plan: Plan) -> Self {
        Self { plan, layers: Vec::new() }
    }

    /// The plan.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Notes that the layer `name` was loaded as `weight`.
    pub(super) fn push(&mut self, name: &str, weight: &Weight) {
        self.layers.push((name.to_owned(), weight.shallow_clone()));
    }

    /// The settings of quantisation that are in force, read off the weights.
    pub(super) fn effective(&self) -> Settings {
        settings::effective(&self.plan, &self.layers)
    }
}
