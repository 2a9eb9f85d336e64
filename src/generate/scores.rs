//! What `output_scores` keeps.

use std::rc::Rc;

use crate::generate::distribution::log_sum_exp;

/// The tokens left possible at one step with their log-probability, in the order of their ids.
pub(crate) type StepScores = Vec<(u32, f32)>;

/// The log-softmax of processed `scores`, without the forbidden tokens.
pub(crate) fn step(scores: &[f32]) -> StepScores {
    let total = log_sum_exp(scores);
    scores
        .iter()
        .enumerate()
        .filter(|(_, score)| score.is_finite())
        .map(|(token, score)| (token as u32, score - total))
        .collect()
}

/// The steps behind a hypothesis; hypotheses with a common past share its steps. None where
/// scores are not wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct History(Option<Vec<Rc<StepScores>>>);

impl History {
    /// Nothing yet; `wanted` says whether anything is kept at all.
    pub(crate) fn new(wanted: bool) -> Self {
        Self(wanted.then(Vec::new))
    }

    /// Whether scores are kept.
    pub(crate) fn wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Adds a step.
    pub(crate) fn push(&mut self, step: Option<Rc<StepScores>>) {
        if let (Some(steps), Some(step)) = (&mut self.0, step) {
            steps.push(step);
        }
    }

    /// The steps, for the output.
    pub(crate) fn into_steps(self) -> Option<Vec<StepScores>> {
        self.0.map(|steps| steps.iter().map(|step| step.to_vec()).collect())
    }
}
