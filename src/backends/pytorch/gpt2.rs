//! GPT-2: pre-norm blocks with learned positions.
//!
//! Radford et al., "Language Models are Unsupervised Multitask Learners" (2019).

use tch::{TchError, Tensor};

use super::cache::Cache;
use super::input::{Input, embedded};
use super::linear::Linear;
use super::loader::Loader;
use super::quantization::Weight;
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
        Ok(Self {
            positions,
            blocks,
            norm: Norm::load("transformer.ln_f", config, load)?,
            head: Linear::head(config.tied, &embedding, table, load)?,
            heads: config.heads,
            head_dim: hidden / config.heads,
            embedding,
        })
    }

    /// See [`super::network::Network::forward`].
    pub(super) fn forward(&self, input: &Input<'_>, cache: &mut Cache) -> Result<Tensor, TchError> {
        let positions: Vec<i64> = input.positions.iter().map(|one| i64::from(*one)).collect();
        let positions = Tensor::f_from_slice(&positions)?.f_to_device(input.tokens.device())?;
        let mut x = embedded(&self.embedding, input.tokens)?;
        x = x.f_add_(&embedded(&self.positions, &positions)?)?;
        for (layer, block) in self.blocks.iter().enumerate().take(cache.layers()) {
            x = block.forward(x, layer, input, cache)?;
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
        mut x: Tensor,
        layer: usize,
        input: &Input<'_>,
        cache: &mut Cache,
    ) -> Result<Tensor, TchError> {
        let normed = self.ln_1.forward(&x)?;
        x = x.f_add_(&self.attention.forward(&normed, layer, input, cache)?)?;
        let normed = self.ln_2.forward(&x)?;
        x.f_add_(&self.mlp.forward(&normed)?)
    }
}

struct SelfAttention {
    c_attn: Conv1d,
    c_proj: Conv1d,
    heads: usize,
    scale: f64,
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
            scale /= ((hidden / config.heads) as f64).sqrt();
        }
        if config.scale_by_layer {
            scale /= (layer + 1) as f64;
        }
        Ok(Self {
            c_attn: Conv1d::load(&format!("{at}.c_attn"), [hidden, 3 * hidden], load)?,
            c_proj: Conv1d::load(&format!("{at}.c_proj"), [hidden, hidden], load)?,
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
    ) -> Result<Tensor, TchError> {
        let (rows, new, heads) = (input.rows, input.new, self.heads as i64);
        let qkv =
            self.c_attn.forward(x)?.f_reshape([rows, new, 3 * heads, -1])?.f_transpose(1, 2)?;
        let part = |index: i64| qkv.f_narrow(1, index * heads, heads);
        let (keys, values) = cache.write(layer, &part(1)?, &part(2)?)?;
        let y =
            input.attention.attend(&part(0)?, &keys, &values, input.masks.of(layer), self.scale)?;
        self.c_proj.forward(&y)
    }
}

struct Mlp {
    c_fc: Conv1d,
    c_proj: Conv1d,
    activation: Activation,
}

impl Mlp {
    fn load(at: &str, config: &Gpt2Config, load: &Loader<'_>) -> Result<Self, BackendError> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        Ok(Self {
            c_fc: Conv1d::load(&format!("{at}.c_fc"), [hidden, inner], load)?,
            c_proj: Conv1d::load(&format!("{at}.c_proj"), [inner, hidden], load)?,
            activation: config.activation,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let mut inner = self.c_fc.forward(x)?;
        let inner = match self.activation {
            Activation::Silu => inner.f_silu_()?,
            Activation::Gelu => inner.f_gelu_("none")?,
            Activation::GeluTanh => inner.f_gelu_("tanh")?,
            Activation::Relu => inner.f_relu_()?,
        };
        self.c_proj.forward(&inner)
    }
}

/// `x * weight + bias`: a linear layer that is stored the other way round.
struct Conv1d {
    /// `[in, out]`; quantised, the other way round.
    weight: Weight,
    bias: Tensor,
}

impl Conv1d {
    fn load(name: &str, shape: [usize; 2], load: &Loader<'_>) -> Result<Self, BackendError> {
        Ok(Self {
            weight: load.weight(name, &shape, true)?,
            bias: load.tensor(&format!("{name}.bias"), &shape[1..])?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        match &self.weight {
            Weight::Dense(weight) => self.bias.f_addmm(x, weight),
            Weight::Quantised(weight) => weight.linear(x, Some(&self.bias)),
        }
    }
}

struct Norm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl Norm {
    fn load(at: &str, config: &Gpt2Config, load: &Loader<'_>) -> Result<Self, BackendError> {
        Ok(Self {
            weight: load.tensor(&format!("{at}.weight"), &[config.hidden_size])?,
            bias: load.tensor(&format!("{at}.bias"), &[config.hidden_size])?,
            eps: config.norm_eps,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let (weight, bias) = (Some(&self.weight), Some(&self.bias));
        x.f_layer_norm(self.weight.size(), weight, bias, self.eps, true)
    }
}
