//! The table of request parameters: name, type, default, rule.

use super::ids::{Biases, Sequences, TokenSet, Tokens};
use super::setting::{Limits, Rule, Setting};
use super::values::{AssistantSchedule, Batching, Decay, EarlyStopping, StopStrings, Watermark};
use super::words::ForcedWords;
use crate::settings::Value;

/// Rows per prompt that are taken for meant: a typing error is to be refused, not to end in want
/// of memory.
const MOST_ROWS: f64 = 1024.0;

macro_rules! parameters {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr, $rule:expr;)*) => {
        /// Checked request settings. The defaults are those of transformers 5.23.0.
        #[derive(Debug, Clone, PartialEq)]
        pub struct GenerationConfig {
            $($(#[$doc])* pub(crate) $name: $type,)*
            /// Whether a draft model is loaded beside the model; no parameter of a request.
            pub(crate) has_assistant: bool,
        }

        impl Default for GenerationConfig {
            fn default() -> Self {
                Self { $($name: $default,)* has_assistant: false }
            }
        }

        impl GenerationConfig {
            /// Every request parameter of the loop, by name.
            pub const PARAMETERS: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Sets `name` to the checked `value`; the error is the rule that `value` breaks.
            pub(super) fn set(
                &mut self,
                name: &str,
                value: &Value,
                limits: &Limits,
            ) -> Result<(), String> {
                match name {
                    $(stringify!($name) => {
                        self.$name = Setting::check(value, &$rule, limits)?;
                    })*
                    _ => return Err("no such parameter".to_owned()),
                }
                Ok(())
            }

            /// The value in force of `name`; null where it is open or has no such name.
            pub(in crate::generate) fn read(&self, name: &str) -> Value {
                match name {
                    $(stringify!($name) => self.$name.show(),)*
                    _ => Value::Null,
                }
            }
        }
    };
}

parameters! {
    // Processors, in the order in which they are applied.

    /// Strength of classifier-free guidance; 1 is off.
    guidance_scale: Option<f64> = None, Rule::at_least(0.0);
    /// The prompt of the unconditional branch; its default is the last prompt token.
    negative_prompt_ids: Option<Tokens> = None, Rule::Any;
    /// What is added to tokens that would complete a sequence.
    sequence_bias: Option<Biases> = None, Rule::Any;
    /// Subtracted per use of a token by an earlier group at the same step.
    diversity_penalty: f64 = 0.0, Rule::at_least(0.0).strictly_float();
    /// Above 1 favours tokens of the prompt.
    encoder_repetition_penalty: f64 = 1.0, Rule::above(0.0).strictly_float();
    /// Above 1 disfavours tokens of prompt and output.
    repetition_penalty: f64 = 1.0, Rule::above(0.0).strictly_float();
    /// Length of n-grams that may occur once only; 0 is off.
    no_repeat_ngram_size: usize = 0, Rule::Any;
    /// Length of n-grams of the prompt that may not occur in the output; 0 is off.
    encoder_no_repeat_ngram_size: usize = 0, Rule::Any;
    /// Sequences that may not be completed.
    bad_words_ids: Option<Sequences> = None, Rule::Any;
    /// No end token before this total length.
    min_length: usize = 0, Rule::Any;
    /// No end token before so many new tokens.
    min_new_tokens: Option<usize> = None, Rule::Any;
    /// Forced where the row has exactly one token.
    forced_bos_token_id: Option<u32> = None, Rule::Any;
    /// Forced as the last token before the length limit.
    forced_eos_token_id: Option<TokenSet> = None, Rule::Any;
    /// Makes NaN and infinities finite.
    remove_invalid_values: bool = false, Rule::Any;
    /// `[start, factor]`: raises the end tokens exponentially after `start` new tokens.
    exponential_decay_length_penalty: Option<Decay> = None, Rule::Any;
    /// Never generated.
    suppress_tokens: Option<Tokens> = None, Rule::Any;
    /// Never generated first.
    begin_suppress_tokens: Option<Tokens> = None, Rule::Any;

    // Warpers, only with `do_sample`, in the order in which they are applied.

    /// Divides the scores.
    temperature: f64 = 1.0, Rule::above(0.0).strictly_float();
    /// Share of the entropy of the 100 best tokens to keep.
    top_h: Option<f64> = None, Rule::above(0.0).up_to(1.0);
    /// How many of the best tokens to keep; 0 is off.
    top_k: Option<usize> = None, Rule::Any;
    /// Probability mass of the best tokens to keep.
    top_p: f64 = 1.0, Rule::at_least(0.0).up_to(1.0);
    /// Least probability to keep, as a share of the best one's.
    min_p: Option<f64> = None, Rule::at_least(0.0).up_to(1.0);
    /// Probability mass of the most typical tokens to keep.
    typical_p: f64 = 1.0, Rule::above(0.0).up_to(1.0);
    /// Least probability to keep; 0 is off.
    epsilon_cutoff: f64 = 0.0, Rule::at_least(0.0).below(1.0);
    /// Least probability to keep, lowered where the entropy is high; 0 is off.
    eta_cutoff: f64 = 0.0, Rule::at_least(0.0).below(1.0);

    // After all of them.

    /// Favours a keyed part of the vocabulary.
    watermarking_config: Option<Watermark> = None, Rule::Any;
    /// Log-softmax as the last step.
    renormalize_logits: bool = false, Rule::Any;

    // The choice of a token.

    /// Draws tokens instead of taking the best.
    do_sample: bool = false, Rule::Any;
    /// Seed of the draws.
    seed: u64 = 0, Rule::Any;
    /// Rows per prompt.
    num_return_sequences: usize = 1, Rule::at_least(1.0).up_to(MOST_ROWS);
    /// Running hypotheses per prompt; 1 is no beam search.
    num_beams: usize = 1, Rule::at_least(1.0).up_to(MOST_ROWS);
    /// Exponent on the length when finished beams are ranked.
    length_penalty: f64 = 1.0, Rule::Any;
    /// When beam search may stop.
    early_stopping: EarlyStopping = EarlyStopping::Heuristic, Rule::Any;
    /// Groups of beams that are kept apart by `diversity_penalty`; 1 is off.
    num_beam_groups: usize = 1, Rule::at_least(1.0);
    /// Words that must come out, in constrained beam search.
    force_words_ids: Option<ForcedWords> = None, Rule::Any;
    /// Weight of the degeneration penalty of contrastive search; 0 is off.
    penalty_alpha: Option<f64> = None, Rule::at_least(0.0).up_to(1.0);
    /// Runs the candidates of contrastive search one after the other.
    low_memory: bool = false, Rule::Any;
    /// Length of drafts that are copied from the context.
    prompt_lookup_num_tokens: Option<usize> = None, Rule::at_least(1.0);
    /// Longest n-gram that a draft is looked up by; its default is 2.
    max_matching_ngram_size: Option<usize> = None, Rule::at_least(1.0);
    /// Drafts with so many of the model's own first layers.
    assistant_early_exit: Option<usize> = None, Rule::at_least(1.0);
    /// Most tokens of a draft, or of the first draft, as the schedule says; its default is 20.
    num_assistant_tokens: Option<usize> = None, Rule::at_least(1.0);
    /// How the length of drafts follows what became of them; its default is constant.
    num_assistant_tokens_schedule: Option<AssistantSchedule> = None, Rule::Any;
    /// A draft ends with a token that the draft model gives less probability; its default is 0.4.
    assistant_confidence_threshold: Option<f64> = None, Rule::at_least(0.0).up_to(1.0);

    // When a row ends.

    /// Total length, prompt included.
    max_length: Option<usize> = None, Rule::at_least(1.0);
    /// New tokens.
    max_new_tokens: Option<usize> = None, Rule::at_least(1.0);
    /// Seconds; the running step is finished.
    max_time: Option<f64> = None, Rule::above(0.0);
    /// Texts that end a row.
    stop_strings: Option<StopStrings> = None, Rule::Any;
    /// Tokens that end a row.
    eos_token_id: Option<TokenSet> = None, Rule::Any;
    /// Fills the padding of a batch.
    pad_token_id: Option<u32> = None, Rule::Any;
    /// What an empty prompt starts from.
    bos_token_id: Option<u32> = None, Rule::Any;

    // How the work is done.

    /// Keeps keys and values; without, every step reads the whole row again.
    use_cache: bool = true, Rule::Any;
    /// Tokens of a prompt that are read at once.
    prefill_chunk_size: Option<usize> = None, Rule::at_least(1.0);
    /// Prompts per batch of the static strategies.
    batch_size: usize = 1, Rule::at_least(1.0);
    /// How prompts are grouped into batches.
    batching_strategy: Batching = Batching::Static, Rule::Any;
    /// Padded prompt tokens per batch of the dynamic strategies; its default is what one row of
    /// the model may hold.
    max_tokens_per_batch: Option<usize> = None, Rule::at_least(1.0);
    /// Keeps, per step, the tokens left possible.
    output_scores: bool = false, Rule::Any;
}
