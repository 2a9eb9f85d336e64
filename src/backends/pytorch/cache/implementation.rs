//! `cache_implementation` and `cache_config`: which cache an engine has.

use super::config::QuantizedConfig;
use crate::backends::load::{CacheKind, Place, choice};
use crate::model::ModelConfig;
use crate::refusal::Refusal;
use crate::settings::{Settings, Value};

const NAME: &str = "cache_implementation";

/// What `cache_implementation` may be.
const NAMES: [&str; 6] =
    ["dynamic", "static", "quantized", "offloaded", "offloaded_static", "sliding_window"];

/// How keys and values are kept, as `cache_implementation` of transformers 5.23.0 names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::backends::pytorch) enum CacheImplementation {
    /// In full precision, growing with the rows.
    Dynamic,
    /// In full precision, with room for `max_model_len` positions from the start.
    Static,
    /// The older positions as small integers.
    Quantized(QuantizedConfig),
    /// As dynamic, in main memory: on the device only while their layer computes.
    Offloaded,
    /// As static, in main memory: on the device only while their layer computes.
    OffloadedStatic,
    /// As dynamic, but layers with a sliding window keep that window alone.
    SlidingWindow,
}

impl CacheImplementation {
    /// What `cache_implementation` and `cache_config` say, each checked alone.
    ///
    /// # Errors
    /// A [`Refusal`] of any other value.
    pub(in crate::backends::pytorch) fn parse(settings: &Settings) -> Result<Self, Refusal> {
        if let Some(value) = settings.get(NAME)
            && let Some(rule) = value.as_str().and_then(elsewhere)
        {
            return Err(Refusal::new(NAME, value.clone(), rule));
        }
        let config = QuantizedConfig::parse(settings)?;
        Ok(match choice(settings, NAME, &NAMES)? {
            Some("static") => Self::Static,
            Some("quantized") => Self::Quantized(config),
            Some("offloaded") => Self::Offloaded,
            Some("offloaded_static") => Self::OffloadedStatic,
            Some("sliding_window") => Self::SlidingWindow,
            _ => Self::Dynamic,
        })
    }

    /// Refuses what would have no effect beside the other load `settings`, on `device`.
    ///
    /// # Errors
    /// A [`Refusal`] with the parameter that is missing.
    pub(in crate::backends::pytorch) fn check_company(
        &self,
        settings: &Settings,
        device: Place,
    ) -> Result<(), Refusal> {
        if let Some(value) = settings.get("cache_config")
            && !value.is_null()
            && !matches!(self, Self::Quantized(_))
        {
            let rule = "does nothing without cache_implementation = \"quantized\"; set it or leave \
                        this parameter out";
            return Err(Refusal::new("cache_config", value.clone(), rule));
        }
        if self.is_offloaded() && device == Place::Cpu {
            let rule = "the cache is in main memory already on device cpu; take dynamic or \
                        static, or a cuda device";
            return Err(Refusal::new(NAME, self.name(), rule));
        }
        Ok(())
    }

    /// Refuses what the model of `config`, with `limit` positions, has no use for.
    ///
    /// # Errors
    /// A [`Refusal`] with what the model is.
    pub(in crate::backends::pytorch) fn check_model(
        &self,
        config: &ModelConfig,
        limit: usize,
        heads: (usize, usize),
    ) -> Result<(), Refusal> {
        let sliding = config.sliding();
        match self {
            Self::SlidingWindow if sliding.is_none() => {
                let rule = "no layer of this model has a sliding window shorter than its \
                            positions (config.json: use_sliding_window, sliding_window, \
                            max_window_layers); take dynamic or static";
                Err(Refusal::new(NAME, self.name(), rule))
            }
            Self::Quantized(_) if sliding.is_some() => {
                let rule = "this model has layers with a sliding window, and only full attention \
                            can be quantised; take sliding_window";
                Err(Refusal::new(NAME, self.name(), rule))
            }
            Self::Quantized(quantized) => quantized.check_fit(limit, heads),
            _ => Ok(()),
        }
    }

    /// Whether `settings` have the `cache_config` of this cache.
    ///
    /// # Errors
    /// A [`Refusal`] of one that is none.
    pub(in crate::backends::pytorch) fn is_configured(
        &self,
        settings: &Settings,
    ) -> Result<bool, Refusal> {
        let asked = QuantizedConfig::parse(settings)?;
        Ok(match self {
            Self::Quantized(config) => asked == *config,
            _ => settings.get("cache_config").is_none_or(Value::is_null),
        })
    }

    /// How its memory grows.
    pub(in crate::backends::pytorch) fn growth(&self) -> CacheKind {
        match self {
            Self::Static | Self::OffloadedStatic => CacheKind::Static,
            _ => CacheKind::Dynamic,
        }
    }

    /// Whether it lies in main memory whatever the device.
    pub(super) fn is_offloaded(&self) -> bool {
        matches!(self, Self::Offloaded | Self::OffloadedStatic)
    }

    /// The value of `cache_implementation`.
    pub(in crate::backends::pytorch) fn name(&self) -> &'static str {
        match self {
            Self::Dynamic => "dynamic",
            Self::Static => "static",
            Self::Quantized(_) => "quantized",
            Self::Offloaded => "offloaded",
            Self::OffloadedStatic => "offloaded_static",
            Self::SlidingWindow => "sliding_window",
        }
    }

    /// The value of `cache_config`: null but for a quantised cache.
    pub(in crate::backends::pytorch) fn config(&self) -> Value {
        match self {
            Self::Quantized(config) => config.value(),
            _ => Value::Null,
        }
    }

    /// The cache in the words of a message.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Quantized(config) => {
                format!("a key-value cache of {} bits ({})", config.bits, config.backend.name())
            }
            Self::Offloaded | Self::OffloadedStatic => {
                "a key-value cache in main memory".to_owned()
            }
            Self::SlidingWindow => "a key-value cache with sliding windows".to_owned(),
            _ => "a key-value cache".to_owned(),
        }
    }
}

/// Why a cache that transformers knows is not here.
fn elsewhere(name: &str) -> Option<&'static str> {
    match name {
        "hybrid" | "offloaded_hybrid" => Some(
            "for models whose layers are built to alternate between full and sliding attention \
             (Gemma 2 and 3, Cohere 2, gpt-oss), which this backend does not run; of a qwen2 with a \
             sliding window, take sliding_window",
        ),
        "hybrid_chunked" | "offloaded_hybrid_chunked" => Some(
            "for models whose layers alternate between full and chunked attention (Llama 4), which \
             this backend does not run; take dynamic or static",
        ),
        "paged" => Some("continuous batching is not in this backend; take dynamic or static"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn check(settings: Value) -> String {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let device = Place::parse(&settings).unwrap();
        let found = CacheImplementation::parse(&settings)
            .and_then(|one| one.check_company(&settings, device).map(|()| one));
        match found {
            Ok(one) => format!("{} {}", one.name(), one.config()),
            Err(refusal) => refusal.to_string(),
        }
    }

    #[test]
    fn each_kind_and_what_it_needs() {
        insta::assert_snapshot!(check(json!({})), @"dynamic null");
        insta::assert_snapshot!(check(json!({"cache_implementation": "sliding_window"})), @"sliding_window null");
        insta::assert_snapshot!(check(json!({"cache_implementation": "offloaded"})), @r#"cache_implementation = "offloaded" is refused: the cache is in main memory already on device cpu; take dynamic or static, or a cuda device"#);
        insta::assert_snapshot!(check(json!({"cache_implementation": "offloaded_static", "device": "cuda"})), @"offloaded_static null");
        insta::assert_snapshot!(check(json!({"cache_implementation": "hybrid"})), @r#"cache_implementation = "hybrid" is refused: for models whose layers are built to alternate between full and sliding attention (Gemma 2 and 3, Cohere 2, gpt-oss), which this backend does not run; of a qwen2 with a sliding window, take sliding_window"#);
        insta::assert_snapshot!(check(json!({"cache_implementation": "paged"})), @r#"cache_implementation = "paged" is refused: continuous batching is not in this backend; take dynamic or static"#);
        insta::assert_snapshot!(check(json!({"cache_implementation": "sliding"})), @r#"cache_implementation = "sliding" is refused: one of dynamic, static, quantized, offloaded, offloaded_static, sliding_window"#);
        insta::assert_snapshot!(check(json!({"cache_config": {"nbits": 2}})), @r#"cache_config = {"nbits":2} is refused: does nothing without cache_implementation = "quantized"; set it or leave this parameter out"#);
    }

    #[test]
    fn a_model_without_a_window_has_no_use_for_one() {
        let model = |entries: &str| {
            let text = format!(
                r#"{{"model_type": "qwen2", "vocab_size": 8, "hidden_size": 8,
                "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
                "num_key_value_heads": 2{entries}}}"#
            );
            ModelConfig::parse(Path::new("config.json"), &text).unwrap()
        };
        let plain = model("");
        let windowed =
            model(r#", "use_sliding_window": true, "sliding_window": 4, "max_window_layers": 1"#);
        let sliding = CacheImplementation::SlidingWindow;
        let quantized = CacheImplementation::Quantized(QuantizedConfig::default());
        let refused = |one: &CacheImplementation, model| {
            one.check_model(model, 64, (2, 4)).unwrap_err().to_string()
        };
        assert!(sliding.check_model(&windowed, 64, (2, 4)).is_ok());
        assert!(quantized.check_model(&plain, 64, (2, 4)).is_ok());
        insta::assert_snapshot!(refused(&sliding, &plain), @r#"cache_implementation = "sliding_window" is refused: no layer of this model has a sliding window shorter than its positions (config.json: use_sliding_window, sliding_window, max_window_layers); take dynamic or static"#);
        insta::assert_snapshot!(refused(&quantized, &windowed), @r#"cache_implementation = "quantized" is refused: this model has layers with a sliding window, and only full attention can be quantised; take sliding_window"#);
    }
}
