//! Which layers of a model are quantised, and how.

use regex::Regex;

use super::QuantizationFormat;
use crate::model::{ModelConfig, tensors};
use crate::refusal::Refusal;
use crate::settings::Value;

/// Name of the output head, which stays as it is unless `llm_int8_skip_modules` says otherwise.
const HEAD: &str = "lm_head";

/// How the linear layers of a model are quantised.
#[derive(Debug, Clone)]
pub(in crate::backends::pytorch) struct Plan {
    /// What becomes of a layer.
    pub format: QuantizationFormat,
    /// Whether the head is the embedding table.
    tied: bool,
    /// Layers to leave as they are; without, the head alone.
    skip: Option<Vec<Module>>,
}

/// One of `llm_int8_skip_modules`.
#[derive(Debug, Clone)]
pub(in crate::backends::pytorch) struct Module {
    text: String,
    pattern: Regex,
}

impl PartialEq for Module {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Module {
    /// What `text` names; none where it is neither a name nor a regular expression.
    pub(super) fn new(text: &str) -> Option<Self> {
        let pattern = Regex::new(&format!("^(?:{text})$")).ok()?;
        (!text.is_empty()).then(|| Self { text: text.to_owned(), pattern })
    }

    /// As it was given.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it names the layer `name`: by its end, or by its beginning up to a dot, also as a
    /// regular expression (`should_convert_module` in transformers' quantizers/quantizers_utils.py).
    pub(super) fn names(&self, name: &str) -> bool {
        let dots = name.match_indices('.').flat_map(|(at, _)| [at, at + 1]);
        let mut starts = dots.chain([name.len()]).map(|end| &name[..end]);
        name.ends_with(&self.text) || starts.any(|start| self.pattern.is_match(start))
    }
}

impl Plan {
    /// The plan for a model of `config`.
    ///
    /// # Errors
    /// A [`Refusal`] of what would have no effect on this model, or cannot be done with it.
    pub(super) fn new(
        format: QuantizationFormat,
        skip: Option<Vec<Module>>,
        config: &ModelConfig,
    ) -> Result<Self, Refusal> {
        let tied = !tensors(config).iter().any(|spec| spec.name == "lm_head.weight");
        let plan = Self { format, tied, skip };
        let layers = layers(config);
        for module in plan.skip.iter().flatten() {
            let names = layers.iter().any(|(name, _)| module.names(name));
            if !names && !module.names(HEAD) {
                let example = layers.first().map_or(HEAD, |(name, _)| name.as_str());
                let rule = format!(
                    "`{}` names no linear layer of the model; they are called as `{example}`",
                    module.text
                );
                return Err(plan.refused(rule));
            }
        }
        let mut quantised = layers.iter().filter(|(name, _)| plan.quantises(name)).peekable();
        if quantised.peek().is_none() {
            return Err(plan.refused("it leaves no layer to quantise".to_owned()));
        }
        if let QuantizationFormat::FourBit(format) = &plan.format {
            let bytes = format.storage.elt_size_in_bytes();
            if let Some((name, count)) = quantised.find(|(_, count)| count.div_ceil(2) % bytes != 0)
            {
                let rule = format!(
                    "the {count} weights of `{name}` do not fill whole numbers of {bytes} bytes; \
                     take uint8"
                );
                let value = super::settings::kind_name(format.storage);
                return Err(Refusal::new("bnb_4bit_quant_storage", value, rule));
            }
        }
        Ok(plan)
    }

    /// Whether the layer `name` is quantised.
    pub(in crate::backends::pytorch) fn quantises(&self, name: &str) -> bool {
        match &self.skip {
            // A tied head is the embedding table, which is no linear layer.
            _ if name == HEAD && self.tied => false,
            None => name != HEAD,
            Some(skip) => !skip.iter().any(|module| module.names(name)),
        }
    }

    /// Bytes that the tensor `name` of `shape` takes with its scales; none where it stays as it is.
    pub(in crate::backends::pytorch) fn bytes(&self, name: &str, shape: &[usize]) -> Option<usize> {
        let layer = name.strip_suffix(".weight")?;
        if shape.len() != 2 || TABLES.contains(&layer) || !self.quantises(layer) {
            return None;
        }
        let weights: usize = shape.iter().product();
        let blocks = |size| weights.div_ceil(size);
        Some(match &self.format {
            // A scale for each output, which is one side or the other.
            QuantizationFormat::Int8(_) => weights + 4 * shape.iter().max().unwrap_or(&0),
            QuantizationFormat::FourBit(format) if format.double => {
                weights.div_ceil(2) + blocks(64) + 4 * blocks(64 * 256)
            }
            QuantizationFormat::FourBit(_) => weights.div_ceil(2) + 4 * blocks(64),
        })
    }

    /// What is skipped, where that was given.
    pub(super) fn skip(&self) -> Option<&[Module]> {
        self.skip.as_deref()
    }

    fn refused(&self, rule: String) -> Refusal {
        let texts = self.skip.iter().flatten().map(|module| Value::from(module.text()));
        Refusal::new("llm_int8_skip_modules", Value::Array(texts.collect()), rule)
    }
}

/// Weights of two dimensions that are no linear layers.
const TABLES: [&str; 3] = ["model.embed_tokens", "transformer.wte", "transformer.wpe"];

/// The linear layers of a model with their numbers of weights; a tied head is none.
pub(super) fn layers(config: &ModelConfig) -> Vec<(String, usize)> {
    let specs = tensors(config).into_iter().filter(|spec| spec.shape.len() == 2);
    let layers = specs.filter_map(|spec| {
        let name = spec.name.strip_suffix(".weight")?;
        (!TABLES.contains(&name)).then(|| (name.to_owned(), spec.shape.iter().product()))
    });
    layers.collect()
}

#[cfg(test)]
mod tests {
    use super::super::Asked;
    use super::*;

    #[test]
    fn bytes_are_those_of_codes_and_scales() {
        let four = |double| {
            let settings = [("load_in_4bit", true), ("bnb_4bit_use_double_quant", double)];
            QuantizationFormat::FourBit(
                Asked::parse(&settings.into_iter().collect()).unwrap().format,
            )
        };
        let plan = |format| Plan { format, tied: false, skip: None };
        let bytes = |format, name: &str| plan(format).bytes(name, &[128, 256]);
        assert_eq!(bytes(QuantizationFormat::Int8(6.0), "a.weight"), Some(32768 + 4 * 256));
        assert_eq!(bytes(four(false), "a.weight"), Some(16384 + 4 * 512));
        assert_eq!(bytes(four(true), "a.weight"), Some(16384 + 512 + 4 * 2));
        for left in ["lm_head.weight", "model.embed_tokens.weight", "a.bias"] {
            assert_eq!(bytes(four(true), left), None, "{left}");
        }
    }

    #[test]
    fn modules_are_named_as_in_transformers() {
        // Each as `should_convert_module` answers it.
        let cases = [
            ("lm_head", "lm_head", true),
            ("q_proj", "model.layers.0.self_attn.q_proj", true),
            ("proj", "model.layers.0.self_attn.q_proj", true),
            ("self_attn", "model.layers.0.self_attn.q_proj", false),
            ("model.layers.1", "model.layers.1.mlp.up_proj", true),
            ("model.layers.1", "model.layers.11.mlp.up_proj", false),
            ("model.layers.1.", "model.layers.1.mlp.up_proj", true),
            (r"model\.layers\.\d+\.mlp", "model.layers.7.mlp.up_proj", true),
            (r".*mlp.up", "model.layers.7.mlp.up_proj", false),
            (r".*(q_proj|c_attn)", "transformer.h.1.attn.c_attn", true),
            ("model", "model.layers.1.mlp.up_proj", true),
            ("mode", "model.layers.1.mlp.up_proj", false),
            (".*", "lm_head", true),
            ("layers.1", "model.layers.1.mlp.up_proj", false),
        ];
        for (text, name, named) in cases {
            assert_eq!(Module::new(text).unwrap().names(name), named, "{text}, {name}");
        }
        assert!(Module::new("").is_none());
        assert!(Module::new("(").is_none());
    }
}
