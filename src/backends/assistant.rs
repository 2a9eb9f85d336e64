//! The draft model of assisted generation: a second model directory, checked against the model that
//! it drafts for.

use std::path::Path;

use crate::generate::{Drafts, GenerationConfig, ModelDefaults};
use crate::model::{ModelDir, Tokenizer};
use crate::refusal::Refusal;
use crate::settings::{Settings, Value};

/// The load parameter that names it.
pub(super) const PARAMETER: &str = "assistant_model";

/// Request parameters whose defaults the draft model brings along, in place of those of the model,
/// as in transformers 5.23.0 (`AssistedCandidateGenerator`).
const OWN_DEFAULTS: [&str; 3] =
    ["num_assistant_tokens", "num_assistant_tokens_schedule", "assistant_confidence_threshold"];

/// The directory that `assistant_model` names; none for null and where it is not set.
///
/// # Errors
/// A [`Refusal`] of anything but text.
pub(super) fn path(settings: &Settings) -> Result<Option<String>, Refusal> {
    match settings.get(PARAMETER) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(path)) if !path.is_empty() => Ok(Some(path.clone())),
        Some(other) => {
            let rule = "the directory of a draft model, or null";
            Err(Refusal::new(PARAMETER, other.clone(), rule))
        }
    }
}

/// Opens the draft model in directory `path` for `model`, whose rows have at most `limit`
/// positions.
///
/// # Errors
/// A [`Refusal`] where it is no model directory, or not one that can draft for `model`.
pub(super) fn open(path: &str, model: &ModelDir, limit: usize) -> Result<ModelDir, Refusal> {
    let refused = |rule: String| Refusal::new(PARAMETER, path, rule);
    let dir = ModelDir::open(Path::new(path)).map_err(|error| refused(error.to_string()))?;
    let (own, other) = (dir.config(), model.config());
    if own.vocab_size() != other.vocab_size() {
        return Err(refused(format!(
            "it has {} logits per position and the model {}; take a draft model of the same \
             vocabulary",
            own.vocab_size(),
            other.vocab_size()
        )));
    }
    if own.max_positions() < limit {
        return Err(refused(format!(
            "it has {} positions and a row may have {limit}; set max_model_len to at most {0}",
            own.max_positions()
        )));
    }
    Ok(dir)
}

/// Checks that the draft model in `dir` has the tokenizer of its model.
///
/// # Errors
/// A [`Refusal`] that says what differs; one where it cannot be read.
pub(super) fn check_tokenizer(dir: &ModelDir, tokenizer: &Tokenizer) -> Result<(), Refusal> {
    let path = dir.path().to_string_lossy().into_owned();
    let own = match dir.tokenizer() {
        Ok(own) => own,
        Err(error) => return Err(Refusal::new(PARAMETER, path, error.to_string())),
    };
    match tokenizer.difference(&own) {
        None => Ok(()),
        Some(difference) => {
            let rule = format!(
                "its tokenizer is another than that of the model: {difference}; take a draft \
                 model of the same vocabulary"
            );
            Err(Refusal::new(PARAMETER, path, rule))
        }
    }
}

/// `defaults` of a model beside which the draft model in `dir` is loaded.
pub(super) fn defaults(defaults: ModelDefaults, dir: &ModelDir) -> ModelDefaults {
    let found =
        OWN_DEFAULTS.iter().filter_map(|name| Some((*name, dir.generation_default(name)?.clone())));
    let settings = defaults.settings.only(|name| !OWN_DEFAULTS.contains(&name));
    ModelDefaults { settings: settings.merged(&found.collect()), assistant: true, ..defaults }
}

/// Keeps what the schedule of drafts had come to for the next request, where it is to be kept
/// (`heuristic`): as in transformers 5.23.0, it takes the place of the default.
pub(super) fn keep(
    defaults: &mut ModelDefaults,
    config: &GenerationConfig,
    drafts: Option<&Drafts>,
) {
    if let Some(drafts) = drafts.filter(|_| config.keeps_draft_length()) {
        defaults.settings.set(OWN_DEFAULTS[0], drafts.next_limit);
    }
}

#[cfg(test)]
mod tests;
