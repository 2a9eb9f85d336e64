//! Beam search, with or without sampling.

use std::rc::Rc;

use super::hypothesis::{Beam, Hypothesis, OUT, accumulate, candidates};
use super::rounds::{self, Rounds};
use super::{Found, Setup, Start, nothing_left};
use crate::generate::config::EarlyStopping;
use crate::generate::distribution::{best_first, top};
use crate::generate::model::ModelFault;
use crate::generate::output::{Finish, Row as Output};
use crate::generate::sampling::Draws;
use crate::generate::scores::StepScores;

/// The beam search of one prompt.
struct Search {
    prompt: usize,
    /// Best first.
    beams: Vec<Beam>,
    /// Best first; at most as many as there are beams.
    finished: Vec<Hypothesis>,
    draws: Option<Draws>,
}

/// A beam continued by one token.
struct Candidate {
    parent: usize,
    token: u32,
    score: f32,
    finish: Option<Finish>,
}

pub(super) fn run(setup: &mut Setup<'_>, batch: &[Start]) -> Result<Vec<Found>, ModelFault> {
    rounds::run(setup, batch, Search::new)
}

impl Rounds for Search {
    fn prompt(&self) -> usize {
        self.prompt
    }

    fn beams(&self) -> impl Iterator<Item = &Beam> {
        self.beams.iter()
    }

    fn advance(
        &mut self,
        setup: &mut Setup<'_>,
        scores: &mut [f32],
        guided: bool,
    ) -> Result<Option<Vec<usize>>, ModelFault> {
        let width = self.beams.len();
        let size = scores.len() / width;
        let steps = accumulate(setup, &self.beams, &[], scores, guided);
        let count = candidates(width, setup.config.end_tokens().len());
        let picked = match &mut self.draws {
            Some(draws) => draws.without_replacement(scores, count),
            None => top(scores, count),
        };
        if picked.iter().all(|(_, score)| *score == f32::NEG_INFINITY)
            || picked.iter().any(|(_, score)| score.is_nan())
        {
            return Err(nothing_left(self.prompt, &self.beams[0].sequence, scores));
        }
        let mut tokens = Vec::new();
        let candidates: Vec<Candidate> = picked
            .into_iter()
            .map(|(at, score)| {
                let (parent, token) = (at / size, (at % size) as u32);
                let sequence = &self.beams[parent].sequence;
                tokens.clear();
                tokens.extend_from_slice(&sequence.tokens);
                tokens.push(token);
                let finish = setup.stopping.check(&tokens, sequence.limit);
                Candidate { parent, token, score, finish }
            })
            .collect();

        self.finish(setup, &candidates, &steps);
        let parents = self.go_on(&candidates, &steps);
        let stuck = candidates.iter().all(|candidate| candidate.finish.is_some());
        Ok((!stuck && self.may_improve(setup)).then_some(parents))
    }

    /// The best hypotheses: fewer than asked for where a search has fewer. (transformers fills
    /// up with rows that score -1e9.)
    fn into_rows(mut self, setup: &Setup<'_>, scores: &[f32]) -> Result<Vec<Output>, ModelFault> {
        if self.finished.is_empty() {
            return Err(nothing_left(self.prompt, &self.beams[0].sequence, scores));
        }
        self.finished.truncate(setup.config.num_return_sequences);
        Ok(self.finished.into_iter().map(|hypothesis| hypothesis.into_row(setup)).collect())
    }
}

impl Search {
    fn new(setup: &Setup<'_>, start: &Start) -> Self {
        let config = setup.config;
        Self {
            prompt: start.index,
            beams: Beam::initial(&start.sequence, config.num_beams, config.output_scores),
            finished: Vec::new(),
            draws: config.do_sample.then(|| Draws::new(config.seed, start.index, 0)),
        }
    }

    /// The beam that a candidate makes.
    fn beam_of(&self, candidate: &Candidate, score: f32, steps: &[Rc<StepScores>]) -> Beam {
        let mut beam = self.beams[candidate.parent].clone();
        beam.sequence.tokens.push(candidate.token);
        beam.history.push(steps.get(candidate.parent).cloned());
        Beam { score, ..beam }
    }

    /// Takes up the finished ones among the best candidates: as many of those may finish as
    /// there are beams, the others are there to go on with.
    fn finish(&mut self, setup: &Setup<'_>, candidates: &[Candidate], steps: &[Rc<StepScores>]) {
        let width = self.beams.len();
        for candidate in candidates.iter().take(width) {
            // A beam that is out only fills a place.
            let possible = candidate.score > OUT / 2.0;
            if let Some(finish) = candidate.finish.filter(|_| possible) {
                let beam = self.beam_of(candidate, candidate.score, steps);
                let score = ranking(candidate.score, beam.sequence.generated(), setup);
                self.finished.push(Hypothesis {
                    sequence: beam.sequence,
                    score: f64::from(score),
                    history: beam.history,
                    finish,
                });
            }
        }
        // Stable: of equals, the one that finished first stays first.
        self.finished.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.finished.truncate(width);
    }

    /// Makes the best unfinished candidates the beams, and gives their parents.
    fn go_on(&mut self, candidates: &[Candidate], steps: &[Rc<StepScores>]) -> Vec<usize> {
        let out = |candidate: &Candidate| if candidate.finish.is_some() { OUT } else { 0.0 };
        let mut ranked: Vec<(usize, f32)> = candidates
            .iter()
            .enumerate()
            .map(|(at, candidate)| (at, candidate.score + out(candidate)))
            .collect();
        ranked.sort_unstable_by(best_first);
        ranked.truncate(self.beams.len());
        let parents = ranked.iter().map(|(at, _)| candidates[*at].parent).collect();
        self.beams = ranked
            .iter()
            .map(|(at, score)| self.beam_of(&candidates[*at], *score, steps))
            .collect();
        parents
    }

    /// Whether a running beam may still beat a finished one, as `early_stopping` reckons.
    fn may_improve(&self, setup: &Setup<'_>) -> bool {
        let full = self.finished.len() >= self.beams.len();
        let Some(worst) = self.finished.last().filter(|_| full) else {
            return true;
        };
        let Some(best) = self.beams.first() else { return false };
        let length = match setup.config.early_stopping {
            EarlyStopping::WhenFull => return false,
            EarlyStopping::Never if setup.config.length_penalty > 0.0 => {
                best.sequence.limit - best.sequence.prompt_len
            }
            EarlyStopping::Never | EarlyStopping::Heuristic => best.sequence.generated(),
        };
        f64::from(ranking(best.score, length, setup)) > worst.score
    }
}

/// What a hypothesis is ranked by: its summed log-probability over `length ^ length_penalty`.
fn ranking(score: f32, length: usize, setup: &Setup<'_>) -> f32 {
    score / (length as f64).powf(setup.config.length_penalty) as f32
}
