//! Settings that the backends on tensors have in common: those of loading, checked before any file
//! is read, and which of them are the request's.

use crate::backends::replicas::settings::PARAMETER as NUM_PROCESSES;
use crate::generate::{GenerationConfig, ModelDefaults};
use crate::model::ModelDir;
use crate::refusal::Refusal;
use crate::settings::{Settings, Value};

/// More threads than any machine has cores are a mistake.
pub(super) const MOST_THREADS: u64 = 1024;

/// More positions than any model has are a mistake.
pub(super) const MOST_POSITIONS: u64 = 1 << 28;

/// The number formats of weights and caches.
pub(super) const DTYPES: [&str; 4] = ["auto", "float32", "float16", "bfloat16"];

/// How the key-value cache gets its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CacheKind {
    /// It grows with the rows, doubling.
    Dynamic,
    /// Room for `max_model_len` positions from the start.
    Static,
}

impl CacheKind {
    /// The value of `cache_implementation`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Dynamic => "dynamic",
            Self::Static => "static",
        }
    }

    /// What `cache_implementation` says.
    ///
    /// # Errors
    /// A [`Refusal`] of any other value.
    pub(super) fn parse(settings: &Settings) -> Result<Self, Refusal> {
        Ok(match choice(settings, "cache_implementation", &["dynamic", "static"])? {
            Some("static") => Self::Static,
            _ => Self::Dynamic,
        })
    }
}

/// Where tensors lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In main memory.
    Cpu,
    /// On the GPU of that number.
    Cuda(usize),
}

impl Place {
    /// What `device` says.
    ///
    /// # Errors
    /// A [`Refusal`] of what names no device.
    pub(super) fn parse(settings: &Settings) -> Result<Self, Refusal> {
        let Some(value) = settings.get("device") else { return Ok(Self::Cpu) };
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if digits { text.parse::<u8>().ok() } else { None }
        };
        let found = match value.as_str() {
            Some("cpu") => Some(Self::Cpu),
            Some("cuda") => Some(Self::Cuda(0)),
            Some(text) => text
                .strip_prefix("cuda:")
                .and_then(number)
                .map(|number| Self::Cuda(usize::from(number))),
            None => None,
        };
        found.ok_or_else(|| Refusal::new("device", value.clone(), "cpu, cuda or cuda:N"))
    }
}

/// Refuses every name that is neither one of `parameters` nor a request parameter of the
/// generation loop.
///
/// # Errors
/// A [`Refusal`] with the nearest name there is.
pub(super) fn check_names(settings: &Settings, parameters: &[&str]) -> Result<(), Refusal> {
    let known = || parameters.iter().chain(GenerationConfig::PARAMETERS).copied();
    match settings.iter().find(|(name, _)| !known().any(|one| one == *name)) {
        Some((name, value)) => {
            // Taken out before this, but it may be what was meant.
            let near = known().chain([NUM_PROCESSES]);
            Err(GenerationConfig::refuse_name(name, value.clone(), near))
        }
        None => Ok(()),
    }
}

/// Refuses load settings (those named by `parameters`) that are not what an engine was loaded
/// with: `same` says of each alone, with its name, whether it is.
///
/// # Errors
/// A [`Refusal`] for the first that differs, or that of `same`.
pub(super) fn check_same(
    settings: &Settings,
    parameters: &[&str],
    same: impl Fn(&str, &Settings) -> Result<bool, Refusal>,
) -> Result<(), Refusal> {
    let given = settings.only(|name| parameters.contains(&name));
    for (name, value) in given.iter() {
        let mut probe = Settings::new();
        probe.set(name.clone(), value.clone());
        if !same(name, &probe)? {
            let rule = "a load setting; the engine was loaded with another value, load it anew";
            return Err(Refusal::new(name.clone(), value.clone(), rule));
        }
    }
    Ok(())
}

/// The one of `choices` that `name` is set to; none where it is not set.
///
/// # Errors
/// A [`Refusal`] of any other value.
pub(super) fn choice<'a>(
    settings: &Settings,
    name: &str,
    choices: &[&'a str],
) -> Result<Option<&'a str>, Refusal> {
    let Some(value) = settings.get(name) else { return Ok(None) };
    let found = value.as_str().and_then(|text| choices.iter().find(|one| **one == text));
    match found {
        Some(found) => Ok(Some(found)),
        None => {
            let rule = format!("one of {}", choices.join(", "));
            Err(Refusal::new(name, value.clone(), rule))
        }
    }
}

/// The number from 1 to `most` that `name` is set to; none for null and where it is not set.
///
/// # Errors
/// A [`Refusal`] of any other value.
pub(super) fn count(settings: &Settings, name: &str, most: u64) -> Result<Option<usize>, Refusal> {
    match settings.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let found = value.as_u64().filter(|count| (1..=most).contains(count));
            let refused = || {
                Refusal::new(name, value.clone(), format!("an integer from 1 to {most}, or null"))
            };
            let count = found.ok_or_else(refused)?;
            usize::try_from(count).map(Some).map_err(|_| refused())
        }
    }
}

/// Whether `name` is on; `default` where it is not set.
///
/// # Errors
/// A [`Refusal`] of what is no boolean.
pub(super) fn flag(settings: &Settings, name: &str, default: bool) -> Result<bool, Refusal> {
    match settings.get(name) {
        None => Ok(default),
        Some(Value::Bool(on)) => Ok(*on),
        Some(other) => Err(Refusal::new(name, other.clone(), "true or false")),
    }
}

/// How many positions a row may have: those of the model, or the fewer `asked` for.
///
/// # Errors
/// A [`Refusal`] of more than the model has.
pub(super) fn positions(of_model: usize, asked: Option<usize>) -> Result<usize, Refusal> {
    match asked {
        Some(asked) if asked > of_model => {
            let rule = format!("the model has {of_model} positions; give at most that, or null");
            Err(Refusal::new("max_model_len", asked, rule))
        }
        asked => Ok(asked.unwrap_or(of_model)),
    }
}

/// What the model in `dir` brings along for requests, with `limit` positions a row.
pub(super) fn defaults(dir: &ModelDir, limit: usize) -> ModelDefaults {
    let found = GenerationConfig::PARAMETERS
        .iter()
        .filter_map(|name| Some((*name, dir.generation_default(name)?.clone())));
    ModelDefaults {
        settings: found.collect(),
        vocab_size: dir.config().vocab_size(),
        max_positions: limit,
        assistant: false,
    }
}

/// The request settings among `settings`, those that `parameters` does not name, checked over what
/// the model brings along. Of a model of which nothing is known yet, what depends on it is not.
///
/// # Errors
/// A [`Refusal`] of the first that the generation loop does not accept.
pub(super) fn request(
    settings: &Settings,
    parameters: &[&str],
    defaults: &ModelDefaults,
) -> Result<GenerationConfig, Refusal> {
    GenerationConfig::parse(&settings.only(|name| !parameters.contains(&name)), defaults)
}
