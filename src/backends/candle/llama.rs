//! Llama and Qwen 2: pre-norm blocks with rotary positions, grouped-query attention and a gated
//! feed-forward layer. Qwen 2 differs by biases on query, key and value alone.
//!
//! Touvron et al., arXiv 2302.13971; Qwen 2, arXiv 2407.10671.

use candle_core::{DType, Tensor};
use candle_nn::ops::rms_norm;
use candle_nn::rotary_emb::rope_thd;

use super::cache::Cache;
use super::input::{Input, embedded};
use super::linear::Linear;
use super::loader::Loader;
use super::operations::{add, attention, gated_silu};
use crate::backends::BackendError;
use crate::model::LlamaConfig;

/// A Llama or Qwen 2 model.
pub(super) struct Llama {
    /// `[vocabulary, hidden]`.
    pub embedding: Tensor,
    blocks: Vec<Block>,
    norm: Norm,
    /// Output head.
    pub head: Linear,
    rotary: Rotary,
    kv_heads: usize,
    head_dim: usize,
}

impl Llama {
    /// Loads the tensors of the model, by their names in the checkpoint.
    pub(super) fn load(config: &LlamaConfig, load: &Loader<'_>) -> Result<Self, BackendError> {
        let hidden = config.hidden_size;
        let table = [config.vocab_size, hidden];
        let embedding = load.tensor("model.embed_tokens.weight", &table)?;
        let blocks = (0..config.layers)
            .map(|layer| Block::load(&format!("model.layers.{layer}"), config, load))
            .collect::<Result<_, _>>()?;
        let head = if config.tied {
            load.tied(&embedding)?
        } else {
            load.linear("lm_head", table, false)?
        };
        Ok(Self {
            blocks,
            norm: Norm::load("model.norm", config, load)?,
            head,
            rotary: Rotary {
                frequencies: config.rope.inverse_frequencies(config.head_dim),
                factor: config.rope.attention_factor(),
                dtype: load.dtype(),
            },
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
            embedding,
        })
    }

    /// See [`super::network::Network::forward`].
    pub(super) fn forward(
        &self,
        input: &Input<'_>,
        cache: &mut Cache,
    ) -> candle_core::Result<Tensor> {
        let turns = self.rotary.turns(input)?;
        let mut x = embedded(&self.embedding, input.tokens)?;
        for (layer, block) in self.blocks.iter().enumerate().take(cache.layers()) {
            x = block.forward(&x, layer, &turns, input, cache)?;
        }
        self.norm.forward(&x)
    }

    /// Blocks, key heads of a block, width of a head.
    pub(super) fn cache_sizes(&self) -> (usize, usize, usize) {
        (self.blocks.len(), self.kv_heads, self.head_dim)
    }
}

struct Block {
    attention_norm: Norm,
    attention: SelfAttention,
    mlp_norm: Norm,
    mlp: Mlp,
}

impl Block {
    fn load(at: &str, config: &LlamaConfig, load: &Loader<'_>) -> Result<Self, BackendError> {
        Ok(Self {
            attention_norm: Norm::load(&format!("{at}.input_layernorm"), config, load)?,
            attention: SelfAttention::load(&format!("{at}.self_attn"), config, load)?,
            mlp_norm: Norm::load(&format!("{at}.post_attention_layernorm"), config, load)?,
            mlp: Mlp::load(&format!("{at}.mlp"), config, load)?,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        layer: usize,
        turns: &Turns,
        input: &Input<'_>,
        cache: &mut Cache,
    ) -> candle_core::Result<Tensor> {
        let normed = self.attention_norm.forward(x)?;
        let x = add(x, &self.attention.forward(&normed, layer, turns, input, cache)?)?;
        let normed = self.mlp_norm.forward(&x)?;
        add(&x, &self.mlp.forward(&normed)?)
    }
}

struct SelfAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
}

impl SelfAttention {
    fn load(at: &str, config: &LlamaConfig, load: &Loader<'_>) -> Result<Self, BackendError> {
        let hidden = config.hidden_size;
        let (query, key) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let input = |name: &str, width: usize| {
            load.linear(&format!("{at}.{name}"), [width, hidden], config.qkv_bias)
        };
        Ok(Self {
            q_proj: input("q_proj", query)?,
            k_proj: input("k_proj", key)?,
            v_proj: input("v_proj", key)?,
            o_proj: load.linear(&format!("{at}.o_proj"), [hidden, query], config.output_bias)?,
            heads: config.heads,
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        layer: usize,
        turns: &Turns,
        input: &Input<'_>,
        cache: &mut Cache,
    ) -> candle_core::Result<Tensor> {
        let (rows, new, _) = x.dims3()?;
        let heads = |y: Tensor, heads: usize| y.reshape((rows, new, heads, self.head_dim));
        let q = turns.turn(&heads(self.q_proj.forward(x)?, self.heads)?)?;
        let k = turns.turn(&heads(self.k_proj.forward(x)?, self.kv_heads)?)?;
        let v = heads(self.v_proj.forward(x)?, self.kv_heads)?;
        let (keys, values) = cache.write(layer, &k.transpose(1, 2)?, &v.transpose(1, 2)?)?;
        let scale = 1.0 / (self.head_dim as f32).sqrt();
        let y = attention(&q, keys, values, input.past, scale)?;
        self.o_proj.forward(&y)
    }
}

struct Mlp {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
}

impl Mlp {
    fn load(at: &str, config: &LlamaConfig, load: &Loader<'_>) -> Result<Self, BackendError> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let layer =
            |name: &str, shape| load.linear(&format!("{at}.{name}"), shape, config.mlp_bias);
        Ok(Self {
            gate_proj: layer("gate_proj", [inner, hidden])?,
            up_proj: layer("up_proj", [inner, hidden])?,
            down_proj: layer("down_proj", [hidden, inner])?,
        })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let inner = gated_silu(&self.gate_proj.forward(x)?, &self.up_proj.forward(x)?)?;
        self.down_proj.forward(&inner)
    }
}

struct Norm {
    weight: Tensor,
    eps: f32,
}

impl Norm {
    fn load(at: &str, config: &LlamaConfig, load: &Loader<'_>) -> Result<Self, BackendError> {
        let weight = load.tensor(&format!("{at}.weight"), &[config.hidden_size])?;
        Ok(Self { weight, eps: config.norm_eps as f32 })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        rms_norm(x, &self.weight, self.eps)
    }
}

/// Rotary embedding. Angles are computed for the positions at hand: a table over all positions of
/// a long-context model would be larger than its tiny variants.
struct Rotary {
    frequencies: Vec<f32>,
    factor: f32,
    dtype: DType,
}

/// Cosines and sines `[rows * new, head width / 2]` of the new positions.
struct Turns {
    cos: Tensor,
    sin: Tensor,
}

impl Rotary {
    fn turns(&self, input: &Input<'_>) -> candle_core::Result<Turns> {
        let shape = (input.positions.len(), self.frequencies.len());
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        for position in input.positions {
            for frequency in &self.frequencies {
                let (s, c) = (*position as f32 * frequency).sin_cos();
                cos.push(c * self.factor);
                sin.push(s * self.factor);
            }
        }
        let device = input.tokens.device();
        let tensor =
            |values: Vec<f32>| Tensor::from_vec(values, shape, device)?.to_dtype(self.dtype);
        Ok(Turns { cos: tensor(cos)?, sin: tensor(sin)? })
    }
}

impl Turns {
    /// Turns `x` `[rows, new, heads, head width]`: each row and position by its own angles.
    fn turn(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let (rows, new, heads, width) = x.dims4()?;
        let flat = x.reshape((1, rows * new, heads, width))?;
        rope_thd(&flat, &self.cos, &self.sin)?.reshape((rows, new, heads, width))
    }
}
