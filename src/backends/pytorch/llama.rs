//! Llama and Qwen 2: pre-norm blocks with rotary positions, grouped-query attention and a gated
//! feed-forward layer. Qwen 2 differs by biases on query, key and value alone.
//!
//! Touvron et al., arXiv 2302.13971; Qwen 2, arXiv 2407.10671. Where a type is narrower than
//! float32, the norms and the angles are computed in float32 and rounded where transformers
//! rounds them.

use tch::{Kind, TchError, Tensor};

use super::cache::Cache;
use super::input::{Input, embedded};
use super::linear::Linear;
use super::loader::Loader;
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
        let table = [config.vocab_size, config.hidden_size];
        let embedding = load.tensor("model.embed_tokens.weight", &table)?;
        let blocks = (0..config.layers)
            .map(|layer| Block::load(&format!("model.layers.{layer}"), config, load))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            blocks,
            norm: Norm::load("model.norm", config, load)?,
            head: Linear::head(config.tied, &embedding, table, load)?,
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
    pub(super) fn forward(&self, input: &Input<'_>, cache: &mut Cache) -> Result<Tensor, TchError> {
        let turns = self.rotary.turns(input)?;
        let mut x = embedded(&self.embedding, input.tokens)?;
        for (layer, block) in self.blocks.iter().enumerate().take(cache.layers()) {
            x = block.forward(x, layer, &turns, input, cache)?;
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
        mut x: Tensor,
        layer: usize,
        turns: &Turns,
        input: &Input<'_>,
        cache: &mut Cache,
    ) -> Result<Tensor, TchError> {
        let normed = self.attention_norm.forward(&x)?;
        x = x.f_add_(&self.attention.forward(&normed, layer, turns, input, cache)?)?;
        let normed = self.mlp_norm.forward(&x)?;
        x.f_add_(&self.mlp.forward(&normed)?)
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
        let layer =
            |name: &str, shape, bias| Linear::load(&format!("{at}.{name}"), shape, bias, load);
        Ok(Self {
            q_proj: layer("q_proj", [query, hidden], config.qkv_bias)?,
            k_proj: layer("k_proj", [key, hidden], config.qkv_bias)?,
            v_proj: layer("v_proj", [key, hidden], config.qkv_bias)?,
            o_proj: layer("o_proj", [hidden, query], config.output_bias)?,
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
    ) -> Result<Tensor, TchError> {
        let heads = |y: &Tensor, heads: usize| {
            y.f_reshape([input.rows, input.new, heads as i64, self.head_dim as i64])
        };
        let q = turns.turn(&heads(&self.q_proj.forward(x)?, self.heads)?)?.f_transpose(1, 2)?;
        let k = turns.turn(&heads(&self.k_proj.forward(x)?, self.kv_heads)?)?.f_transpose(1, 2)?;
        let v = heads(&self.v_proj.forward(x)?, self.kv_heads)?.f_transpose(1, 2)?;
        let (keys, values) = cache.write(layer, &k, &v)?;
        let scale = 1.0 / (self.head_dim as f64).sqrt();
        let y = input.attention.attend(&q, &keys, &values, input.masks.of(layer), scale)?;
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
            |name: &str, shape| Linear::load(&format!("{at}.{name}"), shape, config.mlp_bias, load);
        Ok(Self {
            gate_proj: layer("gate_proj", [inner, hidden])?,
            up_proj: layer("up_proj", [inner, hidden])?,
            down_proj: layer("down_proj", [hidden, inner])?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let mut gate = self.gate_proj.forward(x)?.f_silu_()?;
        self.down_proj.forward(&gate.f_mul_(&self.up_proj.forward(x)?)?)
    }
}

struct Norm {
    weight: Tensor,
    eps: f64,
}

impl Norm {
    fn load(at: &str, config: &LlamaConfig, load: &Loader<'_>) -> Result<Self, BackendError> {
        let weight = load.tensor(&format!("{at}.weight"), &[config.hidden_size])?;
        Ok(Self { weight, eps: config.norm_eps })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let kind = x.f_kind()?;
        if kind == Kind::Float {
            return x.f_rms_norm(self.weight.size(), Some(&self.weight), self.eps);
        }
        // Of narrower types, libtorch's own rounds once, behind the product with the weight;
        // transformers rounds before it as well.
        let mut wide = x.f_to_kind(Kind::Float)?;
        let mut variance = wide.f_mul(&wide)?.f_mean_dim(-1, true, Kind::Float)?;
        let scale = variance.f_add_scalar_(self.eps)?.f_rsqrt_()?;
        wide.f_mul_(&scale)?.f_to_kind(kind)?.f_mul_(&self.weight)
    }
}

/// Rotary embedding. Angles are computed for the positions at hand: a table over all positions of
/// a long-context model would be larger than its tiny variants.
struct Rotary {
    frequencies: Vec<f32>,
    factor: f32,
    dtype: Kind,
}

/// Cosines and sines `[rows, new, 1, head width]` of the new positions.
struct Turns {
    cos: Tensor,
    /// Those of the first half of a head are negative.
    sin: Tensor,
}

impl Rotary {
    fn turns(&self, input: &Input<'_>) -> Result<Turns, TchError> {
        let half = self.frequencies.len();
        let count = input.positions.len() * 2 * half;
        let (mut cos, mut sin) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for position in input.positions {
            let first = cos.len();
            for frequency in &self.frequencies {
                let (s, c) = (*position as f32 * frequency).sin_cos();
                cos.push(c * self.factor);
                sin.push(-s * self.factor);
            }
            // Both halves of a head turn by the same angles.
            cos.extend_from_within(first..);
            sin.extend((first..first + half).map(|at| -sin[at]).collect::<Vec<f32>>());
        }
        let size = [input.rows, input.new, 1, 2 * half as i64];
        let device = input.tokens.device();
        let tensor = |values: &[f32]| {
            let tensor = Tensor::f_from_slice(values)?.f_reshape(size)?;
            tensor.f_to_kind(self.dtype)?.f_to_device(device)
        };
        Ok(Turns { cos: tensor(&cos)?, sin: tensor(&sin)? })
    }
}

impl Turns {
    /// Turns `x` `[rows, new, heads, head width]`: each row and position by its own angles.
    fn turn(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let half = x.size()[3] / 2;
        let across = x.f_roll([half], [3])?.f_mul_(&self.sin)?;
        x.f_mul(&self.cos)?.f_add_(&across)
    }
}
