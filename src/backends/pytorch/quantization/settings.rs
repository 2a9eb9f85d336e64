//! The load settings of quantisation, by the names that `BitsAndBytesConfig` has for them.

use tch::Kind;

use super::codebook::Codebook;
use super::four_bit::{FourBitFormat, Scales};
use super::plan::{Module, Plan};
use super::{Quantised, QuantizationFormat, Weight};
use crate::backends::load::{choice, flag};
use crate::model::ModelConfig;
use crate::refusal::Refusal;
use crate::settings::{Settings, Value};

const COMPUTE: [&str; 3] = ["float32", "float16", "bfloat16"];

const STORAGE: [&str; 6] = ["uint8", "int8", "float16", "bfloat16", "float32", "float64"];

/// Activations are compared with the threshold as float16, and this is the greatest there is.
const MOST_THRESHOLD: f64 = 65504.0;

/// What was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::backends::pytorch) struct Asked {
    eight: bool,
    four: bool,
    threshold: f64,
    skip: Option<Vec<Module>>,
    pub(super) format: FourBitFormat,
}

impl Asked {
    /// Checks each of the settings by itself.
    ///
    /// # Errors
    /// A [`Refusal`] with the parameter, the value and the rule.
    pub(in crate::backends::pytorch) fn parse(settings: &Settings) -> Result<Self, Refusal> {
        for (name, rule) in [
            (
                "llm_int8_enable_fp32_cpu_offload",
                "it is for the part of a model that a device map leaves on the CPU; here a model \
                 is on one device, leave it out",
            ),
            (
                "llm_int8_has_fp16_weight",
                "it keeps the weights in 16 bits beside those in 8, for training; nothing is \
                 trained here, leave it out",
            ),
        ] {
            let given = settings.get(name).is_some_and(|value| !value.is_null());
            if given && flag(settings, name, false)? {
                return Err(Refusal::new(name, true, rule));
            }
        }
        let codebook = choice(settings, "bnb_4bit_quant_type", &Codebook::ALL.map(Codebook::name))?;
        let kind = |name: &str, choices: &[&str], default: Kind| {
            choice(settings, name, choices).map(|found| found.map_or(default, kind_named))
        };
        Ok(Self {
            eight: flag(settings, "load_in_8bit", false)?,
            four: flag(settings, "load_in_4bit", false)?,
            threshold: threshold(settings)?,
            skip: skip(settings)?,
            format: FourBitFormat {
                codebook: match codebook {
                    Some("nf4") => Codebook::Nf4,
                    _ => Codebook::Fp4,
                },
                double: flag(settings, "bnb_4bit_use_double_quant", false)?,
                compute: kind("bnb_4bit_compute_dtype", &COMPUTE, Kind::Float)?,
                storage: kind("bnb_4bit_quant_storage", &STORAGE, Kind::Uint8)?,
            },
        })
    }

    /// Checks `settings`, of which this was made, together: what would have no effect is refused.
    ///
    /// # Errors
    /// A [`Refusal`] of the first that does not go with the others.
    pub(in crate::backends::pytorch) fn check(&self, settings: &Settings) -> Result<(), Refusal> {
        if self.eight && self.four {
            let rule = "load_in_8bit and load_in_4bit exclude each other; leave one of them out";
            return Err(Refusal::new("load_in_4bit", true, rule));
        }
        let eight = "does nothing without load_in_8bit = true; turn it on or leave this parameter \
                     out";
        let four = "does nothing without load_in_4bit = true; turn it on or leave this parameter \
                    out";
        let either = "does nothing without load_in_8bit = true or load_in_4bit = true; turn one of \
                      them on or leave this parameter out";
        for (name, on, rule) in [
            ("llm_int8_threshold", self.eight, eight),
            ("llm_int8_skip_modules", self.eight || self.four, either),
            ("bnb_4bit_quant_type", self.four, four),
            ("bnb_4bit_use_double_quant", self.four, four),
            ("bnb_4bit_compute_dtype", self.four, four),
            ("bnb_4bit_quant_storage", self.four, four),
        ] {
            // Off and null are what holds without quantisation, too.
            let given = settings
                .get(name)
                .filter(|value| !matches!(value, Value::Null))
                .filter(|value| **value != false);
            if let Some(value) = given
                && !on
            {
                return Err(Refusal::new(name, value.clone(), rule));
            }
        }
        Ok(())
    }

    /// Whether `name` is one of these settings.
    pub(in crate::backends::pytorch) fn names(name: &str) -> bool {
        ["load_in_", "llm_int8_", "bnb_4bit_"].iter().any(|start| name.starts_with(start))
    }

    /// Whether an engine loaded with `self` has the setting `name` as `given`, in which it stands
    /// alone.
    pub(in crate::backends::pytorch) fn is_same(&self, name: &str, given: &Self) -> bool {
        let (ours, theirs) = (&self.format, &given.format);
        match name {
            "load_in_8bit" => self.eight == given.eight,
            "load_in_4bit" => self.four == given.four,
            "llm_int8_threshold" => self.eight && self.threshold == given.threshold,
            "llm_int8_skip_modules" => self.skip == given.skip,
            "bnb_4bit_quant_type" => self.four && ours.codebook == theirs.codebook,
            "bnb_4bit_use_double_quant" => ours.double == theirs.double,
            "bnb_4bit_compute_dtype" => self.four && ours.compute == theirs.compute,
            "bnb_4bit_quant_storage" => self.four && ours.storage == theirs.storage,
            // The others are accepted where they are off, and there is nothing else to be.
            _ => true,
        }
    }

    /// How a model of `config` is to be quantised, if it is.
    ///
    /// # Errors
    /// See [`Plan::new`].
    pub(in crate::backends::pytorch) fn plan(
        &self,
        config: &ModelConfig,
    ) -> Result<Option<Plan>, Refusal> {
        let format = match (self.eight, self.four) {
            (true, _) => QuantizationFormat::Int8(self.threshold),
            (_, true) => QuantizationFormat::FourBit(self.format),
            _ => return Ok(None),
        };
        Plan::new(format, self.skip.clone(), config).map(Some)
    }
}

fn threshold(settings: &Settings) -> Result<f64, Refusal> {
    let name = "llm_int8_threshold";
    let Some(value) = settings.get(name) else { return Ok(6.0) };
    // transformers wants a float, and refuses 6.
    let found = value.as_f64().filter(|_| value.is_f64());
    found.filter(|found| (0.0..=MOST_THRESHOLD).contains(found)).ok_or_else(|| {
        let rule = format!("a float (with its point) from 0.0 to {MOST_THRESHOLD:?}");
        Refusal::new(name, value.clone(), rule)
    })
}

fn skip(settings: &Settings) -> Result<Option<Vec<Module>>, Refusal> {
    let name = "llm_int8_skip_modules";
    let value = match settings.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value,
    };
    let modules = value.as_array().and_then(|list| {
        list.iter().map(|one| one.as_str().and_then(Module::new)).collect::<Option<Vec<_>>>()
    });
    modules.map(Some).ok_or_else(|| {
        let rule = "a list of names of modules, the ends of such names, or regular expressions for \
                    them; or null";
        Refusal::new(name, value.clone(), rule)
    })
}

fn kind_named(name: &str) -> Kind {
    match name {
        "uint8" => Kind::Uint8,
        "int8" => Kind::Int8,
        "float16" => Kind::Half,
        "bfloat16" => Kind::BFloat16,
        "float64" => Kind::Double,
        _ => Kind::Float,
    }
}

/// The name of `kind` in settings.
pub(super) fn kind_name(kind: Kind) -> String {
    let known = COMPUTE.iter().chain(&STORAGE).find(|name| kind_named(name) == kind);
    known.map_or_else(|| format!("{kind:?}").to_lowercase(), ToString::to_string)
}

/// The settings in force for a model that is not quantised.
pub(in crate::backends::pytorch) fn off() -> Settings {
    [("load_in_8bit", false), ("load_in_4bit", false)].into_iter().collect()
}

/// The settings in force for a model whose linear layers are `layers`: read off the weights. A
/// module counts as skipped where every layer that it names is as it was.
pub(super) fn effective(plan: &Plan, layers: &[(String, Weight)]) -> Settings {
    let mut found = off();
    found.set("llm_int8_has_fp16_weight", false);
    found.set("llm_int8_enable_fp32_cpu_offload", false);
    for (_, weight) in layers {
        match weight {
            Weight::Dense(_) => {}
            Weight::Quantised(Quantised::Int8(weight)) => {
                found.set("load_in_8bit", matches!(weight.codes.f_kind(), Ok(Kind::Int8)));
                found.set("llm_int8_threshold", weight.threshold);
            }
            Weight::Quantised(Quantised::FourBit(weight)) => {
                found.set("load_in_4bit", true);
                let storage = weight.packed.f_kind().map(kind_name);
                found.set("bnb_4bit_quant_storage", storage.ok());
                found.set("bnb_4bit_quant_type", weight.codebook.name());
                let nested = matches!(weight.scales, Scales::Nested(..));
                found.set("bnb_4bit_use_double_quant", nested);
                found.set("bnb_4bit_compute_dtype", kind_name(weight.compute));
            }
        }
    }
    let skipped = |module: &&Module| {
        let mut named = layers.iter().filter(|(name, _)| module.names(name));
        named.all(|(_, weight)| matches!(weight, Weight::Dense(_)))
    };
    let skip = plan.skip().map(|modules| {
        let modules = modules.iter().filter(skipped);
        Value::Array(modules.map(|module| module.text().into()).collect())
    });
    found.set("llm_int8_skip_modules", skip);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(pairs: &[(&str, Value)]) -> String {
        let settings: Settings = pairs.iter().map(|(name, value)| (*name, value.clone())).collect();
        let asked = Asked::parse(&settings);
        asked.and_then(|asked| asked.check(&settings)).unwrap_err().to_string()
    }

    fn alone(name: &str, value: impl Into<Value>) -> String {
        refused(&[(name, value.into())])
    }

    #[test]
    fn refusals_say_what_is_accepted() {
        insta::assert_snapshot!(alone("load_in_8bit", 1), @"load_in_8bit = 1 is refused: true or false");
        insta::assert_snapshot!(alone("load_in_4bit", Value::Null), @"load_in_4bit = null is refused: true or false");
        insta::assert_snapshot!(alone("llm_int8_threshold", 6), @"llm_int8_threshold = 6 is refused: a float (with its point) from 0.0 to 65504.0");
        insta::assert_snapshot!(alone("llm_int8_threshold", -0.5), @"llm_int8_threshold = -0.5 is refused: a float (with its point) from 0.0 to 65504.0");
        insta::assert_snapshot!(alone("llm_int8_skip_modules", "lm_head"), @r#"llm_int8_skip_modules = "lm_head" is refused: a list of names of modules, the ends of such names, or regular expressions for them; or null"#);
        insta::assert_snapshot!(alone("llm_int8_skip_modules", vec!["("]), @r#"llm_int8_skip_modules = ["("] is refused: a list of names of modules, the ends of such names, or regular expressions for them; or null"#);
        insta::assert_snapshot!(alone("llm_int8_enable_fp32_cpu_offload", true), @"llm_int8_enable_fp32_cpu_offload = true is refused: it is for the part of a model that a device map leaves on the CPU; here a model is on one device, leave it out");
        insta::assert_snapshot!(alone("llm_int8_has_fp16_weight", true), @"llm_int8_has_fp16_weight = true is refused: it keeps the weights in 16 bits beside those in 8, for training; nothing is trained here, leave it out");
        insta::assert_snapshot!(alone("bnb_4bit_quant_type", "int4"), @r#"bnb_4bit_quant_type = "int4" is refused: one of fp4, nf4"#);
        insta::assert_snapshot!(alone("bnb_4bit_compute_dtype", "float64"), @r#"bnb_4bit_compute_dtype = "float64" is refused: one of float32, float16, bfloat16"#);
        insta::assert_snapshot!(alone("bnb_4bit_quant_storage", "int4"), @r#"bnb_4bit_quant_storage = "int4" is refused: one of uint8, int8, float16, bfloat16, float32, float64"#);
    }

    #[test]
    fn what_would_have_no_effect_is_refused() {
        let eight = || ("load_in_8bit", Value::from(true));
        let four = || ("load_in_4bit", Value::from(true));
        insta::assert_snapshot!(refused(&[eight(), four()]), @"load_in_4bit = true is refused: load_in_8bit and load_in_4bit exclude each other; leave one of them out");
        insta::assert_snapshot!(alone("llm_int8_threshold", 6.0), @"llm_int8_threshold = 6.0 is refused: does nothing without load_in_8bit = true; turn it on or leave this parameter out");
        insta::assert_snapshot!(refused(&[four(), ("llm_int8_threshold", 6.0.into())]), @"llm_int8_threshold = 6.0 is refused: does nothing without load_in_8bit = true; turn it on or leave this parameter out");
        insta::assert_snapshot!(alone("llm_int8_skip_modules", vec!["q_proj"]), @r#"llm_int8_skip_modules = ["q_proj"] is refused: does nothing without load_in_8bit = true or load_in_4bit = true; turn one of them on or leave this parameter out"#);
        insta::assert_snapshot!(alone("bnb_4bit_quant_type", "nf4"), @r#"bnb_4bit_quant_type = "nf4" is refused: does nothing without load_in_4bit = true; turn it on or leave this parameter out"#);
        insta::assert_snapshot!(refused(&[eight(), ("bnb_4bit_quant_type", "fp4".into())]), @r#"bnb_4bit_quant_type = "fp4" is refused: does nothing without load_in_4bit = true; turn it on or leave this parameter out"#);
        insta::assert_snapshot!(alone("bnb_4bit_use_double_quant", true), @"bnb_4bit_use_double_quant = true is refused: does nothing without load_in_4bit = true; turn it on or leave this parameter out");
        insta::assert_snapshot!(alone("bnb_4bit_compute_dtype", "float32"), @r#"bnb_4bit_compute_dtype = "float32" is refused: does nothing without load_in_4bit = true; turn it on or leave this parameter out"#);
        insta::assert_snapshot!(alone("bnb_4bit_quant_storage", "uint8"), @r#"bnb_4bit_quant_storage = "uint8" is refused: does nothing without load_in_4bit = true; turn it on or leave this parameter out"#);
    }

    #[test]
    fn what_is_off_goes_with_everything() {
        for name in [
            "load_in_8bit",
            "load_in_4bit",
            "bnb_4bit_use_double_quant",
            "llm_int8_enable_fp32_cpu_offload",
            "llm_int8_has_fp16_weight",
        ] {
            let settings: Settings = [(name, false)].into_iter().collect();
            assert!(Asked::parse(&settings).unwrap().check(&settings).is_ok(), "{name}");
        }
    }

    #[test]
    fn kinds_are_called_as_in_torch() {
        for name in STORAGE.iter().chain(&COMPUTE) {
            assert_eq!(kind_name(kind_named(name)), *name);
        }
    }
}
