//! The load settings, checked before any file is read.

use tch::Kind;

use super::attention::Implementation;
use super::cache::CacheImplementation;
use super::company::Company;
use super::placement::Placement;
use super::quantization::Asked;
use super::switches::Switches;
use crate::backends::assistant;
use crate::backends::load::{self, DTYPES, Place, choice, count, flag};
use crate::refusal::Refusal;
use crate::settings::Settings;

/// Every load parameter, by name. All others are request parameters of the generation loop.
pub(super) const PARAMETERS: &[&str] = &[
    assistant::PARAMETER,
    "allow_tf32",
    "attn_implementation",
    "bnb_4bit_compute_dtype",
    "bnb_4bit_quant_storage",
    "bnb_4bit_quant_type",
    "bnb_4bit_use_double_quant",
    "cache_config",
    "cache_implementation",
    "cudnn_benchmark",
    "deterministic_algorithms",
    "device",
    "device_map",
    "dtype",
    "extra",
    "float32_matmul_precision",
    "flush_denormal",
    "interop_threads",
    "kv_cache_dtype",
    "llm_int8_enable_fp32_cpu_offload",
    "llm_int8_has_fp16_weight",
    "llm_int8_skip_modules",
    "llm_int8_threshold",
    "load_in_4bit",
    "load_in_8bit",
    "max_memory",
    "max_model_len",
    "memory_map",
    "mkldnn",
    "sdpa_kernel",
    "threads",
];

/// Checked load settings.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LoadSettings {
    /// Directory of the draft model; none for no drafts.
    pub assistant: Option<String>,
    /// How attention is computed.
    pub attention: Implementation,
    /// How keys and values are kept.
    pub cache: CacheImplementation,
    /// Where the tensors lie.
    pub device: Place,
    /// Type of weights and activations; none for that of the file.
    pub dtype: Option<Kind>,
    /// Type of the key-value cache; none for that of the activations.
    pub kv_cache_dtype: Option<Kind>,
    /// Positions of a row; none for those of the model.
    pub max_model_len: Option<usize>,
    /// Whether weight files are mapped into memory rather than read.
    pub memory_map: bool,
    /// Which weights are quantised, and how.
    pub quantization: Asked,
    /// How the device is chosen, and what it may hold.
    pub placement: Placement,
    /// The process-wide switches of libtorch.
    pub switches: Switches,
    /// Threads within an operation; none for what libtorch takes by itself.
    pub threads: Option<usize>,
}

impl LoadSettings {
    /// Checks the load settings among `settings`, each and together, and that every other name is
    /// a request parameter.
    ///
    /// # Errors
    /// A [`Refusal`] with the parameter, the value and the rule.
    pub(super) fn parse(settings: &Settings) -> Result<Self, Refusal> {
        let parsed = Self::read(settings)?;
        parsed.quantization.check(settings)?;
        parsed.placement.check_company(settings, parsed.device)?;
        // A device that is yet to be chosen stands against nothing.
        if !parsed.placement.auto {
            parsed.check_company(settings, parsed.dtype)?;
        }
        Ok(parsed)
    }

    /// Refuses what stands against other load settings; `dtype` is the number format, where it is
    /// known.
    ///
    /// # Errors
    /// A [`Refusal`] with the parameter and what it stands against.
    pub(super) fn check_company(
        &self,
        settings: &Settings,
        dtype: Option<Kind>,
    ) -> Result<(), Refusal> {
        self.cache.check_company(settings, self.device)?;
        let company = Company { device: self.device, attention: self.attention, dtype };
        self.switches.check(settings, company)
    }

    /// As [`Self::parse`], each setting by itself: those of a request need not be all of them.
    ///
    /// # Errors
    /// A [`Refusal`] with the parameter, the value and the rule.
    pub(super) fn read(settings: &Settings) -> Result<Self, Refusal> {
        load::check_names(settings, PARAMETERS)?;
        let dtype = |name| choice(settings, name, &DTYPES).map(|one| one.and_then(dtype_named));
        let (placement, device) = Placement::parse(settings)?;
        Ok(Self {
            assistant: assistant::path(settings)?,
            attention: attention(settings)?,
            cache: CacheImplementation::parse(settings)?,
            device,
            dtype: dtype("dtype")?,
            kv_cache_dtype: dtype("kv_cache_dtype")?,
            max_model_len: count(settings, "max_model_len", load::MOST_POSITIONS)?,
            memory_map: flag(settings, "memory_map", true)?,
            placement,
            quantization: Asked::parse(settings)?,
            switches: Switches::parse(settings)?,
            threads: count(settings, "threads", load::MOST_THREADS)?,
        })
    }

    /// Refuses load settings among `settings` that are not those of an engine loaded with `self`.
    ///
    /// # Errors
    /// A [`Refusal`] for the first that differs.
    pub(super) fn check_same(&self, settings: &Settings) -> Result<(), Refusal> {
        load::check_same(settings, PARAMETERS, |name, given| {
            let asked = Self::read(given)?;
            Ok(match name {
                assistant::PARAMETER => asked.assistant == self.assistant,
                "attn_implementation" => asked.attention == self.attention,
                // Beside a cache of another kind, null alone is the same.
                "cache_config" => self.cache.is_configured(given)?,
                "cache_implementation" => asked.cache.name() == self.cache.name(),
                "device" => asked.device == self.device,
                "dtype" => asked.dtype == self.dtype,
                "kv_cache_dtype" => asked.kv_cache_dtype == self.kv_cache_dtype,
                "max_model_len" => asked.max_model_len == self.max_model_len,
                "memory_map" => asked.memory_map == self.memory_map,
                "device_map" => asked.placement.map == self.placement.map,
                "max_memory" => asked.placement.ceilings_given == self.placement.ceilings_given,
                "threads" => asked.threads == self.threads,
                name if Asked::names(name) => self.quantization.is_same(name, &asked.quantization),
                _ => self.switches.has(&asked.switches),
            })
        })
    }
}

fn attention(settings: &Settings) -> Result<Implementation, Refusal> {
    let name = "attn_implementation";
    if let Some(value) = settings.get(name)
        && value == "flash_attention_2"
    {
        let rule = "it needs the flash-attn package for Python and an NVIDIA GPU; eager or sdpa \
                    (with sdpa_kernel flash, sdpa takes libtorch's own flash kernel)";
        return Err(Refusal::new(name, value.clone(), rule));
    }
    Ok(match choice(settings, name, &["eager", "sdpa"])? {
        Some("eager") => Implementation::Eager,
        _ => Implementation::Sdpa,
    })
}

/// The name of `kind` in settings.
pub(super) fn dtype_name(kind: Kind) -> String {
    match kind {
        Kind::Float => "float32".to_owned(),
        Kind::Half => "float16".to_owned(),
        Kind::BFloat16 => "bfloat16".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// The type called `name`; none for `auto`.
fn dtype_named(name: &str) -> Option<Kind> {
    match name {
        "float32" => Some(Kind::Float),
        "float16" => Some(Kind::Half),
        "bfloat16" => Some(Kind::BFloat16),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Value;

    fn refused(name: &str, value: impl Into<Value>) -> String {
        let settings: Settings = [(name, value.into())].into_iter().collect();
        LoadSettings::parse(&settings).unwrap_err().to_string()
    }

    #[test]
    fn refusals_say_what_is_accepted() {
        insta::assert_snapshot!(refused("dtype", "float64"), @r#"dtype = "float64" is refused: one of auto, float32, float16, bfloat16"#);
        insta::assert_snapshot!(refused("threads", 0), @"threads = 0 is refused: an integer from 1 to 1024, or null");
        insta::assert_snapshot!(refused("device", "cuda:x"), @r#"device = "cuda:x" is refused: cpu, cuda or cuda:N"#);
        insta::assert_snapshot!(refused("memory_map", 1), @"memory_map = 1 is refused: true or false");
        insta::assert_snapshot!(refused("cache_implementation", Value::Null), @"cache_implementation = null is refused: one of dynamic, static, quantized, offloaded, offloaded_static, sliding_window");
        insta::assert_snapshot!(refused("attn_implementation", "flash_attention_2"), @r#"attn_implementation = "flash_attention_2" is refused: it needs the flash-attn package for Python and an NVIDIA GPU; eager or sdpa (with sdpa_kernel flash, sdpa takes libtorch's own flash kernel)"#);
        insta::assert_snapshot!(refused("attn_implementation", "paged"), @r#"attn_implementation = "paged" is refused: one of eager, sdpa"#);
        insta::assert_snapshot!(refused("atn_implementation", "sdpa"), @r#"atn_implementation = "sdpa" is refused: no such parameter; did you mean `attn_implementation`?"#);
    }

    #[test]
    fn what_needs_company_is_compared_without_it() {
        let loaded: Settings = [
            ("device", Value::from("cuda")),
            ("allow_tf32", true.into()),
            ("max_memory", serde_json::json!({"cuda:0": "1GiB"})),
        ]
        .into_iter()
        .collect();
        let engine = LoadSettings::parse(&loaded).unwrap();
        assert!(engine.check_same(&loaded).is_ok());
        let other: Settings = [("allow_tf32", false)].into_iter().collect();
        insta::assert_snapshot!(engine.check_same(&other).unwrap_err(), @"allow_tf32 = false is refused: a load setting; the engine was loaded with another value, load it anew");
        // Alone, it is refused: the model would be on the CPU.
        let alone = loaded.only(|name| name == "max_memory");
        assert!(LoadSettings::parse(&alone).is_err());
    }

    #[test]
    fn the_settings_of_an_engine_are_compared_one_by_one() {
        let loaded: Settings =
            [("dtype", Value::from("bfloat16")), ("threads", Value::from(1))].into_iter().collect();
        let engine = LoadSettings::parse(&loaded).unwrap();
        assert!(engine.check_same(&loaded).is_ok());
        assert!(engine.check_same(&Settings::new()).is_ok());
        let other: Settings = [("attn_implementation", "eager")].into_iter().collect();
        insta::assert_snapshot!(engine.check_same(&other).unwrap_err(), @r#"attn_implementation = "eager" is refused: a load setting; the engine was loaded with another value, load it anew"#);
    }
}
