//! Prompts as the tokens of a model, what it makes of them, and tokens as text.

use std::ops::Range;

use crate::backends::{BackendError, Generation, Prompt, PromptOutput};
use crate::generate::{CausalLm, Detokenizer, GenerationConfig, generate_share};
use crate::model::Tokenizer;
use crate::refusal::Refusal;
use crate::settings::Value;

/// Has `lm` continue those of `prompts` that are in `share` as `config` says, with the drafts of
/// `assistant` where there is one. The effective settings are those of the request
/// alone: what the engine was loaded with is for it to add.
///
/// # Errors
/// A [`Refusal`] of a prompt before any work; what the loop says.
pub(super) fn answer(
    lm: &dyn CausalLm,
    assistant: Option<&dyn CausalLm>,
    tokenizer: &Tokenizer,
    prompts: &[Prompt],
    share: Range<usize>,
    config: &GenerationConfig,
) -> Result<Generation, BackendError> {
    let tokens = |one: &Prompt| tokens(one, tokenizer, lm.vocab_size());
    let mut prompts: Vec<Vec<u32>> = prompts.iter().map(tokens).collect::<Result<_, _>>()?;
    let generated = generate_share(lm, assistant, tokenizer, &prompts, share.clone(), config)?;
    let outputs = prompts.drain(share).zip(generated.rows);
    Ok(Generation {
        prompts: outputs
            .map(|(prompt_tokens, rows)| PromptOutput { prompt_tokens, rows })
            .collect(),
        effective: config.effective(),
        timings: generated.timings,
        drafts: generated.drafts,
    })
}

/// The tokens of `prompt` for a model of `vocab_size` tokens.
///
/// # Errors
/// A [`Refusal`] of a prompt without tokens or with one that the model does not have.
fn tokens(
    prompt: &Prompt,
    tokenizer: &Tokenizer,
    vocab_size: usize,
) -> Result<Vec<u32>, BackendError> {
    let refused =
        |value: Value, rule: String| BackendError::Refused(Refusal::new("prompt", value, rule));
    let (tokens, value) = match prompt {
        Prompt::Text(text) => {
            let encoded = tokenizer.encode(text);
            let encoded = encoded.map_err(|rule| refused(text.as_str().into(), rule))?;
            (encoded, Value::from(text.as_str()))
        }
        Prompt::Tokens(tokens) => (tokens.clone(), Value::from(tokens.as_slice())),
    };
    if tokens.is_empty() {
        let rule = "it has no tokens; give at least one (the BOS token, say)".to_owned();
        return Err(refused(value, rule));
    }
    if let Some(token) = tokens.iter().find(|token| **token as usize >= vocab_size) {
        let rule = format!("token {token} is not in the vocabulary, ids are below {vocab_size}");
        return Err(refused(value, rule));
    }
    Ok(tokens)
}

impl Detokenizer for Tokenizer {
    fn decode(&self, tokens: &[u32], skip_special: bool) -> String {
        Self::decode(self, tokens, skip_special)
    }
}
