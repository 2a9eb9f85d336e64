//! The weights of a random model.

use std::collections::HashMap;
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::vocabulary::SPECIAL;
use crate::model::ModelError;
use crate::model::config::ModelConfig;
use crate::model::layout::{TensorSpec, tensors};

/// Standard deviation of the logits. For 512 tokens this leaves some ten likely ones: every
/// cut-off (top-k, top-p, min-p, typical ...) removes something and leaves something.
const LOGIT_STD: f32 = 3.0;

/// The bytes of `model.safetensors` (to lie at `file`, for error messages).
pub(super) fn weights(config: &ModelConfig, seed: u64, file: &Path) -> Result<Vec<u8>, ModelError> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let filled: Vec<(TensorSpec, Vec<u8>)> = tensors(config)
        .into_iter()
        .map(|spec| {
            let values = values(&spec, config, &mut random);
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (spec, bytes)
        })
        .collect();
    let impossible = |error: safetensors::SafeTensorError| {
        ModelError::file(file, error.to_string(), "this is a fault of wattest, please report it")
    };
    let views = filled.iter().map(|(spec, bytes)| {
        Ok((spec.name.as_str(), TensorView::new(Dtype::F32, spec.shape.clone(), bytes)?))
    });
    let views: Vec<(&str, TensorView<'_>)> = views.collect::<Result<_, _>>().map_err(impossible)?;
    // `format` tells transformers which library the tensors come from; it refuses files without.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(impossible)
}

/// Random values for one tensor, by what its name says it is.
fn values(spec: &TensorSpec, config: &ModelConfig, random: &mut ChaCha8Rng) -> Vec<f32> {
    let count = spec.shape.iter().product();
    let name = spec.name.as_str();
    let last = |suffix: &str| name.ends_with(suffix);
    let tied = match config {
        ModelConfig::Llama(config) | ModelConfig::Qwen2(config) => config.tied,
        ModelConfig::Gpt2(config) => config.tied,
    };
    let final_norm = last("model.norm.weight") || last("ln_f.weight");
    if final_norm {
        // Alternating signs: where the head is the embedding table, the token just read would
        // otherwise be the best match for itself, and the output one token for ever.
        return [1.0, -1.0].into_iter().cycle().take(count).collect();
    }
    if last("norm.weight") || last("ln_1.weight") || last("ln_2.weight") {
        return vec![1.0; count];
    }
    let width = match spec.shape.as_slice() {
        [width] => *width,
        // Conv1D weights are `[in, out]`, all others `[out, in]`.
        [rows, _] if name.contains(".c_") => *rows,
        [_, columns, ..] => *columns,
        [] => 1,
    };
    let per_input = 1.0 / (width as f32).sqrt();
    let head =
        last("lm_head.weight") || (tied && (last("embed_tokens.weight") || last("wte.weight")));
    let std = if head {
        LOGIT_STD * per_input
    } else if last("embed_tokens.weight") || last("wte.weight") {
        0.2
    } else if last("wpe.weight") {
        0.1
    } else if last("o_proj.weight") || last("down_proj.weight") {
        0.4 * per_input
    } else if last(".bias") {
        0.05
    } else if last("q_proj.weight") || last("k_proj.weight") {
        1.5 * per_input
    } else {
        per_input
    };
    let mut values = uniform(count, std, random);
    if head {
        // Special tokens that can be drawn, but never are the best ones.
        values[..SPECIAL * width].iter_mut().for_each(|value| *value *= 0.3);
        // Some tokens are more common than others: an output repeats itself now and then, which
        // penalties for repetition need.
        for row in values.chunks_exact_mut(width) {
            let mut bytes = [0; 4];
            random.fill_bytes(&mut bytes);
            let factor = 1.0 + 0.45 * unit(&bytes);
            row.iter_mut().for_each(|value| *value *= factor);
        }
    }
    values
}

/// Uniform values around 0 with standard deviation `std`.
fn uniform(count: usize, std: f32, random: &mut ChaCha8Rng) -> Vec<f32> {
    let reach = std * 3.0_f32.sqrt();
    let mut bytes = vec![0; count * 4];
    random.fill_bytes(&mut bytes);
    bytes.as_chunks::<4>().0.iter().map(|four| reach * unit(four)).collect()
}

/// A number from -1 to below 1. 24 bits fit a float exactly: every machine computes the same.
fn unit(four: &[u8; 4]) -> f32 {
    (u32::from_le_bytes(*four) >> 8) as f32 / (1 << 23) as f32 - 1.0
}
