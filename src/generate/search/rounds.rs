//! Searches with several beams per prompt, side by side in one reader.

use super::hypothesis::{Beam, reorder};
use super::{Found, Reader, Setup, Start};
use crate::generate::model::ModelFault;
use crate::generate::output::Row as Output;

/// The search of one prompt, round by round.
pub(super) trait Rounds: Sized {
    /// The prompt's place in the request.
    fn prompt(&self) -> usize;

    /// What runs: a row of the reader each, in their order.
    fn beams(&self) -> impl Iterator<Item = &Beam>;

    /// One step from the raw `scores` of all beams: the parents of the new beams, or None at the
    /// end of the search.
    fn advance(
        &mut self,
        setup: &mut Setup<'_>,
        scores: &mut [f32],
        guided: bool,
    ) -> Result<Option<Vec<usize>>, ModelFault>;

    /// What it found, best first; `scores` are those that its last step came to.
    fn into_rows(self, setup: &Setup<'_>, scores: &[f32]) -> Result<Vec<Output>, ModelFault>;
}

/// Runs the searches that `new` begins with `num_beams` beams each.
pub(super) fn run<S: Rounds>(
    setup: &mut Setup<'_>,
    batch: &[Start],
    new: impl Fn(&Setup<'_>, &Start) -> S,
) -> Result<Vec<Found>, ModelFault> {
    let config = setup.config;
    let prompts: Vec<&[u32]> = batch.iter().map(|start| &start.sequence.tokens[..]).collect();
    let (mut reader, mut logits) =
        Reader::open_copies(setup.model, config, &prompts, config.num_beams)?;
    setup.clock.prefilled();
    let size = reader.vocab_size();

    let mut live: Vec<S> = batch.iter().map(|start| new(setup, start)).collect();
    let mut found: Vec<Found> = Vec::new();
    loop {
        let rows = logits.len() / size;
        let mut from = 0;
        let mut parents = Vec::new();
        let mut going = Vec::new();
        for mut search in live.drain(..) {
            let share = search.beams().count();
            let scores = &mut logits[from * size..][..share * size];
            match search.advance(setup, scores, reader.is_guided())? {
                Some(new) => {
                    parents.extend(new.into_iter().map(|parent| from + parent));
                    going.push(search);
                }
                None => found.push((search.prompt(), search.into_rows(setup, scores)?)),
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
        let beams = live.iter().flat_map(S::beams);
        let tokens: Vec<u32> =
            beams.filter_map(|beam| beam.sequence.tokens.last().copied()).collect();
        logits = reader.step(&tokens)?;
        setup.clock.stepped();
    }
    found.sort_by_key(|(prompt, _)| *prompt);
    Ok(found)
}
