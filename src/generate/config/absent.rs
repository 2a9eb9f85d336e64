//! Parameters of transformers that this loop does not have, refused with the reason.

use super::GenerationConfig;
use crate::refusal::Refusal;
use crate::settings::Value;

/// Their names, and why each is refused.
const ABSENT: &[(&str, &str)] = &[
    (
        "assistant_ensemble_weight",
        "takes tokens that the model itself would not choose; here drafts change no token, leave \
         it out",
    ),
    (
        "assistant_lookbehind",
        "aligns two tokenizers; here a draft model has the tokenizer of its model, leave it out",
    ),
    ("constraints", "holds Python objects in transformers 4; give their tokens in force_words_ids"),
    (
        "is_assistant",
        "marks a draft model, and the model of a request is none; give the draft model as \
         assistant_model when loading",
    ),
    (
        "target_lookbehind",
        "aligns two tokenizers; here a draft model has the tokenizer of its model, leave it out",
    ),
];

impl GenerationConfig {
    /// The refusal of `name`, which is no parameter: with the reason where transformers has it,
    /// with the nearest of `known` otherwise.
    pub(crate) fn refuse_name<'a>(
        name: &str,
        value: Value,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Refusal {
        match ABSENT.iter().find(|(absent, _)| *absent == name) {
            Some((_, reason)) => Refusal::new(name, value, *reason),
            None => Refusal::unknown(name, value, known),
        }
    }
}
