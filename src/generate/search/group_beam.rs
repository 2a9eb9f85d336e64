//! Diverse beam search in groups (arXiv 1610.02424), as transformers 4.57 has it.
//!
//! Two differences: a finished hypothesis ends with the end token that it really took (4.57
//! always writes the first of the set), and the rows of a finished group are dropped. As in
//! 4.57, stop strings end a search only when all of its running beams end in one at once.

use super::best::{Best, Reach, best_first};
use super::hypothesis::{Beam, accumulate, candidates};
use super::rounds::{self, Rounds};
use super::{Found, Setup, Start, nothing_left};
use crate::generate::distribution::top;
use crate::generate::model::ModelFault;
use crate::generate::output::{Finish, Row as Output};

/// The search of one prompt.
struct Search {
    prompt: usize,
    groups: Vec<Group>,
}

/// One group of beams.
struct Group {
    /// Empty once the group is done.
    beams: Vec<Beam>,
    best: Best,
}

pub(super) fn run(setup: &mut Setup<'_>, batch: &[Start]) -> Result<Vec<Found>, ModelFault> {
    rounds::run(setup, batch, Search::new)
}

impl Search {
    fn new(setup: &Setup<'_>, start: &Start) -> Self {
        let config = setup.config;
        let size = config.num_beams / config.num_beam_groups;
        let group = |_| Group {
            beams: Beam::initial(&start.sequence, size, config.output_scores),
            best: Best::new(size),
        };
        Self { prompt: start.index, groups: (0..config.num_beam_groups).map(group).collect() }
    }
}

impl Rounds for Search {
    fn prompt(&self) -> usize {
        self.prompt
    }

    fn beams(&self) -> impl Iterator<Item = &Beam> {
        self.groups.iter().flat_map(|group| &group.beams)
    }

    fn advance(
        &mut self,
        setup: &mut Setup<'_>,
        scores: &mut [f32],
        guided: bool,
    ) -> Result<Option<Vec<usize>>, ModelFault> {
        let size = scores.len() / self.beams().count().max(1);
        let mut taken: Vec<u32> = Vec::new();
        let mut parents = Vec::new();
        let mut from = 0;
        for group in &mut self.groups {
            if group.beams.is_empty() {
                // What 4.57 feeds a finished group counts as taken there too.
                taken.extend(std::iter::repeat_n(setup.config.padding(), group.best.size()));
                continue;
            }
            let rows = group.beams.len();
            let scores = &mut scores[from * size..][..rows * size];
            let new = group.advance(setup, self.prompt, &taken, scores, guided)?;
            let tokens = group.beams.iter().filter_map(|beam| beam.sequence.tokens.last());
            taken.extend(tokens.copied());
            if group.best.is_done(setup, &new.reach) {
                group.beams.clear();
            } else {
                parents.extend(new.parents.iter().map(|parent| from + parent));
            }
            from += rows;
        }
        let all_stop = self.beams().all(|beam| setup.stopping.check_row(&beam.sequence).is_some());
        Ok((!all_stop).then_some(parents))
    }

    fn into_rows(self, setup: &Setup<'_>, _: &[f32]) -> Result<Vec<Output>, ModelFault> {
        let mut all = Vec::new();
        for mut group in self.groups {
            for beam in std::mem::take(&mut group.beams) {
                group.best.add_running(setup, beam);
            }
            all.extend(group.best.into_kept());
        }
        best_first(&mut all);
        all.truncate(setup.config.num_return_sequences);
        Ok(all.into_iter().map(|hypothesis| hypothesis.into_row(setup)).collect())
    }
}

/// What a step of a group came to.
struct Stepped {
    parents: Vec<usize>,
    reach: Reach,
}

impl Group {
    fn advance(
        &mut self,
        setup: &mut Setup<'_>,
        prompt: usize,
        taken: &[u32],
        scores: &mut [f32],
        guided: bool,
    ) -> Result<Stepped, ModelFault> {
        let width = self.beams.len();
        let size = scores.len() / width;
        let steps = accumulate(setup, &self.beams, taken, scores, guided);
        let end = setup.config.end_tokens();
        let picked = top(scores, candidates(width, end.len()));
        let first = picked.first().map_or(f32::NAN, |(_, score)| *score);
        if first.is_nan() || first == f32::NEG_INFINITY {
            return Err(nothing_left(prompt, &self.beams[0].sequence, scores));
        }
        let (mut beams, mut parents) = (Vec::new(), Vec::new());
        for (rank, (at, score)) in picked.iter().enumerate() {
            let (parent, token) = (at / size, (at % size) as u32);
            let ends = end.contains(&token);
            if ends && rank >= width {
                continue;
            }
            let mut beam = self.beams[parent].clone();
            beam.sequence.tokens.push(token);
            beam.history.push(steps.get(parent).cloned());
            beam.score = *score;
            if ends {
                let length = beam.sequence.generated();
                self.best.add(setup, beam, length, Finish::EndToken);
            } else {
                beams.push(beam);
                parents.push(parent);
            }
            if beams.len() == width {
                break;
            }
        }
        let Some(sequence) = beams.first().map(|beam| &beam.sequence) else {
            return Err(nothing_left(prompt, &self.beams[0].sequence, scores));
        };
        let reach = Reach::of(sequence, first);
        self.beams = beams;
        Ok(Stepped { parents, reach })
    }
}
