//! How the next token is searched for.

mod assistant;
mod beam;
mod best;
mod constrained;
mod contrastive;
mod drafted;
#[cfg(test)]
mod drafted_tests;
mod drafting;
mod group_beam;
mod hypothesis;
mod lookup;
mod reader;
mod rounds;
mod single;
#[cfg(test)]
mod tests;

pub(crate) use drafting::Drafting;
pub(crate) use reader::Reader;

use crate::energy::{Clock as _, Monotonic};
use crate::generate::GenerateError;
use crate::generate::config::{GenerationConfig, Mode};
use crate::generate::model::{CausalLm, Detokenizer, ModelFault};
use crate::generate::output::{Batch, Finish, Row, Timings};
use crate::generate::processors::Chain;
use crate::generate::scores::History;
use crate::generate::sequence::Sequence;
use crate::generate::stopping::Stopping;

/// What a search runs with.
pub(crate) struct Setup<'a> {
    pub model: &'a dyn CausalLm,
    pub text: &'a dyn Detokenizer,
    pub config: &'a GenerationConfig,
    pub stopping: Stopping<'a>,
    pub chain: Chain,
    pub clock: Clock,
    pub drafting: Drafting<'a>,
}

/// A prompt to continue: its place in the request and its tokens.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub index: usize,
    pub sequence: Sequence,
}

/// The rows of one prompt, by its place in the request.
pub(crate) type Found = (usize, Vec<Row>);

/// Continues the prompts of one batch.
pub(crate) fn run(setup: &mut Setup<'_>, batch: &[Start]) -> Result<Vec<Found>, GenerateError> {
    let found = match setup.config.mode() {
        Mode::Single => single::run(setup, batch),
        Mode::Lookup | Mode::Assisted => drafted::run(setup, batch),
        Mode::Beam => beam::run(setup, batch),
        Mode::GroupBeam => group_beam::run(setup, batch),
        Mode::Constrained => constrained::run(setup, batch),
        Mode::Contrastive => contrastive::run(setup, batch),
    };
    Ok(found?)
}

/// Measures where the time goes, on the clock of the meters.
#[derive(Debug)]
pub(crate) struct Clock {
    timings: Timings,
    last_ns: u64,
    /// Begin of the batch, and when its prompts were read.
    batch_ns: (u64, Option<u64>),
}

impl Clock {
    pub(crate) fn start() -> Self {
        let now_ns = Monotonic.now_ns();
        Self { timings: Timings::default(), last_ns: now_ns, batch_ns: (now_ns, None) }
    }

    fn lap(&mut self) -> f64 {
        let now_ns = Monotonic.now_ns();
        let lap = now_ns.saturating_sub(self.last_ns) as f64 / 1e9;
        self.last_ns = now_ns;
        lap
    }

    /// A batch begins: what was between batches belongs to no phase.
    pub(crate) fn begin(&mut self) {
        self.lap();
        self.batch_ns = (self.last_ns, None);
    }

    /// The prompts of a batch were read.
    fn prefilled(&mut self) {
        self.timings.prefill_s += self.lap();
        self.batch_ns.1.get_or_insert(self.last_ns);
    }

    /// One step was made, from logits to the next logits.
    fn stepped(&mut self) {
        let step = self.lap();
        self.timings.decode_s += step;
        self.timings.steps_s.push(step);
    }

    /// The batch ended: what came after the last full step.
    pub(crate) fn end(&mut self) {
        self.timings.decode_s += self.lap();
        if let (begin_ns, Some(first_ns)) = self.batch_ns {
            self.timings.batches.push(Batch { begin_ns, first_ns, end_ns: self.last_ns });
        }
    }

    pub(crate) fn into_timings(self) -> Timings {
        self.timings
    }
}

impl Setup<'_> {
    /// The row that `sequence` became.
    fn row(&self, sequence: &Sequence, scores: History, finish: Finish) -> Row {
        Row {
            tokens: sequence.output().to_vec(),
            text: self.text.decode(sequence.output(), true),
            scores: scores.into_steps(),
            sequence_score: None,
            finish,
        }
    }
}

/// The failure of a step whose scores leave nothing to choose from.
fn nothing_left(prompt: usize, sequence: &Sequence, scores: &[f32]) -> ModelFault {
    let step = sequence.generated() + 1;
    let why = match scores.iter().any(|score| score.is_nan() || *score == f32::INFINITY) {
        true => "the scores are NaN or infinite; see remove_invalid_values",
        false => "every token is forbidden; take back a suppressed, banned or forced token",
    };
    ModelFault::Compute(format!("prompt {prompt}, step {step}: {why}").into())
}
