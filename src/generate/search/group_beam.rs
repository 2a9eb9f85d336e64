//! Diverse beam search in groups (arXiv 1610.02424), as transformers 4.57 has it.
//!
//! Two differences: a finished hypothesis ends with the end token that it really took (4.57
//! always writes the first of the set), and the rows of a finished group are dropped. As in
//! 4.57, stop strings end a search only when all of its running beams end in one at once.

use super::hypothesis::{Beam, Hypothesis, accumulate, candidates, reorder};
use super::{Found, Reader, Setup, Start, nothing_left};
use crate::generate::config::EarlyStopping;
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

/// The best hypotheses of a group.
struct Best {
    size: usize,
    kept: Vec<Hypothesis>,
    /// The worst score among them.
    worst: f64,
}

pub(super) fn run(setup: &mut Setup<'_>, batch: &[Start]) -> Result<Vec<Found>, ModelFault> {
    let config = setup.config;
    let prompts: Vec<&[u32]> = batch.iter().map(|start| &start.sequence.tokens[..]).collect();
    let (mut reader, mut logits) =
        Reader::open_copies(setup.model, config, &prompts, config.num_beams)?;
    setup.clock.prefilled();
    let size = reader.vocab_size();

    let mut live: Vec<Search> = batch.iter().map(|start| Search::new(setup, start)).collect();
    let mut found: Vec<Found> = Vec::new();
    loop {
        let rows = logits.len() / size;
        let mut from = 0;
        let mut parents = Vec::new();
        let mut going = Vec::new();
        for mut search in live.drain(..) {
            let share = search.rows();
            let scores = &mut logits[from * size..][..share * size];
            match search.advance(setup, scores, reader.is_guided())? {
                Some(new) => {
                    parents.extend(new.into_iter().map(|parent| from + parent));
                    going.push(search);
                }
                None => found.push((search.prompt, search.into_rows(setup))),
            }
            from += share;
        }
        live = going;
        if live.is_empty() {
            break;
        }
        if let Some(parents) = reorder(rows, &parents) {
            reader.select(parents)?;
        }
        let beams = live.iter().flat_map(|search| &search.groups).flat_map(|group| &group.beams);
        let tokens: Vec<u32> =
            beams.filter_map(|beam| beam.sequence.tokens.last().copied()).collect();
        logits = reader.step(&tokens)?;
        setup.clock.stepped();
    }
    found.sort_by_key(|(prompt, _)| *prompt);
    Ok(found)
}

impl Search {
    fn new(setup: &Setup<'_>, start: &Start) -> Self {
        let config = setup.config;
        let size = config.num_beams / config.num_beam_groups;
        let group = |_| Group {
            beams: Beam::initial(&start.sequence, size, config.output_scores),
            best: Best { size, kept: Vec::new(), worst: 1e9 },
        };
        Self { prompt: start.index, groups: (0..config.num_beam_groups).map(group).collect() }
    }

    fn rows(&self) -> usize {
        self.groups.iter().map(|group| group.beams.len()).sum()
    }

    /// One step of all groups from the raw scores of their beams: the parents of the new beams,
    /// or None at the end of the search.
    fn advance(
        &mut self,
        setup: &mut Setup<'_>,
        scores: &mut [f32],
        guided: bool,
    ) -> Result<Option<Vec<usize>>, ModelFault> {
        let size = scores.len() / self.rows().max(1);
        let mut taken: Vec<u32> = Vec::new();
        let mut parents = Vec::new();
        let mut from = 0;
        for group in &mut self.groups {
            if group.beams.is_empty() {
                // What 4.57 feeds a finished group counts as taken there too.
                taken.extend(std::iter::repeat_n(setup.config.padding(), group.best.size));
                continue;
            }
            let rows = group.beams.len();
            let scores = &mut scores[from * size..][..rows * size];
            let new = group.advance(setup, self.prompt, &taken, scores, guided)?;
            let tokens = group.beams.iter().filter_map(|beam| beam.sequence.tokens.last());
            taken.extend(tokens.copied());
            if group.best.is_done(setup, &new) {
                group.beams.clear();
            } else {
                parents.extend(new.parents.iter().map(|parent| from + parent));
            }
            from += rows;
        }
        let running = self.groups.iter().flat_map(|group| &group.beams);
        let all_stop =
            running.map(|beam| setup.stopping.check_row(&beam.sequence)).all(|end| end.is_some());
        Ok((!all_stop).then_some(parents))
    }

    fn into_rows(self, setup: &Setup<'_>) -> Vec<Output> {
        let mut all = Vec::new();
        for mut group in self.groups {
            for beam in std::mem::take(&mut group.beams) {
                let finish = setup.stopping.check_row(&beam.sequence).unwrap_or(Finish::Length);
                let length = beam.sequence.generated();
                group.best.add(setup, beam, length, finish);
            }
            all.extend(group.best.kept);
        }
        // Best first; of equals the later one, as 4.57 takes them from the end of a sorted list.
        all.sort_by(|a, b| a.score.total_cmp(&b.score));
        let rows = all.into_iter().rev().take(setup.config.num_return_sequences);
        rows.map(|hypothesis| hypothesis.into_row(setup)).collect()
    }
}

/// What a step of a group came to.
struct Stepped {
    parents: Vec<usize>,
    /// The best candidate's summed log-probability, finished or not.
    best: f32,
    /// New tokens, this step's included.
    generated: usize,
    /// New tokens at the length limit.
    longest: usize,
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
        let generated = sequence.generated();
        let longest = sequence.limit - sequence.prompt_len;
        self.beams = beams;
        Ok(Stepped { parents, best: first, generated, longest })
    }
}

impl Best {
    fn add(&mut self, setup: &Setup<'_>, beam: Beam, length: usize, finish: Finish) {
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
    fn is_done(&self, setup: &Setup<'_>, step: &Stepped) -> bool {
        if self.kept.len() < self.size {
            return false;
        }
        let penalty = setup.config.length_penalty;
        let length = match setup.config.early_stopping {
            EarlyStopping::WhenFull => return true,
            EarlyStopping::Never if penalty > 0.0 => step.longest,
            EarlyStopping::Never | EarlyStopping::Heuristic => step.generated,
        };
        self.worst >= f64::from(step.best) / (length as f64).powf(penalty)
    }
}
