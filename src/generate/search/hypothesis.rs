//! What beam searches keep: running beams and finished hypotheses.

use crate::generate::output::{Finish, Row};
use crate::generate::scores::History;
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
    pub(super) fn into_row(self, setup: &Setup<'_>) -> Row {
        let score = Some(self.score as f32);
        Row { sequence_score: score, ..setup.row(&self.sequence, self.history, self.finish) }
    }
}

/// How many candidates beam search looks at: with so many, enough are left to go on with even
/// if every beam's best ones are end tokens.
pub(super) fn candidates(beams: usize, end_tokens: usize) -> usize {
    beams * (1 + end_tokens).max(2)
}

/// The row indices that bring the rows of several searches, `width` old rows each, into the
/// order of `parents`; None where every row stays where it is.
pub(super) fn reorder(rows: usize, parents: &[usize]) -> Option<&[usize]> {
    let same = parents.len() == rows && parents.iter().enumerate().all(|(at, row)| at == *row);
    (!same).then_some(parents)
}
