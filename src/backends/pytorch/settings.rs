//! The load settings, checked before any file is read.

use tch::Kind;

use super::attention::Implementation;
use super::company::Company;
use super::placement::Placement;
use super::switches::Switches;
use crate::backends::load::{self, CacheKind, DTYPES, Place, choice, count, flag};
use crate::refusal::Refusal;
use crate::settings::Settings;

/// Every load parameter, by name. All others are request parameters of the generation loop.
pub(super) const PARAMETERS: &[&str] = &[
    "allow_tf32",
    "attn_implementation",
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
    "max_memory",
    "max_model_len",
    "memory_map",
    "mkldnn",
    "sdpa_kernel",
    "threads",
];

/// Checked load settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoadSettings {
    /// How attention is computed.
    pub attention: Implementation,
    /// How the key-value cache gets its memory.
    pub cache: CacheKind,
    /// Where the tensors lie.
    pub device: Place,
    /// Type of weights, activations and cache; none for that of the file.
    pub dtype: Option<Kind>,
    /// Positions of a row; none for those of the model.
    pub max_model_len: Option<usize>,
    /// Whether weight files are mapped into memory rather than read.
    pub memory_map: bool,
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
        let company = Company { device: self.device, attention: self.attention, dtype };
        self.switches.check(settings, company)
    }

    /// Checks the load settings among `settings` one by one, as [`Self::parse`] does.
    ///
    /// # Errors
    /// A [`Refusal`] with the parameter, the value and the rule.
    pub(super) fn read(settings: &Settings) -> Result<Self, Refusal> {
        load::check_names(settings, PARAMETERS)?;
        let (placement, device) = Placement::parse(settings)?;
        Ok(Self {
            attention: attention(settings)?,
            cache: CacheKind::parse(settings)?,
            device,
            dtype: choice(settings, "dtype", &DTYPES)?.and_then(dtype_named),
            max_model_len: count(settings, "max_model_len", load::MOST_POSITIONS)?,
            memory_map: flag(settings, "memory_map", true)?,
            placement,
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
                "attn_implementation" => asked.attention == self.attention,
                "cache_implementation" => asked.cache == self.cache,
                "device" => asked.device == self.device,
                "dtype" => asked.dtype == self.dtype,
                "max_model_len" => asked.max_model_len == self.max_model_len,
                "memory_map" => asked.memory_map == self.memory_map,
                "device_map" => asked.placement.map == self.placement.map,
                "max_memory" => asked.placement.ceilings_given == self.placement.ceilings_given,
                "threads" => asked.threads == self.threads,
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
        insta::assert_snapshot!(refused("cache_implementation", Value::Null), @"cache_implementation = null is refused: one of dynamic, static");
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
