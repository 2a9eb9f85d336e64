//! The finished hypotheses of a search, as the beam searches of transformers 4 keep them
//! (`BeamHypotheses` of 4.49).

use super::Setup;
use super::hypothesis::{Beam, Hypothesis};
use crate::generate::config::EarlyStopping;
use crate::generate::output::Finish;
use crate::generate::sequence::Sequence;

/// The best hypotheses so far.
pub(super) struct Best {
    size: usize,
    kept: Vec<Hypothesis>,
    /// The worst score among them.
    worst: f64,
}

/// How far the running beams may still come.
pub(super) struct Reach {
    /// The best candidate's summed log-probability, finished or not.
    best: f32,
    /// New tokens, this step's included.
    generated: usize,
    /// New tokens at the length limit.
    longest: usize,
}

impl Reach {
    /// Of beams like `sequence`, of which the best scores `best`.
    pub(super) fn of(sequence: &Sequence, best: f32) -> Self {
        let longest = sequence.limit - sequence.prompt_len;
        Self { best, generated: sequence.generated(), longest }
    }
}

impl Best {
    /// Nothing yet, with places for `size`.
    pub(super) fn new(size: usize) -> Self {
        Self { size, kept: Vec::new(), worst: 1e9 }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(super) fn into_kept(self) -> Vec<Hypothesis> {
        self.kept
    }

    /// Takes up a beam that still ran when its search ended.
    pub(super) fn add_running(&mut self, setup: &Setup<'_>, beam: Beam) {
        let finish = setup.stopping.check_row(&beam.sequence).unwrap_or(Finish::Length);
        let length = beam.sequence.generated();
        self.add(setup, beam, length, finish);
    }

    pub(super) fn add(&mut self, setup: &Setup<'_>, beam: Beam, length: usize, finish: Finish) {
        let score = f64::from(beam.score) / (length as f64).powf(setup.config.length_penalty);
        if self.kept.len() >= self.size && score <= self.worst {
            return;
        }
        self.kept.push(Hypothesis {
            sequence: beam.sequence,
            score,
            history: beam.history,
            finish,
        });
        let mut order: Vec<usize> = (0..self.kept.len()).collect();
        order.sort_by(|a, b| self.kept[*a].score.total_cmp(&self.kept[*b].score));
        if self.kept.len() > self.size {
            self.worst = self.kept[order[1]].score;
            self.kept.remove(order[0]);
        } else {
            self.worst = self.worst.min(score);
        }
    }

    /// Whether no running beam may beat the kept hypotheses, as `early_stopping` reckons.
    pub(super) fn is_done(&self, setup: &Setup<'_>, reach: &Reach) -> bool {
        if self.kept.len() < self.size {
            return false;
        }
        let penalty = setup.config.length_penalty;
        let length = match setup.config.early_stopping {
            EarlyStopping::WhenFull => return true,
            EarlyStopping::Never if penalty > 0.0 => reach.longest,
            EarlyStopping::Never | EarlyStopping::Heuristic => reach.generated,
        };
        self.worst >= f64::from(reach.best) / (length as f64).powf(penalty)
    }
}

/// Sorts `all` best first; of equals the later one, as 4.49 takes them from the end of a sorted
/// list.
pub(super) fn best_first(all: &mut [Hypothesis]) {
    all.sort_by(|a, b| a.score.total_cmp(&b.score));
    all.reverse();
}
