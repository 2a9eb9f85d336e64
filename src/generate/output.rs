//! What the loop gives back.

use serde::{Deserialize, Serialize};

/// One generated sequence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The generated ids: the end token where one was generated, no padding.
    pub tokens: Vec<u32>,
    /// Their text, special tokens left out.
    pub text: String,
    /// Per step, the tokens left possible with their processed log-probability, in the order of
    /// their ids; only with `output_scores`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Vec<Vec<(u32, f32)>>>,
    /// The ranking score of beam search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence_score: Option<f32>,
    /// Why it ended.
    pub finish: Finish,
}

/// Why a row ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The length limit.
    Length,
    /// A token of `eos_token_id`.
    EndToken,
    /// A stop string.
    StopString,
    /// `max_time`.
    Time,
}

/// What became of the drafts of a generation: tokens that something cheaper than the model proposed,
/// and that the model then chose or not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drafts {
    /// Runs of the model that checked a draft, empty ones included.
    pub rounds: u64,
    /// Tokens drafted.
    pub drafted: u64,
    /// Tokens drafted that the model chose.
    pub accepted: u64,
    /// Most tokens that the next draft would have had: what the schedule had come to.
    pub next_limit: usize,
}

/// Where the time of a generation went, in seconds of wall clock.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Running the prompts through the model, up to the first logits.
    pub prefill_s: f64,
    /// Everything after the first logits.
    pub decode_s: f64,
    /// Each decoding step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps_s: Vec<f64>,
    /// When each batch was worked on; empty where the engine does not tell its phases apart. Read
    /// and never written: such times mean nothing on another machine or after the next boot, and
    /// those of several processes overlap.
    #[serde(default, skip_serializing)]
    pub batches: Vec<Batch>,
}

/// When a batch was worked on: CLOCK_MONOTONIC in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Its prompts begin to be read.
    pub begin_ns: u64,
    /// The first logits of all its prompts are there.
    pub first_ns: u64,
    /// Its last token is there.
    pub end_ns: u64,
}
