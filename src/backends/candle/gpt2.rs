//! GPT-2: pre-norm blocks with learned positions.
//!
//! Radford et al., "Language Models are Unsupervised Multitask Learners" (2019).

use candle_core::{D, Tensor};
use candle_nn::ops::layer_norm;

use super::cache::Cache;
use super::input::{Input, embedded};
use super::linear::Linear;
use super::loader::Loader;
use super::operations::{activate, add, attention};
use crate::backends::BackendError;
use crate::model::{Activation, Gpt2Config};

/// A GPT-2 model.
pub(super) struct Gpt2 {
    /// `[vocabulary, hidden]`.
    pub embedding: Tensor,
    positions: Tensor,
    blocks: Vec<Block>,
    norm: Norm,
    /// Output head.
    pub head: Linear,
    heads: usize,
    head_dim: usize,
}

impl Gpt2 {
    /// Loads the tensors of the model, by their names in the checkpoint.
    pub(super) fn load(config: &Gpt2Config, load: &Loader<'_>) -> Result<Self, BackendError> {
        let hidden = config.hidden_size;
        let table = [config.vocab_size, hidden];
        let embedding = load.tensor("transformer.wte.weight", &table)?;
        let positions = load.tensor("transformer.wpe.weight", &[config.max_positions, hidden])?;
        let blocks = (0..config.layers)
            .map(|layer| Block::load(&format!("transformer.h.{layer}"), layer, config, load))
            .collect::<Result<_, _>>()?;
        let head = if config.tied {
            load.tied(&embedding)?
        } else {
            load.linear("lm_head", table, false)?
        };
        Ok(Self {
            embedding,
            positions,
            blocks,
            norm: Norm::load("transformer.ln_f", config, load)?,
            head,
            heads: config.heads,
            head_dim: hidden / config.heads,
        })
    }

    /// See [`super::network::Network::forward`].
    pub(super) fn forward(
        &self,
        input: &Input<'_>,
        cache: &mut Cache,
    ) -> candle_core::Result<Tensor> {
        let device = input.tokens.device();
        let positions = Tensor::new(input.positions, device)?.reshape(input.tokens.dims())?;
        let mut x = add(
            &embedded(&self.embedding, input.tokens)?,
            &embedded(&self.positions, &positions)?,
        )?;
        for (layer, block) in self.blocks.iter().enumerate().take(cache.layers()) {
            x = block.forward(&x, layer, input, cache)?;
        }
        self.norm.forward(&x)
    }

    /// Blocks, key heads of a block, width of a head.
    pub(super) fn cache_sizes(&self) -> (usize, usize, usize) {
        (self.blocks.len(), self.heads, self.head_dim)
    }
}

struct Block {
    ln_1: Norm,
    attention: SelfAttention,
    ln_2: Norm,
    mlp: Mlp,
}

impl Block {
    fn load(
        at: &str,
        layer: usize,
        config: &Gpt2Config,
        load: &Loader<'_>,
    ) -> Result<Self, BackendError> {
        Ok(Self {
            ln_1: Norm::load(&format!("{at}.ln_1"), config, load)?,
            attention: SelfAttention::load(&format!("{at}.attn"), layer, config, load)?,
            ln_2: Norm::load(&format!("{at}.ln_2"), config, load)?,
            mlp: Mlp::load(&format!("{at}.mlp"), config, load)?,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        layer: usize,
        input: &Input<'_>,
        cache: &mut Cache,
    ) -> candle_core::Result<Tensor> {
        let normed = self.ln_1.forward(x)?;
        let x = add(x, &self.attention.forward(&normed, layer, input, cache)?)?;
        let normed = self.ln_2.forward(&x)?;
        add(&x, &self.mlp.forward(&normed)?)
    }
}

struct SelfAttention {
    c_attn: Linear,
    c_proj: Linear,
    heads: usize,
    scale: f32,
}

impl SelfAttention {
    fn load(
        at: &str,
        layer: usize,
        config: &Gpt2Config,
        load: &Loader<'_>,
    ) -> Result<Self, BackendError> {
        let hidden = config.hidden_size;
        let mut scale = 1.0;
        if config.scale_attention {
            scale /= ((hidden / config.heads) as f32).sqrt();
        }
        if config.scale_by_layer {
            scale /= (layer + 1) as f32;
        }
        Ok(Self {
            c_attn: load.turned(&format!("{at}.c_attn"), [hidden, 3 * hidden])?,
            c_proj: load.turned(&format!("{at}.c_proj"), [hidden, hidden])?,
            heads: config.heads,
            scale,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        layer: usize,
        input: &Input<'_>,
        cache: &mut Cache,
    ) -> candle_core::Result<Tensor> {
        let (rows, new, hidden) = x.dims3()?;
        let qkv = self.c_attn.forward(x)?;
        let part = |index: usize| {
            let part = qkv.narrow(D::Minus1, index * hidden, hidden)?.contiguous()?;
            part.reshape((rows, new, self.heads, hidden / self.heads))
        };
        let (q, k, v) = (part(0)?, part(1)?, part(2)?);
        let (keys, values) = cache.write(layer, &k.transpose(1, 2)?, &v.transpose(1, 2)?)?;
        let y = attention(&q, keys, values, input.past, self.scale)?;
        self.c_proj.forward(&y)
    }
}

struct Mlp {
    c_fc: Linear,
    c_proj: Linear,
    activation: Activation,
}

impl Mlp {
    fn load(at: &str, config: &Gpt2Config, load: &Loader<'_>) -> Result<Self, BackendError> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        Ok(Self {
            c_fc: load.turned(&format!("{at}.c_fc"), [hidden, inner])?,
            c_proj: load.turned(&format!("{at}.c_proj"), [inner, hidden])?,
            activation: config.activation,
        })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.c_proj.forward(&activate(self.activation, &self.c_fc.forward(x)?)?)
    }
}

struct Norm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl Norm {
    fn load(at: &str, config: &Gpt2Config, load: &Loader<'_>) -> Result<Self, BackendError> {
        Ok(Self {
            weight: load.tensor(&format!("{at}.weight"), &[config.hidden_size])?,
            bias: load.tensor(&format!("{at}.bias"), &[config.hidden_size])?,
            eps: config.norm_eps as f32,
        })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}
