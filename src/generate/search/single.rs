//! Greedy search and sampling: one row at a time.

use std::rc::Rc;

use super::{Found, Reader, Setup, Start, nothing_left};
use crate::generate::distribution::argmax;
use crate::generate::model::ModelFault;
use crate::generate::output::Row as Output;
use crate::generate::processors::Row;
use crate::generate::sampling::Draws;
use crate::generate::scores::{History, step};
use crate::generate::sequence::Sequence;

/// A row that is not finished.
pub(super) struct Live {
    /// The prompt's place in the request.
    pub prompt: usize,
    /// The row's place among those of its prompt.
    place: usize,
    pub sequence: Sequence,
    pub history: History,
    /// None in greedy search.
    draws: Option<Draws>,
}

impl Live {
    pub(super) fn new(setup: &Setup<'_>, start: &Start, place: usize) -> Self {
        let config = setup.config;
        Self {
            prompt: start.index,
            place,
            sequence: start.sequence.clone(),
            history: History::new(config.output_scores),
            draws: config.do_sample.then(|| Draws::new(config.seed, start.index, place)),
        }
    }

    /// Takes the next token from its raw `scores`.
    pub(super) fn advance(
        &mut self,
        setup: &mut Setup<'_>,
        scores: &mut [f32],
    ) -> Result<u32, ModelFault> {
        setup.chain.apply(&Row::of(&self.sequence), scores);
        let chosen = match &mut self.draws {
            Some(draws) => draws.token(scores),
            None => {
                let best = argmax(scores);
                (scores[best] > f32::NEG_INFINITY).then_some(best as u32)
            }
        };
        let token = chosen.ok_or_else(|| nothing_left(self.prompt, &self.sequence, scores))?;
        let kept = self.history.wanted().then(|| Rc::new(step(scores)));
        self.history.push(kept);
        self.sequence.tokens.push(token);
        Ok(token)
    }
}

pub(super) fn run(setup: &mut Setup<'_>, batch: &[Start]) -> Result<Vec<Found>, ModelFault> {
    let prompts: Vec<&[u32]> = batch.iter().map(|start| &start.sequence.tokens[..]).collect();
    let copies = setup.config.num_return_sequences;
    let (mut reader, mut logits) =
        Reader::open_copies(setup.model, setup.config, &prompts, copies)?;
    setup.clock.prefilled();
    let size = reader.vocab_size();

    let mut live: Vec<Live> = Vec::new();
    for start in batch {
        live.extend((0..copies).map(|place| Live::new(setup, start, place)));
    }

    let mut done: Vec<(usize, usize, Output)> = Vec::new();
    loop {
        let mut kept = Vec::new();
        let mut next = Vec::new();
        let mut going = Vec::new();
        for ((at, mut row), scores) in live.drain(..).enumerate().zip(logits.chunks_exact_mut(size))
        {
            let token = row.advance(setup, scores)?;
            match setup.stopping.check_row(&row.sequence) {
                Some(finish) => {
                    let (prompt, place) = (row.prompt, row.place);
                    done.push((prompt, place, setup.row(&row.sequence, row.history, finish)));
                }
                None => {
                    kept.push(at);
                    next.push(token);
                    going.push(row);
                }
            }
        }
        if going.is_empty() {
            break;
        }
        if kept.len() * size < logits.len() {
            reader.select(&kept)?;
        }
        live = going;
        logits = reader.step(&next)?;
        setup.clock.stepped();
    }

    done.sort_by_key(|(prompt, place, _)| (*prompt, *place));
    let mut found: Vec<Found> = Vec::new();
    for (prompt, _, row) in done {
        match found.last_mut() {
            Some((last, rows)) if *last == prompt => rows.push(row),
            _ => found.push((prompt, vec![row])),
        }
    }
    Ok(found)
}
