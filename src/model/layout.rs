//! The tensors of a checkpoint: their names and shapes, by family.

use super::config::{Gpt2Config, LlamaConfig, ModelConfig};

/// A tensor that a checkpoint must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its name in the safetensors file.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// Every tensor that a checkpoint of `config` must have, in the order of the forward pass. Weights
/// of linear layers are `[out, in]`, but those of GPT-2 (its `Conv1D`) are `[in, out]`.
pub fn tensors(config: &ModelConfig) -> Vec<TensorSpec> {
    let mut list = List(Vec::new());
    match config {
        ModelConfig::Llama(config) | ModelConfig::Qwen2(config) => llama(config, &mut list),
        ModelConfig::Gpt2(config) => gpt2(config, &mut list),
    }
    list.0
}

struct List(Vec<TensorSpec>);

impl List {
    fn push(&mut self, name: impl Into<String>, shape: &[usize]) {
        self.0.push(TensorSpec { name: name.into(), shape: shape.to_vec() });
    }

    fn linear(&mut self, name: &str, shape: [usize; 2], bias: Option<usize>) {
        self.push(format!("{name}.weight"), &shape);
        if let Some(width) = bias {
            self.push(format!("{name}.bias"), &[width]);
        }
    }
}

fn llama(config: &LlamaConfig, list: &mut List) {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let (query, key) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
    let table = [config.vocab_size, hidden];
    list.push("model.embed_tokens.weight", &table);
    for layer in 0..config.layers {
        let at = format!("model.layers.{layer}");
        let bias = |wanted: bool, width: usize| wanted.then_some(width);
        list.push(format!("{at}.input_layernorm.weight"), &[hidden]);
        let attention = format!("{at}.self_attn");
        for (name, width) in [("q_proj", query), ("k_proj", key), ("v_proj", key)] {
            let name = format!("{attention}.{name}");
            list.linear(&name, [width, hidden], bias(config.qkv_bias, width));
        }
        let output = bias(config.output_bias, hidden);
        list.linear(&format!("{attention}.o_proj"), [hidden, query], output);
        list.push(format!("{at}.post_attention_layernorm.weight"), &[hidden]);
        for (name, [out, input]) in [
            ("gate_proj", [inner, hidden]),
            ("up_proj", [inner, hidden]),
            ("down_proj", [hidden, inner]),
        ] {
            list.linear(&format!("{at}.mlp.{name}"), [out, input], bias(config.mlp_bias, out));
        }
    }
    list.push("model.norm.weight", &[hidden]);
    if !config.tied {
        list.push("lm_head.weight", &table);
    }
}

fn gpt2(config: &Gpt2Config, list: &mut List) {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let table = [config.vocab_size, hidden];
    list.push("transformer.wte.weight", &table);
    list.push("transformer.wpe.weight", &[config.max_positions, hidden]);
    for layer in 0..config.layers {
        let at = format!("transformer.h.{layer}");
        list.linear_norm(&format!("{at}.ln_1"), hidden);
        for (name, input, out) in
            [("attn.c_attn", hidden, 3 * hidden), ("attn.c_proj", hidden, hidden)]
        {
            list.linear(&format!("{at}.{name}"), [input, out], Some(out));
        }
        list.linear_norm(&format!("{at}.ln_2"), hidden);
        for (name, input, out) in [("mlp.c_fc", hidden, inner), ("mlp.c_proj", inner, hidden)] {
            list.linear(&format!("{at}.{name}"), [input, out], Some(out));
        }
    }
    list.linear_norm("transformer.ln_f", hidden);
    if !config.tied {
        list.push("lm_head.weight", &table);
    }
}

impl List {
    fn linear_norm(&mut self, name: &str, width: usize) {
        self.push(format!("{name}.weight"), &[width]);
        self.push(format!("{name}.bias"), &[width]);
    }
}
