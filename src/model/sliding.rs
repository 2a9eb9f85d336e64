//! Sliding-window attention: which layers of a model see its newest positions alone.

use serde::{Deserialize, Deserializer};

/// Sliding-window attention (arXiv 2004.05150): a layer that has it attends to the newest `window`
/// positions, its own included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sliding {
    /// Positions of the window, fewer than the model has.
    pub window: usize,
    /// Of each layer, whether it has the window.
    pub layers: Vec<bool>,
}

/// What `config.json` of a Qwen 2 model says of it.
pub(super) struct SlidingFile<'a> {
    /// `use_sliding_window`.
    pub used: Option<bool>,
    /// `sliding_window`, which may be null.
    pub window: Option<Option<usize>>,
    /// `max_window_layers`.
    pub first: Option<usize>,
    /// `layer_types`.
    pub types: Option<&'a [String]>,
}

impl SlidingFile<'_> {
    /// As Qwen2Config of transformers 5.23.0 reads it: off unless `use_sliding_window`;
    /// `layer_types` says which layers have it, and without it those from `max_window_layers` (28)
    /// on. A window that no row of `max_positions` outgrows is none.
    pub(super) fn parse(
        &self,
        layers: usize,
        max_positions: usize,
    ) -> Result<Option<Sliding>, String> {
        let window = match self.used {
            Some(true) => self.window.unwrap_or(Some(4096)),
            _ => None,
        };
        if window == Some(0) {
            return Err("sliding_window is 0, it must be at least 1 or null".to_owned());
        }
        let layers: Vec<bool> = match self.types {
            Some(types) if types.len() != layers => {
                let named = types.len();
                return Err(format!(
                    "layer_types names {named} layers, num_hidden_layers is {layers}"
                ));
            }
            Some(types) => types.iter().map(|one| windowed(one)).collect::<Result<_, _>>()?,
            None => {
                let first = self.first.unwrap_or(28);
                (0..layers).map(|layer| window.is_some() && layer >= first).collect()
            }
        };
        let any = layers.contains(&true);
        match window {
            None if any => Err("layer_types has sliding_attention, and there is no window; set \
                                use_sliding_window and sliding_window"
                .to_owned()),
            Some(window) if any && window < max_positions => Ok(Some(Sliding { window, layers })),
            _ => Ok(None),
        }
    }
}

fn windowed(layer_type: &str) -> Result<bool, String> {
    match layer_type {
        "full_attention" => Ok(false),
        "sliding_attention" => Ok(true),
        other => Err(format!(
            "layer type `{other}` is not supported (full_attention and sliding_attention are)"
        )),
    }
}

/// An entry that is there, null or not: null turns the window off, an absent one has a default.
pub(super) fn present<'de, D: Deserializer<'de>>(
    entry: D,
) -> Result<Option<Option<usize>>, D::Error> {
    Deserialize::deserialize(entry).map(Some)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::model::ModelConfig;

    /// What becomes of `entries` in a model of 3 layers and 64 positions.
    fn read(model_type: &str, entries: &str) -> String {
        let text = format!(
            r#"{{"model_type": "{model_type}", "vocab_size": 8, "hidden_size": 8,
            "intermediate_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2,
            "num_key_value_heads": 2, "max_position_embeddings": 64{entries}}}"#
        );
        match ModelConfig::parse(Path::new("config.json"), &text) {
            Ok(config) => match config.sliding() {
                Some(sliding) => format!("{} {:?}", sliding.window, sliding.layers),
                None => "none".to_owned(),
            },
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_layers_with_a_window() {
        let qwen2 = |entries: &str| read("qwen2", entries);
        let on = r#", "use_sliding_window": true, "sliding_window": 9"#;
        insta::assert_snapshot!(qwen2(r#", "sliding_window": 9, "max_window_layers": 0"#), @"none");
        insta::assert_snapshot!(qwen2(on), @"none");
        insta::assert_snapshot!(qwen2(&format!(r#"{on}, "max_window_layers": 1"#)), @"9 [false, true, true]");
        insta::assert_snapshot!(
            qwen2(&format!(r#"{on}, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]"#)),
            @"9 [true, false, true]"
        );
        // A window as long as the rows, no window, and the default one of 4096.
        insta::assert_snapshot!(qwen2(r#", "use_sliding_window": true, "max_window_layers": 0, "sliding_window": 64"#), @"none");
        insta::assert_snapshot!(qwen2(r#", "use_sliding_window": true, "max_window_layers": 0, "sliding_window": null"#), @"none");
        insta::assert_snapshot!(qwen2(r#", "use_sliding_window": true, "max_window_layers": 0"#), @"none");
        insta::assert_snapshot!(read("llama", &format!(r#"{on}, "max_window_layers": 1"#)), @"none");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let qwen2 = |entries: &str| read("qwen2", entries);
        insta::assert_snapshot!(qwen2(r#", "use_sliding_window": true, "sliding_window": 0"#), @"config.json: sliding_window is 0, it must be at least 1 or null; correct config.json, or take another model");
        insta::assert_snapshot!(qwen2(r#", "layer_types": ["full_attention"]"#), @"config.json: layer_types names 1 layers, num_hidden_layers is 3; correct config.json, or take another model");
        insta::assert_snapshot!(
            qwen2(r#", "layer_types": ["full_attention", "full_attention", "chunked_attention"]"#),
            @"config.json: layer type `chunked_attention` is not supported (full_attention and sliding_attention are); correct config.json, or take another model"
        );
        insta::assert_snapshot!(
            qwen2(r#", "layer_types": ["full_attention", "full_attention", "sliding_attention"]"#),
            @"config.json: layer_types has sliding_attention, and there is no window; set use_sliding_window and sliding_window; correct config.json, or take another model"
        );
    }
}
