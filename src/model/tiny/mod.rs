//! Random models: small enough to run anywhere, real enough that every setting has an effect.
//!
//! They have the layout of a real model directory, so any library that loads one loads these.

mod random;
mod vocabulary;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::config::{Architecture, ModelConfig};
use super::{ModelDir, ModelError};

/// How big a random model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Size {
    /// 2 layers of width 256 and a vocabulary of 512: a few megabytes, for tests.
    Tiny,
    /// The sizes of the smallest GPT-2 (12 layers of width 768, vocabulary 50257; 124 million
    /// parameters), for measurements. Llama and Qwen 2 get the same sizes in their own wiring.
    Small,
}

/// What a random model is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Options {
    /// How big it is.
    pub size: Size,
    /// Seed of the weights.
    pub seed: u64,
    /// The window of every layer but the first; none where all see everything. Qwen 2 alone has
    /// one.
    pub sliding_window: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self { size: Size::Tiny, seed: 0, sliding_window: None }
    }
}

/// Raised when the same seed gives other files, so that [`ensure`] does not take up old ones.
const REVISION: u32 = 1;

/// Writes a tiny random model to `dir`, which is made where it is missing.
///
/// The same architecture and seed give the same bytes on every machine.
///
/// # Errors
/// [`ModelError::File`] where a file cannot be written.
pub fn write(arch: Architecture, seed: u64, dir: &Path) -> Result<(), ModelError> {
    write_sized(arch, Size::Tiny, seed, dir)
}

/// Writes a random model of `size` to `dir`, as [`write`] does.
///
/// # Errors
/// [`ModelError::File`] where a file cannot be written.
pub fn write_sized(
    arch: Architecture,
    size: Size,
    seed: u64,
    dir: &Path,
) -> Result<(), ModelError> {
    write_with(arch, Options { size, seed, sliding_window: None }, dir)
}

/// Writes a random model as `options` say, as [`write`] does.
///
/// # Errors
/// [`ModelError::File`] where a file cannot be written, and of a sliding window that models of
/// `arch` do not have.
pub fn write_with(arch: Architecture, options: Options, dir: &Path) -> Result<(), ModelError> {
    let Options { size, seed, sliding_window } = options;
    if sliding_window.is_some() && arch != Architecture::Qwen2 {
        let problem = format!("{arch} models have no sliding window");
        return Err(ModelError::file(dir, problem, "take qwen2, or leave the window out"));
    }
    fs::create_dir_all(dir).map_err(|error| ModelError::write(dir, &error))?;
    let vocabulary = vocabulary::vocabulary(arch);
    let config = config(arch, size, sliding_window);
    let text = config.to_string();
    let parsed = ModelConfig::parse(&dir.join("config.json"), &text)?;

    put(dir, "config.json", pretty(&config))?;
    put(dir, "generation_config.json", pretty(&generation_config(arch)))?;
    put(dir, "tokenizer.json", pretty(&vocabulary.tokenizer()))?;
    put(dir, "tokenizer_config.json", pretty(&vocabulary.tokenizer_config(&parsed)))?;
    // Last: a directory with weights is a complete one.
    put(dir, "model.safetensors", random::weights(&parsed, seed, &dir.join("model.safetensors"))?)
}

/// The tiny model of `arch` and `seed` under `cache`: written there, or the one that already is.
///
/// Several processes may ask at once: each writes aside, and the first to finish wins.
///
/// # Errors
/// [`ModelError::File`] where a file cannot be written.
pub fn ensure(cache: &Path, arch: Architecture, seed: u64) -> Result<PathBuf, ModelError> {
    ensure_sized(cache, arch, Size::Tiny, seed)
}

/// As [`ensure`], with a size.
///
/// # Errors
/// [`ModelError::File`] where a file cannot be written.
pub fn ensure_sized(
    cache: &Path,
    arch: Architecture,
    size: Size,
    seed: u64,
) -> Result<PathBuf, ModelError> {
    let preset = match size {
        Size::Tiny => "tiny",
        Size::Small => "small",
    };
    let dir = cache.join(format!("{preset}-{arch}-{seed}-r{REVISION}"));
    let complete = || ModelDir::open(&dir).and_then(|found| found.weights(true)).is_ok();
    if complete() {
        return Ok(dir);
    }
    fs::create_dir_all(cache).map_err(|error| ModelError::write(cache, &error))?;
    let aside = tempfile::Builder::new()
        .prefix(".new-")
        .tempdir_in(cache)
        .map_err(|error| ModelError::write(cache, &error))?;
    let fresh = aside.path().join("model");
    write_sized(arch, size, seed, &fresh)?;
    if fs::rename(&fresh, &dir).is_ok() || complete() {
        return Ok(dir);
    }
    // What stands in the way is incomplete: move it aside whole, so that no reader ever sees the
    // mixture, and try again. It is deleted with the rest.
    let _ = fs::rename(&dir, aside.path().join("old"));
    match fs::rename(&fresh, &dir) {
        Ok(()) => Ok(dir),
        Err(_) if complete() => Ok(dir),
        Err(error) => Err(ModelError::write(dir, &error)),
    }
}

fn put(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> Result<(), ModelError> {
    let file = dir.join(name);
    fs::write(&file, bytes).map_err(|error| ModelError::write(file, &error))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// `config.json`. Rotary scaling stands in its older spelling, which old and new readers know.
fn config(arch: Architecture, size: Size, sliding_window: Option<usize>) -> Value {
    let tiny = size == Size::Tiny;
    let pick = |small: usize, large: usize| if tiny { small } else { large };
    let hidden = pick(256, 768);
    let heads = hidden / 64;
    let (layers, positions) = (pick(2, 12), pick(512, 1024));
    let vocab = pick(vocabulary::SIZE, 50_257);
    let mut entries = Map::new();
    let mut add = |name: &str, value: Value| entries.insert(name.to_owned(), value);
    add("architectures", json!([arch.class()]));
    add("model_type", json!(arch.model_type()));
    add("dtype", json!("float32"));
    add("vocab_size", json!(vocab));
    add("bos_token_id", json!(vocabulary::BOS));
    add("eos_token_id", json!(vocabulary::EOS));
    add("pad_token_id", json!(vocabulary::PAD));
    add("use_cache", json!(true));
    if arch == Architecture::Gpt2 {
        add("n_embd", json!(hidden));
        add("n_layer", json!(layers));
        add("n_head", json!(heads));
        add("n_positions", json!(positions));
        add("n_inner", json!(pick(512, 3072)));
        add("activation_function", json!("gelu_new"));
        add("layer_norm_epsilon", json!(1e-5));
        add("tie_word_embeddings", json!(true));
        for dropout in ["attn_pdrop", "embd_pdrop", "resid_pdrop"] {
            add(dropout, json!(0.0));
        }
        return Value::Object(entries);
    }
    let llama = arch == Architecture::Llama;
    add("hidden_size", json!(hidden));
    add("intermediate_size", json!(pick(512, 2048)));
    add("num_hidden_layers", json!(layers));
    add("num_attention_heads", json!(heads));
    add("num_key_value_heads", json!(heads / 2));
    add("max_position_embeddings", json!(positions));
    add("rms_norm_eps", json!(1e-5));
    add("hidden_act", json!("silu"));
    add("attention_dropout", json!(0.0));
    add("tie_word_embeddings", json!(!llama));
    add("rope_theta", json!(10_000.0));
    if llama {
        add(
            "rope_scaling",
            json!({
                "rope_type": "llama3",
                "factor": 4.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": positions / 4,
            }),
        );
    } else {
        add("use_sliding_window", json!(sliding_window.is_some()));
        if let Some(window) = sliding_window {
            add("sliding_window", json!(window));
            add("max_window_layers", json!(1));
        }
    }
    Value::Object(entries)
}

fn generation_config(_arch: Architecture) -> Value {
    json!({
        "bos_token_id": vocabulary::BOS,
        "eos_token_id": vocabulary::EOS,
        "pad_token_id": vocabulary::PAD,
    })
}

#[cfg(test)]
mod tests;
