//! How many floating-point operations generated tokens take.
//!
//! Counted from the sizes of the model, not measured: a product of matrices of `m` weights takes
//! `2 m` operations for each position (Kaplan et al., arXiv 2001.08361, section 2.1). Attention takes
//! `4 d` for each pair of a position and one that it attends to, with `d` the width of all heads of a
//! layer: a product with the keys and one with the values. Norms, rotations, activations and the
//! choice of tokens are not counted; they are about a hundredth.

use serde_json::Value;

use crate::model::{ModelConfig, tensors};
use crate::settings::Settings;

/// The name of the way of counting, as results have it.
pub(super) const METHOD: &str = "dense decoder: 2 x weights of matrix products x positions + 4 x head width x \
                          attended pairs; each prompt once, each generated token but the last of a row \
                          once; the output head for generated tokens alone";

/// Tables that are looked up, and the output head: none of them is multiplied at every position.
const APART: [&str; 4] = [
    "model.embed_tokens.weight",
    "transformer.wte.weight",
    "transformer.wpe.weight",
    "lm_head.weight",
];

/// The sizes of a model that operations follow from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ModelFlops {
    /// Weights that each position is multiplied by.
    body: f64,
    /// Weights of the output head.
    head: f64,
    /// Of each layer, the width of its heads and the window that it attends to.
    layers: Vec<(f64, Option<u64>)>,
}

impl ModelFlops {
    /// Those of `config`.
    pub(super) fn of(config: &ModelConfig) -> Self {
        let products = tensors(config);
        let products = products.iter().filter(|one| one.shape.len() == 2);
        let body = products.filter(|one| !APART.contains(&one.name.as_str()));
        let weights = |shape: &[usize]| shape.iter().map(|&side| side as f64).product::<f64>();
        let (hidden, heads, layers) = match config {
            ModelConfig::Llama(one) | ModelConfig::Qwen2(one) => {
                (one.hidden_size, one.heads * one.head_dim, one.layers)
            }
            ModelConfig::Gpt2(one) => (one.hidden_size, one.hidden_size, one.layers),
        };
        let window = |layer: usize| {
            let sliding = config.sliding()?;
            sliding.layers.get(layer).is_some_and(|has| *has).then_some(sliding.window as u64)
        };
        Self {
            body: body.map(|one| weights(&one.shape)).sum(),
            head: weights(&[config.vocab_size(), hidden]),
            layers: (0..layers).map(|layer| (heads as f64, window(layer))).collect(),
        }
    }

    /// The operations for a prompt of `prompt` tokens that was continued by rows of these lengths.
    pub(super) fn of_rows(&self, prompt: u64, rows: &[u64]) -> f64 {
        // The last token of a row is not run: nothing comes after it.
        let further: Vec<u64> = rows.iter().map(|row| row.saturating_sub(1)).collect();
        let decoded: u64 = further.iter().sum();
        let products = 2.0 * self.body * (prompt + decoded) as f64;
        let head = 2.0 * self.head * (1 + decoded) as f64;
        let attention = self.layers.iter().map(|(width, window)| {
            let rows = further.iter().map(|&row| pairs(prompt, prompt + row, *window));
            4.0 * width * (pairs(0, prompt, *window) + rows.sum::<f64>())
        });
        products + head + attention.sum::<f64>()
    }
}

/// Pairs of a position from `from` (from 0) to before `to` and one that it attends to: all before it
/// and itself, or those within the window.
fn pairs(from: u64, to: u64, window: Option<u64>) -> f64 {
    let up_to = |end: u64| {
        let full = end.min(window.unwrap_or(end));
        full as f64 * (full as f64 + 1.0) / 2.0 + (end - full) as f64 * full as f64
    };
    up_to(to) - up_to(from)
}

/// Why the operations of a generation with these effective settings are not those that are counted
/// here; none where they are.
pub(super) fn uncounted(effective: &Settings) -> Option<String> {
    let set = |name: &str| effective.get(name).filter(|value| !value.is_null());
    let above = |name: &str, most: f64| {
        set(name).is_some_and(|value| value.as_f64().is_some_and(|value| value > most))
    };
    let what = if above("num_beams", 1.0) {
        "num_beams: beams that were dropped are not counted"
    } else if above("penalty_alpha", 0.0) {
        "penalty_alpha: candidates of contrastive search are not counted"
    } else if above("guidance_scale", 1.0) {
        "guidance_scale: the run without the prompt is not counted"
    } else if set("use_cache") == Some(&Value::Bool(false)) {
        "use_cache: positions that are computed again are not counted"
    } else if ["assistant_model", "assistant_early_exit", "prompt_lookup_num_tokens"]
        .into_iter()
        .any(|name| set(name).is_some())
    {
        "drafts: those that were thrown away are not counted"
    } else {
        return None;
    };
    Some(what.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn llama(more: &str) -> ModelFlops {
        let text = format!(
            r#"{{"model_type": "qwen2", "vocab_size": 100, "hidden_size": 8, "intermediate_size": 16,
               "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1{more}}}"#
        );
        ModelFlops::of(&ModelConfig::parse(Path::new("config.json"), &text).unwrap())
    }

    #[test]
    fn a_small_model_by_hand() {
        let model = llama("");
        // Of a layer: query and output 8 x 8, key and value 8 x 4, three of 8 x 16.
        assert_eq!(model.body, 2.0 * (2.0 * 64.0 + 2.0 * 32.0 + 3.0 * 128.0));
        assert_eq!(model.head, 800.0);
        // Three tokens of prompt and rows of two and one: positions 3 + 1, logits 1 + 1,
        // pairs 1 + 2 + 3 and 4 of each of two layers of width 8.
        let by_hand = 2.0 * model.body * 4.0 + 2.0 * 800.0 * 2.0 + 2.0 * 4.0 * 8.0 * 10.0;
        assert_eq!(model.of_rows(3, &[2, 1]), by_hand);
    }

    #[test]
    fn gpt2_has_its_products_in_the_other_order_and_as_many() {
        let text =
            r#"{"model_type": "gpt2", "vocab_size": 10, "n_embd": 4, "n_layer": 1, "n_head": 2}"#;
        let model = ModelFlops::of(&ModelConfig::parse(Path::new("config.json"), text).unwrap());
        assert_eq!((model.body, model.head), (12.0 * 16.0, 40.0));
    }

    #[test]
    fn what_is_not_counted_is_told() {
        let told = |value: Value| uncounted(&serde_json::from_value(value).unwrap());
        assert_eq!(told(json!({"num_beams": 1, "use_cache": true, "guidance_scale": null})), None);
        for value in [
            json!({"num_beams": 2}),
            json!({"penalty_alpha": 0.6}),
            json!({"guidance_scale": 1.5}),
            json!({"use_cache": false}),
            json!({"prompt_lookup_num_tokens": 3}),
        ] {
            let name = value.as_object().unwrap().keys().next().unwrap().clone();
            let told = told(value).unwrap();
            assert!(told.starts_with(&name) || told.starts_with("drafts"), "{told}");
        }
    }

    proptest! {
        /// The pairs in closed form are those that are counted one by one.
        #[test]
        fn pairs_are_those_one_by_one(from in 0_u64..40, more in 0_u64..40, window in 1_u64..50) {
            let counted = |window: u64| (from..from + more).map(|at| (at + 1).min(window)).sum::<u64>();
            prop_assert_eq!(pairs(from, from + more, Some(window)), counted(window) as f64);
            prop_assert_eq!(pairs(from, from + more, None), counted(u64::MAX) as f64);
        }

        /// A window saves work, and a longer row is more of it.
        #[test]
        fn more_is_more(prompt in 1_u64..60, row in 1_u64..60) {
            let all = llama("");
            let windowed = llama(
                r#", "use_sliding_window": true, "sliding_window": 8, "max_window_layers": 0"#,
            );
            prop_assert!(windowed.of_rows(prompt, &[row]) <= all.of_rows(prompt, &[row]));
            prop_assert!(all.of_rows(prompt, &[row]) < all.of_rows(prompt, &[row + 1]));
        }
    }
}
