//! The network of a loaded model, of whichever family.

use tch::{Device, Kind, TchError, Tensor};

use super::attention::Implementation;
use super::cache::Cache;
use super::gpt2::Gpt2;
use super::llama::Llama;
use super::loader::Loader;
use super::mask::Masks;
use super::quantization::Weight;
use crate::backends::BackendError;
use crate::model::ModelConfig;

/// The network of a loaded model.
pub(super) enum Network {
    /// Llama and Qwen 2.
    Llama(Llama),
    /// GPT-2.
    Gpt2(Gpt2),
}

/// New positions of all rows.
pub(super) struct Input<'a> {
    /// Token ids `[rows * new]`. Activations are `[rows * new, ..]` as well: matrices are what
    /// products take, and each change of a shape is a call.
    pub tokens: &'a Tensor,
    /// How many rows there are.
    pub rows: i64,
    /// How many positions each has that are new.
    pub new: i64,
    /// Position number of each token, rows x new.
    pub positions: &'a [u32],
    /// What each of them may attend to.
    pub masks: &'a Masks<'a>,
    /// How attention is computed.
    pub attention: Implementation,
}

impl Network {
    /// Builds the network of `config` out of the tensors that `loader` gives.
    pub(super) fn load(config: &ModelConfig, loader: &Loader<'_>) -> Result<Self, BackendError> {
        match config {
            ModelConfig::Llama(config) | ModelConfig::Qwen2(config) => {
                Llama::load(config, loader).map(Self::Llama)
            }
            ModelConfig::Gpt2(config) => Gpt2::load(config, loader).map(Self::Gpt2),
        }
    }

    /// Runs over new positions and writes them to the cache (its length stays): the final hidden
    /// states `[rows * new, hidden]`, normalised as the output head reads them.
    /// A cache of fewer layers than there are blocks ends the run after as many.
    pub(super) fn forward(&self, input: &Input<'_>, cache: &mut Cache) -> Result<Tensor, TchError> {
        match self {
            Self::Llama(model) => model.forward(input, cache),
            Self::Gpt2(model) => model.forward(input, cache),
        }
    }

    /// Logits `[.., vocabulary]` of final hidden states `[.., hidden]`.
    pub(super) fn logits(&self, hidden: &Tensor) -> Result<Tensor, TchError> {
        let head = match self {
            Self::Llama(model) => &model.head,
            Self::Gpt2(model) => &model.head,
        };
        head.forward(hidden)
    }

    /// Blocks, key heads of a block, width of a head.
    pub(super) fn cache_sizes(&self) -> (usize, usize, usize) {
        match self {
            Self::Llama(model) => model.cache_sizes(),
            Self::Gpt2(model) => model.cache_sizes(),
        }
    }

    /// The type of weights and activations, off the embedding table.
    pub(super) fn dtype(&self) -> Result<Kind, TchError> {
        self.table().f_kind()
    }

    /// Where the embedding table lies.
    pub(super) fn device(&self) -> Device {
        self.table().device()
    }

    fn table(&self) -> &Tensor {
        match self {
            Self::Llama(model) => &model.embedding,
            Self::Gpt2(model) => &model.embedding,
        }
    }
}

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

/// The rows of `table` that `ids` (of any shape) names.
pub(super) fn embedded(table: &Tensor, ids: &Tensor) -> Result<Tensor, TchError> {
    Tensor::f_embedding(table, ids, -1, false, false)
}
