//! Linear layers, dense or quantised.

use tch::{TchError, Tensor};

use super::loader::Loader;
use super::quantization::Weight;
use crate::backends::BackendError;

/// `x * weight^T + bias`.
pub(super) struct Linear {
    /// `[out, in]`.
    weight: Weight,
    bias: Option<Tensor>,
}

impl Linear {
    /// The layer whose weight `[out, in]` is `name.weight`.
    pub(super) fn load(
        name: &str,
        shape: [usize; 2],
        bias: bool,
        load: &Loader<'_>,
    ) -> Result<Self, BackendError> {
        Ok(Self {
            weight: load.weight(name, &shape, false)?,
            bias: load.optional(&format!("{name}.bias"), &shape[..1], bias)?,
        })
    }

    /// The output head: of its own, or over the embedding table where it is `tied`.
    pub(super) fn head(
        tied: bool,
        embedding: &Tensor,
        shape: [usize; 2],
        load: &Loader<'_>,
    ) -> Result<Self, BackendError> {
        if tied {
            Ok(Self { weight: Weight::Dense(embedding.shallow_clone()), bias: None })
        } else {
            Self::load("lm_head", shape, false, load)
        }
    }

    /// For `x` of shape `[.., in]`: `[.., out]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        match &self.weight {
            Weight::Dense(weight) => x.f_linear(weight, self.bias.as_ref()),
            Weight::Quantised(weight) => weight.linear(x, self.bias.as_ref()),
        }
    }
}
