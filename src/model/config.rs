//! `config.json`: which model it is and its sizes.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ModelError;
use super::rope::{Rope, RopeFile};
use super::sliding::{self, Sliding, SlidingFile};

/// The model families that can be run; the names are those of `model_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// Llama 1 to 3.x and what shares its `config.json`.
    Llama,
    /// Qwen 2 and 2.5.
    Qwen2,
    /// GPT-2.
    Gpt2,
}

impl Architecture {
    /// Every architecture, in the order of listings.
    pub const ALL: [Self; 3] = [Self::Llama, Self::Qwen2, Self::Gpt2];

    /// `model_type` in `config.json`.
    pub fn model_type(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
            Self::Gpt2 => "gpt2",
        }
    }

    /// The class named in `architectures` of `config.json`.
    pub fn class(self) -> &'static str {
        match self {
            Self::Llama => "LlamaForCausalLM",
            Self::Qwen2 => "Qwen2ForCausalLM",
            Self::Gpt2 => "GPT2LMHeadModel",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.model_type())
    }
}

impl FromStr for Architecture {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|one| one.model_type() == name);
        found.ok_or_else(|| {
            format!("`{name}` is no supported architecture; there are llama, qwen2 and gpt2")
        })
    }
}

/// The sizes of a model and how its blocks are wired.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelConfig {
    /// `model_type` llama.
    Llama(LlamaConfig),
    /// `model_type` qwen2: the blocks of Llama with biases on query, key and value.
    Qwen2(LlamaConfig),
    /// `model_type` gpt2.
    Gpt2(Gpt2Config),
}

/// A Llama or Qwen 2 model.
#[derive(Debug, Clone, PartialEq)]
pub struct LlamaConfig {
    /// Entries of the embedding table and of a row of logits.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward layers.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Positions that a row may have.
    pub max_positions: usize,
    /// Added to the mean square in the norms.
    pub norm_eps: f64,
    /// Rotary embedding.
    pub rope: Rope,
    /// The layers that attend to the newest positions alone; none where all attend to all.
    pub sliding: Option<Sliding>,
    /// Whether query, key and value projections have a bias.
    pub qkv_bias: bool,
    /// Whether the output projection of attention has a bias.
    pub output_bias: bool,
    /// Whether the feed-forward layers have biases.
    pub mlp_bias: bool,
    /// Whether the output head is the embedding table.
    pub tied: bool,
}

/// A GPT-2 model.
#[derive(Debug, Clone, PartialEq)]
pub struct Gpt2Config {
    /// Entries of the embedding table and of a row of logits.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward layers.
    pub intermediate_size: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Heads.
    pub heads: usize,
    /// Rows of the position embedding table.
    pub max_positions: usize,
    /// Added to the variance in the norms.
    pub norm_eps: f64,
    /// Activation of the feed-forward layers.
    pub activation: Activation,
    /// Whether scores are divided by the square root of the head width.
    pub scale_attention: bool,
    /// Whether scores are also divided by the number of the layer, from 1.
    pub scale_by_layer: bool,
    /// Whether the output head is the embedding table.
    pub tied: bool,
}

/// Activation function of a feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// GELU by the error function.
    Gelu,
    /// GELU by the hyperbolic tangent.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
}

impl Activation {
    /// The function that `config.json` calls `name`.
    fn parse(key: &str, name: &str) -> Result<Self, String> {
        match name {
            "silu" | "swish" => Ok(Self::Silu),
            "gelu" => Ok(Self::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Ok(Self::GeluTanh),
            "relu" => Ok(Self::Relu),
            other => {
                Err(format!("{key} `{other}` is not supported (silu, gelu, gelu_new, relu are)"))
            }
        }
    }
}

impl ModelConfig {
    /// Reads the text of the `config.json` at `file`.
    ///
    /// # Errors
    /// [`ModelError::File`] with line and column, the entry, and what is supported.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ModelError> {
        let kind: Kind = json(file, text)?;
        let remedy = "wattest runs llama, qwen2 and gpt2 models";
        let Some(model_type) = kind.model_type else {
            let remedy = format!("add \"model_type\"; {remedy}");
            return Err(ModelError::file(file, "has no `model_type`", remedy));
        };
        let architecture: Architecture = model_type.parse().map_err(|_| {
            ModelError::file(file, format!("model_type `{model_type}` is not supported"), remedy)
        })?;
        if let Some(quantised) = kind.quantization_config {
            let method = quantised.get("quant_method").and_then(|method| method.as_str());
            let problem = format!(
                "the weights are already quantised (quantization_config, quant_method `{}`)",
                method.unwrap_or("?")
            );
            let remedy = "use the unquantised model with the load setting `quantization`";
            return Err(ModelError::file(file, problem, remedy));
        }
        let wrong = |problem: String| {
            ModelError::file(file, problem, "correct config.json, or take another model")
        };
        match architecture {
            Architecture::Gpt2 => {
                let raw: Gpt2File = json(file, text)?;
                raw.checked().map(Self::Gpt2).map_err(wrong)
            }
            Architecture::Llama => {
                let raw: LlamaFile = json(file, text)?;
                raw.checked(false).map(Self::Llama).map_err(wrong)
            }
            Architecture::Qwen2 => {
                let raw: LlamaFile = json(file, text)?;
                raw.checked(true).map(Self::Qwen2).map_err(wrong)
            }
        }
    }

    /// The family.
    pub fn architecture(&self) -> Architecture {
        match self {
            Self::Llama(_) => Architecture::Llama,
            Self::Qwen2(_) => Architecture::Qwen2,
            Self::Gpt2(_) => Architecture::Gpt2,
        }
    }

    /// Entries of a row of logits.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Llama(config) | Self::Qwen2(config) => config.vocab_size,
            Self::Gpt2(config) => config.vocab_size,
        }
    }

    /// Positions that a row may have.
    pub fn max_positions(&self) -> usize {
        match self {
            Self::Llama(config) | Self::Qwen2(config) => config.max_positions,
            Self::Gpt2(config) => config.max_positions,
        }
    }

    /// The layers with a sliding window, where the model has one.
    pub fn sliding(&self) -> Option<&Sliding> {
        match self {
            Self::Llama(config) | Self::Qwen2(config) => config.sliding.as_ref(),
            Self::Gpt2(_) => None,
        }
    }
}

/// Reads `text` as JSON; an error names the file, the line and the column.
pub(crate) fn json<'de, T: Deserialize<'de>>(file: &Path, text: &'de str) -> Result<T, ModelError> {
    serde_json::from_str(text).map_err(|error| {
        ModelError::file(file, error.to_string(), "correct the file, or fetch the model again")
    })
}

#[derive(Deserialize)]
struct Kind {
    model_type: Option<String>,
    quantization_config: Option<serde_json::Value>,
}

/// `config.json` of Llama and Qwen 2; a missing entry has the default of the reference
/// implementation.
#[derive(Deserialize)]
struct LlamaFile {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    max_position_embeddings: Option<usize>,
    rms_norm_eps: Option<f64>,
    hidden_act: Option<String>,
    rope_theta: Option<f64>,
    rope_scaling: Option<RopeFile>,
    rope_parameters: Option<RopeFile>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    tie_word_embeddings: Option<bool>,
    use_sliding_window: Option<bool>,
    /// Null as well as absent, which are not the same here.
    #[serde(default, deserialize_with = "sliding::present")]
    sliding_window: Option<Option<usize>>,
    max_window_layers: Option<usize>,
    layer_types: Option<Vec<String>>,
}

impl LlamaFile {
    fn window(&self) -> SlidingFile<'_> {
        SlidingFile {
            used: self.use_sliding_window,
            window: self.sliding_window,
            first: self.max_window_layers,
            types: self.layer_types.as_deref(),
        }
    }

    fn checked(self, qwen2: bool) -> Result<LlamaConfig, String> {
        let heads = self.num_attention_heads;
        let kv_heads = self.num_key_value_heads.unwrap_or(if qwen2 { 32 } else { heads });
        let default_positions = if qwen2 { 32_768 } else { 2_048 };
        let max_positions = self.max_position_embeddings.unwrap_or(default_positions);
        positive(&[
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", heads),
            ("num_key_value_heads", kv_heads),
            ("max_position_embeddings", max_positions),
        ])?;
        if !heads.is_multiple_of(kv_heads) {
            return Err(format!(
                "num_attention_heads ({heads}) is no multiple of num_key_value_heads ({kv_heads})"
            ));
        }
        let head_dim = match self.head_dim {
            Some(width) => width,
            None => divided("hidden_size", self.hidden_size, "num_attention_heads", heads)?,
        };
        positive(&[("head_dim", head_dim)])?;
        if !head_dim.is_multiple_of(2) {
            return Err(format!("head_dim ({head_dim}) is odd; rotary embeddings need pairs"));
        }
        if let Some(name) = &self.hidden_act
            && Activation::parse("hidden_act", name)? != Activation::Silu
        {
            return Err(format!("hidden_act `{name}` is not supported (silu is)"));
        }
        let sliding =
            if qwen2 { self.window().parse(self.num_hidden_layers, max_positions)? } else { None };
        let scaling = self.rope_parameters.as_ref().or(self.rope_scaling.as_ref());
        Ok(LlamaConfig {
            vocab_size: self.vocab_size,
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            layers: self.num_hidden_layers,
            heads,
            kv_heads,
            head_dim,
            max_positions,
            norm_eps: self.rms_norm_eps.unwrap_or(1e-6),
            rope: Rope::parse(self.rope_theta, scaling, max_positions)?,
            sliding,
            qkv_bias: qwen2 || self.attention_bias.unwrap_or(false),
            output_bias: !qwen2 && self.attention_bias.unwrap_or(false),
            mlp_bias: !qwen2 && self.mlp_bias.unwrap_or(false),
            tied: self.tie_word_embeddings.unwrap_or(false),
        })
    }
}

/// `config.json` of GPT-2; a missing entry has the default of the reference implementation.
#[derive(Deserialize)]
struct Gpt2File {
    vocab_size: usize,
    n_embd: usize,
    n_layer: usize,
    n_head: usize,
    n_positions: Option<usize>,
    n_inner: Option<usize>,
    activation_function: Option<String>,
    layer_norm_epsilon: Option<f64>,
    scale_attn_weights: Option<bool>,
    scale_attn_by_inverse_layer_idx: Option<bool>,
    add_cross_attention: Option<bool>,
    tie_word_embeddings: Option<bool>,
}

impl Gpt2File {
    fn checked(self) -> Result<Gpt2Config, String> {
        let max_positions = self.n_positions.unwrap_or(1_024);
        let intermediate_size = self.n_inner.unwrap_or(self.n_embd.saturating_mul(4));
        positive(&[
            ("vocab_size", self.vocab_size),
            ("n_embd", self.n_embd),
            ("n_layer", self.n_layer),
            ("n_head", self.n_head),
            ("n_inner", intermediate_size),
            ("n_positions", max_positions),
        ])?;
        divided("n_embd", self.n_embd, "n_head", self.n_head)?;
        if self.add_cross_attention == Some(true) {
            return Err("add_cross_attention is not supported".to_owned());
        }
        let activation = self.activation_function.as_deref().unwrap_or("gelu_new");
        Ok(Gpt2Config {
            vocab_size: self.vocab_size,
            hidden_size: self.n_embd,
            intermediate_size,
            layers: self.n_layer,
            heads: self.n_head,
            max_positions,
            norm_eps: self.layer_norm_epsilon.unwrap_or(1e-5),
            activation: Activation::parse("activation_function", activation)?,
            scale_attention: self.scale_attn_weights.unwrap_or(true),
            scale_by_layer: self.scale_attn_by_inverse_layer_idx.unwrap_or(false),
            tied: self.tie_word_embeddings.unwrap_or(true),
        })
    }
}

/// Refuses a size of 0, and one that no file could hold.
fn positive(sizes: &[(&str, usize)]) -> Result<(), String> {
    for (name, size) in sizes {
        if *size == 0 || *size > 1 << 28 {
            return Err(format!("{name} is {size}, it must be from 1 to {}", 1 << 28));
        }
    }
    Ok(())
}

/// `whole / part`, refused where it does not come out even.
fn divided(name: &str, whole: usize, by: &str, part: usize) -> Result<usize, String> {
    if whole.is_multiple_of(part) {
        Ok(whole / part)
    } else {
        Err(format!("{name} ({whole}) is no multiple of {by} ({part})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        ModelConfig::parse(Path::new("config.json"), text).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_line_and_entry() {
        insta::assert_snapshot!(refused("{\n  \"model_type\": \"llama\",\n  \"vocab_size\": \"x\"\n}"), @r#"config.json: invalid type: string "x", expected usize at line 3 column 19; correct the file, or fetch the model again"#);
        insta::assert_snapshot!(refused("{\n  \"model_type\": \"llama\",\n}"), @"config.json: trailing comma at line 3 column 1; correct the file, or fetch the model again");
        insta::assert_snapshot!(refused(r#"{"model_type": "mamba"}"#), @"config.json: model_type `mamba` is not supported; wattest runs llama, qwen2 and gpt2 models");
        insta::assert_snapshot!(refused(r#"{"hidden_size": 1}"#), @r#"config.json: has no `model_type`; add "model_type"; wattest runs llama, qwen2 and gpt2 models"#);
        insta::assert_snapshot!(refused(r#"{"model_type": "gpt2", "quantization_config": {"quant_method": "gptq"}}"#), @"config.json: the weights are already quantised (quantization_config, quant_method `gptq`); use the unquantised model with the load setting `quantization`");
        insta::assert_snapshot!(refused(r#"{"model_type": "gpt2", "vocab_size": 8, "n_embd": 10, "n_layer": 1, "n_head": 3}"#), @"config.json: n_embd (10) is no multiple of n_head (3); correct config.json, or take another model");
    }

    #[test]
    fn gpt2_defaults() {
        let text =
            r#"{"model_type": "gpt2", "vocab_size": 8, "n_embd": 8, "n_layer": 1, "n_head": 2}"#;
        let ModelConfig::Gpt2(config) = ModelConfig::parse(Path::new("config.json"), text).unwrap()
        else {
            panic!("not gpt2");
        };
        assert_eq!((config.intermediate_size, config.max_positions), (32, 1024));
        assert!(config.tied && config.scale_attention);
    }
}
