//! The load settings, checked before any file is read.

use candle_core::DType;

use super::quantization::Quantization;
use crate::backends::assistant;
use crate::backends::load::{self, CacheKind, DTYPES, Place, choice, count, flag};
use crate::refusal::Refusal;
use crate::settings::{Settings, Value};

/// Every load parameter, by name. All others are request parameters of the generation loop.
pub(super) const PARAMETERS: &[&str] = &[
    assistant::PARAMETER,
    "cache_implementation",
    "device",
    "dtype",
    "kv_cache_dtype",
    "max_model_len",
    "memory_map",
    "quantization",
    "threads",
];

/// Checked load settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoadSettings {
    /// Directory of the draft model; none for no drafts.
    pub assistant: Option<String>,
    /// How the key-value cache gets its memory.
    pub cache: CacheKind,
    /// Where the tensors lie.
    pub device: Place,
    /// Type of weights and activations; none for that of the file.
    pub dtype: Option<DType>,
    /// Type of the key-value cache; none for that of the activations.
    pub kv_cache_dtype: Option<DType>,
    /// Positions of a row; none for those of the model.
    pub max_model_len: Option<usize>,
    /// Whether weight files are mapped into memory rather than read.
    pub memory_map: bool,
    /// Format of the weights of linear layers; none for `dtype`.
    pub quantization: Option<Quantization>,
    /// Worker threads; none for one per core.
    pub threads: Option<usize>,
}

impl LoadSettings {
    /// Checks the load settings among `settings`, and that every other name is a request
    /// parameter.
    ///
    /// # Errors
    /// A [`Refusal`] with the parameter, the value and the rule.
    pub(super) fn parse(settings: &Settings) -> Result<Self, Refusal> {
        load::check_names(settings, PARAMETERS)?;
        let dtype = |name| choice(settings, name, &DTYPES).map(|one| one.and_then(dtype_named));
        Ok(Self {
            assistant: assistant::path(settings)?,
            cache: CacheKind::parse(settings)?,
            device: Place::parse(settings)?,
            dtype: dtype("dtype")?,
            kv_cache_dtype: dtype("kv_cache_dtype")?,
            max_model_len: count(settings, "max_model_len", load::MOST_POSITIONS)?,
            memory_map: flag(settings, "memory_map", true)?,
            quantization: quantization(settings)?,
            threads: count(settings, "threads", load::MOST_THREADS)?,
        })
    }

    /// Refuses load settings among `settings` that are not those of an engine loaded with `self`.
    ///
    /// # Errors
    /// A [`Refusal`] for the first that differs.
    pub(super) fn check_same(&self, settings: &Settings) -> Result<(), Refusal> {
        load::check_same(settings, PARAMETERS, |name, given| {
            let asked = Self::parse(given)?;
            Ok(match name {
                assistant::PARAMETER => asked.assistant == self.assistant,
                "cache_implementation" => asked.cache == self.cache,
                "device" => asked.device == self.device,
                "dtype" => asked.dtype == self.dtype,
                "kv_cache_dtype" => asked.kv_cache_dtype == self.kv_cache_dtype,
                "max_model_len" => asked.max_model_len == self.max_model_len,
                "memory_map" => asked.memory_map == self.memory_map,
                "quantization" => asked.quantization == self.quantization,
                _ => asked.threads == self.threads,
            })
        })
    }
}

/// The name of `dtype` in settings.
pub(super) fn dtype_name(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "float32",
        DType::F16 => "float16",
        DType::BF16 => "bfloat16",
        other => other.as_str(),
    }
}

/// The type called `name`; none for `auto`.
fn dtype_named(name: &str) -> Option<DType> {
    match name {
        "float32" => Some(DType::F32),
        "float16" => Some(DType::F16),
        "bfloat16" => Some(DType::BF16),
        _ => None,
    }
}

fn quantization(settings: &Settings) -> Result<Option<Quantization>, Refusal> {
    match settings.get("quantization") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let found = value.as_str().and_then(Quantization::named);
            let refused = || {
                let names: Vec<&str> = Quantization::ALL.iter().map(|one| one.name()).collect();
                let rule = format!("null or one of {}", names.join(", "));
                Refusal::new("quantization", value.clone(), rule)
            };
            found.map(Some).ok_or_else(refused)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, value: impl Into<Value>) -> String {
        let settings: Settings = [(name, value.into())].into_iter().collect();
        LoadSettings::parse(&settings).unwrap_err().to_string()
    }

    #[test]
    fn refusals_say_what_is_accepted() {
        insta::assert_snapshot!(refused("dtype", "float64"), @r#"dtype = "float64" is refused: one of auto, float32, float16, bfloat16"#);
        insta::assert_snapshot!(refused("threads", 0), @"threads = 0 is refused: an integer from 1 to 1024, or null");
        insta::assert_snapshot!(refused("threads", 2.0), @"threads = 2.0 is refused: an integer from 1 to 1024, or null");
        insta::assert_snapshot!(refused("device", "cuda:x"), @r#"device = "cuda:x" is refused: cpu, cuda or cuda:N"#);
        insta::assert_snapshot!(refused("memory_map", 1), @"memory_map = 1 is refused: true or false");
        insta::assert_snapshot!(refused("quantization", "q9_0"), @r#"quantization = "q9_0" is refused: null or one of q8_0, q4_0, q4_1, q5_0, q5_1, q2k, q3k, q4k, q5k, q6k"#);
        insta::assert_snapshot!(refused("cache_implementation", Value::Null), @"cache_implementation = null is refused: one of dynamic, static");
        insta::assert_snapshot!(refused("max_model_length", 7), @"max_model_length = 7 is refused: no such parameter; did you mean `max_model_len`?");
    }

    #[test]
    fn the_settings_of_an_engine_are_compared_one_by_one() {
        let loaded: Settings =
            [("dtype", Value::from("bfloat16")), ("threads", Value::from(1))].into_iter().collect();
        let engine = LoadSettings::parse(&loaded).unwrap();
        assert!(engine.check_same(&loaded).is_ok());
        assert!(engine.check_same(&Settings::new()).is_ok());
        let other: Settings = [("threads", 2)].into_iter().collect();
        insta::assert_snapshot!(engine.check_same(&other).unwrap_err(), @"threads = 2 is refused: a load setting; the engine was loaded with another value, load it anew");
    }
}
