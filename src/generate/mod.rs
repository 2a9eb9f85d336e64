//! The generation loop in plain Rust over logits. Knows no tensor library.
//!
//! The order and the meaning of the controls are those of transformers 5.23.0; group beam search
//! and contrastive search, which it no longer has, are those of 4.57, and constrained beam search
//! is that of 4.49. What differs on purpose:
//!
//! - A row does not depend on the batch it runs in: lengths are counted without padding, and
//!   each row has a random stream of its own.
//! - A seed gives draws of this crate, not of torch. Drafts do not change them.
//! - The unconditional cache of guidance follows its beams.
//! - Where nothing is left to choose from, generation fails instead of taking token 0.
//! - Settings that would be ignored are refused (see [`GenerationConfig::parse`]).
//! - Green list watermarks are those of transformers on a CPU, key for key; SynthID is refused.

mod batching;
mod config;
mod constraints;
mod distribution;
#[cfg(test)]
mod fake;
mod model;
mod output;
mod processors;
#[cfg(test)]
mod reference;
mod sampling;
mod scores;
mod search;
mod sequence;
mod stopping;

pub use config::{GenerationConfig, ModelDefaults};
pub use model::{CausalLm, Context, Detokenizer, Extended, ModelFault, Want};
pub use output::{Batch, Drafts, Finish, Row, Timings};

use std::ops::Range;

use thiserror::Error;

use crate::refusal::Refusal;
use crate::settings::Value;
use constraints::Constraints;
use processors::Chain;
use search::{Clock, Drafting, Setup, Start};
use sequence::Sequence;
use stopping::Stopping;

/// What [`generate`] gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Generated {
    /// Per prompt, in the order asked, its rows: best first where they are ranked. As many as
    /// `num_return_sequences`; fewer only where beam search has fewer hypotheses.
    pub rows: Vec<Vec<Row>>,
    /// Where the time went.
    pub timings: Timings,
    /// What became of drafts; none where nothing makes any.
    pub drafts: Option<Drafts>,
}

/// A generation could not be done.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GenerateError {
    /// A setting does not fit these prompts (too long for the model, ...); nothing was done.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The model failed, or left no token to choose.
    #[error(transparent)]
    Model(#[from] ModelFault),
}

/// Continues all `prompts` (token ids) as `config` says. An empty prompt starts from
/// `bos_token_id`.
///
/// # Errors
/// [`GenerateError`]: refused before any work, or the model failed.
pub fn generate(
    model: &dyn CausalLm,
    text: &dyn Detokenizer,
    prompts: &[Vec<u32>],
    config: &GenerationConfig,
) -> Result<Generated, GenerateError> {
    generate_share(model, None, text, prompts, 0..prompts.len(), config)
}

/// As [`generate`], but continues the prompts in `share` alone: with the rows that they have among
/// all of the request, which are checked all the same. `rows` has an entry for each of the share; a
/// share that reaches beyond the prompts is empty. With `assistant`, a draft model: it has the same
/// vocabulary and no fewer positions, and `config` was checked with [`ModelDefaults::assistant`].
///
/// # Errors
/// As [`generate`]; refusals are the same whatever the share is.
pub fn generate_share(
    model: &dyn CausalLm,
    assistant: Option<&dyn CausalLm>,
    text: &dyn Detokenizer,
    prompts: &[Vec<u32>],
    share: Range<usize>,
    config: &GenerationConfig,
) -> Result<Generated, GenerateError> {
    let words = Constraints::of(config);
    let starts = prompts
        .iter()
        .enumerate()
        .map(|(index, prompt)| start(model, config, &words, index, prompt))
        .collect::<Result<Vec<Start>, Refusal>>()?;
    let starts = starts.get(share.clone()).unwrap_or_default();
    let exit = config.assistant_early_exit.map(|layers| {
        model.early_exit(layers).map_err(|rule| Refusal::new("assistant_early_exit", layers, rule))
    });
    let exit = exit.transpose()?;
    let lengths: Vec<usize> = starts.iter().map(|start| start.sequence.prompt_len).collect();
    let room: Vec<usize> =
        starts.iter().map(|start| start.sequence.limit - start.sequence.prompt_len).collect();

    let mut setup = Setup {
        model,
        text,
        config,
        stopping: Stopping::new(config, text),
        chain: Chain::new(config, model.vocab_size()),
        clock: Clock::start(),
        drafting: Drafting::new(config, exit.as_deref().or(assistant)),
    };
    let mut rows: Vec<Vec<Row>> = vec![Vec::new(); starts.len()];
    for batch in batching::batches(config, &lengths, &room, model.max_positions()) {
        let batch: Vec<Start> = batch.into_iter().map(|index| starts[index].clone()).collect();
        setup.clock.begin();
        for (index, found) in search::run(&mut setup, &batch)? {
            rows[index - share.start] = found;
        }
        setup.clock.end();
    }
    let Setup { clock, drafting, .. } = setup;
    Ok(Generated { rows, timings: clock.into_timings(), drafts: drafting.into_drafts() })
}

/// Checks that `prompt` fits the model and the settings.
fn start(
    model: &dyn CausalLm,
    config: &GenerationConfig,
    words: &Constraints,
    index: usize,
    prompt: &[u32],
) -> Result<Start, Refusal> {
    let tokens = match (prompt, config.bos_token_id) {
        ([], Some(begin)) => vec![begin],
        ([], None) => {
            let rule = format!("prompt {index} is empty; set it or give the prompt a token");
            return Err(Refusal::new("bos_token_id", Value::Null, rule));
        }
        (tokens, _) => tokens.to_vec(),
    };
    if let Some(outside) = tokens.iter().find(|token| **token as usize >= model.vocab_size()) {
        let size = model.vocab_size();
        let rule = format!("prompt {index} has a token outside of the vocabulary of {size}");
        return Err(Refusal::new("prompt", *outside, rule));
    }
    let positions = model.max_positions();
    let limit = config.length_limit(tokens.len(), positions);
    let (parameter, value) = match (config.max_new_tokens, config.max_length) {
        (Some(new), _) => ("max_new_tokens", Value::from(new)),
        (None, Some(length)) => ("max_length", Value::from(length)),
        (None, None) => ("max_length", Value::Null),
    };
    if limit > positions {
        let length = tokens.len();
        let rule = format!(
            "prompt {index} has {length} tokens, and the model has {positions} positions for both"
        );
        return Err(Refusal::new(parameter, value, rule));
    }
    if limit <= tokens.len() {
        let length = tokens.len();
        let rule = format!("prompt {index} has {length} tokens, which leaves no room for another");
        return Err(Refusal::new(parameter, value, rule));
    }
    if let Some(negative) = config.negative_prompt_ids.as_deref() {
        let length = negative.len() + limit - tokens.len();
        if length > positions {
            let rule = format!(
                "with the output of prompt {index} it makes {length} tokens, and the model has \
                 {positions} positions"
            );
            return Err(Refusal::new("negative_prompt_ids", negative.to_vec(), rule));
        }
    }
    let (room, missing) = (limit - tokens.len(), words.missing(&words.read(&tokens)));
    if missing > room {
        let rule = format!("prompt {index} leaves room for {room} tokens, and they take {missing}");
        return Err(Refusal::new("force_words_ids", config.read("force_words_ids"), rule));
    }
    let sequence = Sequence { prompt_len: tokens.len(), tokens, limit };
    Ok(Start { index, sequence })
}
