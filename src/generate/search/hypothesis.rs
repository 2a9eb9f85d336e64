//! What beam searches keep: running beams and finished hypotheses.

use std::rc::Rc;

use crate::generate::distribution::log_softmax;
use crate::generate::output::{Finish, Row as Output};
use crate::generate::processors::Row;
use crate::generate::scores::{History, StepScores, step};
use crate::generate::search::Setup;
use crate::generate::sequence::Sequence;

/// Added to the score of what should not be chosen while anything else is left.
pub(super) const OUT: f32 = -1e9;

/// A running beam.
#[derive(Clone)]
pub(super) struct Beam {
    pub sequence: Sequence,
    /// Summed processed log-probability.
    pub score: f32,
    pub history: History,
}

impl Beam {
    /// The beams that a search of `count` starts with: only the first is live, as all are equal.
    pub(super) fn initial(sequence: &Sequence, count: usize, scores: bool) -> Vec<Self> {
        let beam = |place: usize| Self {
            sequence: sequence.clone(),
            score: if place == 0 { 0.0 } else { OUT },
            history: History::new(scores),
        };
        (0..count).map(beam).collect()
    }
}

/// A finished beam.
pub(super) struct Hypothesis {
    pub sequence: Sequence,
    /// What it is ranked by.
    pub score: f64,
    pub history: History,
    pub finish: Finish,
}

impl Hypothesis {
    pub(super) fn into_row(self, setup: &Setup<'_>) -> Output {
        let score = Some(self.score as f32);
        Output { sequence_score: score, ..setup.row(&self.sequence, self.history, self.finish) }
    }
}

/// Turns the raw scores of `beams` into log-probabilities, processes them, and adds the scores of
/// the beams; `taken` are the tokens of earlier groups at this step. Guided scores are combined
/// log-probabilities already. Gives what `output_scores` keeps.
pub(super) fn accumulate(
    setup: &mut Setup<'_>,
    beams: &[Beam],
    taken: &[u32],
    scores: &mut [f32],
    guided: bool,
) -> Vec<Rc<StepScores>> {
    let size = scores.len() / beams.len().max(1);
    let mut steps = Vec::new();
    for (beam, scores) in beams.iter().zip(scores.chunks_exact_mut(size)) {
        if !guided {
            log_softmax(scores);
        }
        setup.chain.apply(&Row { taken, ..Row::of(&beam.sequence) }, scores);
        if beam.history.wanted() {
            steps.push(Rc::new(step(scores)));
        }
        scores.iter_mut().for_each(|score| *score += beam.score);
    }
    steps
}

/// How many candidates beam search looks at: with so many, enough are left to go on with even
/// if every beam's best ones are end tokens.
pub(super) fn candidates(beams: usize, end_tokens: usize) -> usize {
    beams * (1 + end_tokens).max(2)
}

/// `parents` (per new row the old one), or None where each of the `rows` old rows stays where it
/// is.
pub(super) fn reorder(rows: usize, parents: &[usize]) -> Option<&[usize]> {
    let same = parents.len() == rows && parents.iter().enumerate().all(|(at, row)| at == *row);
    (!same).then_some(parents)
}
