//! The traits of a backend and of a loaded engine, and what a generation gives.

use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::backends::BackendError;
use crate::energy::{Phases, Span, Tokens, Work};
use crate::generate::{Batch, Drafts, Row, Timings};
use crate::settings::Settings;

/// What runs models: a library in this process.
pub trait Backend {
    /// The name used in case names and in `params/<name>.yaml`.
    fn name(&self) -> &'static str;

    /// Whether it can run here, without loading anything heavy to find out.
    fn availability(&self) -> Availability;

    /// Refuses settings that no engine of this backend accepts (unknown names, wrong types,
    /// values out of bounds, contradictions) without any work. `load` and `generate` check the
    /// same themselves; this is for asking beforehand.
    ///
    /// # Errors
    /// [`BackendError::Refused`].
    fn check(&self, settings: &Settings) -> Result<(), BackendError>;

    /// Loads the model in directory `model` with the load settings among `settings`.
    ///
    /// # Errors
    /// Refused settings before any file is read; then what is wrong with the model directory.
    fn load(&self, model: &Path, settings: &Settings) -> Result<Box<dyn Engine>, BackendError>;

    /// Whether this process is fit for another engine of this backend. Asked after each case that
    /// ended without ending the process, whatever came of it, its engine still loaded or not.
    ///
    /// Where it is false, the cases that need another engine get a new process. Where it is true,
    /// they may get this one, after its engine was dropped: so the backend leaves nothing behind
    /// that a later engine could suffer from.
    fn keeps_process(&self) -> bool {
        false
    }

    /// Whether a second engine cannot live beside the first. Asked before an engine is loaded in a
    /// process that has one: where it is true, that one is dropped first, and loaded anew when it
    /// is needed again.
    fn one_engine(&self) -> bool {
        false
    }
}

/// Whether a backend can run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Availability {
    /// It can.
    Ready,
    /// It cannot.
    Off {
        /// Why.
        reason: String,
        /// The command that turns it on.
        remedy: String,
    },
}

/// A loaded model, ready for requests.
pub trait Engine {
    /// The load settings as the engine really has them: read off the loaded tensors and pools,
    /// not off the request.
    fn effective(&self) -> Settings;

    /// Generates for all `prompts` with the request settings among `settings` (load settings in
    /// it are checked to be those of this engine).
    ///
    /// # Errors
    /// Refused settings before any work; failures of the work.
    fn generate(
        &mut self,
        prompts: &[Prompt],
        settings: &Settings,
    ) -> Result<Generation, BackendError> {
        self.generate_share(prompts, 0..prompts.len(), settings)
    }

    /// As [`Engine::generate`], but continues the prompts in `share` alone (a range within
    /// `prompts`), with the rows that they have among all of the request: what is drawn for a
    /// prompt hangs on its place there. All prompts are checked, so that every engine that has a
    /// share of a request refuses it, or none does.
    ///
    /// # Errors
    /// Refused settings before any work; failures of the work.
    fn generate_share(
        &mut self,
        prompts: &[Prompt],
        share: Range<usize>,
        settings: &Settings,
    ) -> Result<Generation, BackendError>;

    /// The text of single tokens, to fill in `@text.N`.
    fn token_text(&self, token: u32) -> String;

    /// `model_type` of the loaded model, as `config.json` has it.
    fn architecture(&self) -> String;
}

/// What to continue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Text, tokenised as the model's tokenizer.json says.
    Text(String),
    /// Token ids.
    Tokens(Vec<u32>),
}

/// What a generation gave.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// One per prompt (of the share), in the order asked.
    pub prompts: Vec<PromptOutput>,
    /// The settings that were really in force, read back from what the loop used; load settings
    /// included.
    pub effective: Settings,
    /// Where the time went.
    pub timings: Timings,
    /// What became of drafts; null where nothing made any.
    #[serde(default)]
    pub drafts: Option<Drafts>,
}

impl Generation {
    /// What was done for it: its tokens, and its phases where the engine tells them apart.
    pub fn work(&self) -> Work {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let prompt = self.prompts.iter().map(|prompt| prompt.prompt_tokens.len()).sum();
        let rows = self.prompts.iter().flat_map(|prompt| &prompt.rows);
        let output = rows.map(|row| row.tokens.len()).sum();
        Work {
            tokens: Tokens { prompt: count(prompt), output: count(output) },
            phases: phases(&self.timings.batches),
        }
    }
}

/// The phases of some batches; none of none. A batch that ended with its first logits was not
/// decoded.
fn phases(batches: &[Batch]) -> Option<Phases> {
    let span = |begin_ns, end_ns| (end_ns > begin_ns).then_some(Span { begin_ns, end_ns });
    let prefill = batches.iter().filter_map(|one| span(one.begin_ns, one.first_ns));
    let decode = batches.iter().filter_map(|one| span(one.first_ns, one.end_ns));
    let phases = Phases { prefill: prefill.collect(), decode: decode.collect() };
    (!batches.is_empty()).then_some(phases)
}

/// The rows generated for one prompt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PromptOutput {
    /// The prompt as tokens.
    pub prompt_tokens: Vec<u32>,
    /// `num_return_sequences` rows, best first where they are ranked.
    pub rows: Vec<Row>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_those_of_the_batches_and_stay_out_of_what_is_written() {
        let batch = |begin_ns, first_ns, end_ns| Batch { begin_ns, first_ns, end_ns };
        let batches = vec![batch(10, 30, 90), batch(100, 120, 120)];
        let mut generation = Generation::default();
        assert_eq!(generation.work().phases, None);
        generation.timings.batches = batches;
        let span = |begin_ns, end_ns| Span { begin_ns, end_ns };
        let phases = generation.work().phases.unwrap();
        assert_eq!(phases.prefill, [span(10, 30), span(100, 120)]);
        assert_eq!(phases.decode, [span(30, 90)], "one token was all of the second");
        let written = serde_json::to_string(&generation).unwrap();
        assert!(!written.contains("batches"), "{written}");
    }
}
