//! The network of a loaded model, of whichever family.

use tch::{Device, Kind, TchError, Tensor};

use super::cache::Cache;
use super::gpt2::Gpt2;
use super::input::Input;
use super::llama::Llama;
use super::loader::Loader;
use crate::backends::BackendError;
use crate::model::ModelConfig;

/// The network of a loaded model.
pub(super) enum Network {
    /// Llama and Qwen 2.
    Llama(Llama),
    /// GPT-2.
    Gpt2(Gpt2),
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
