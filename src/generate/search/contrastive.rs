//! Contrastive search (arXiv 2202.06417), as transformers 4.57 has it: of the `top_k` best
//! tokens, the one whose probability outweighs its likeness to what stands already.
//!
//! One difference: a forbidden token is no candidate, even where fewer than `top_k` are allowed.

use std::rc::Rc;

use super::{Found, Reader, Setup, Start, nothing_left};
use crate::generate::distribution::{softmax, top};
use crate::generate::model::{ModelFault, Want};
use crate::generate::output::Row as Output;
use crate::generate::processors::Row;
use crate::generate::scores::{History, step};
use crate::generate::sequence::Sequence;

/// A row that is not finished.
struct Live {
    prompt: usize,
    sequence: Sequence,
    history: History,
    /// The hidden states of all its tokens, one after the other, each of length 1.
    states: Vec<f32>,
}

pub(super) fn run(setup: &mut Setup<'_>, batch: &[Start]) -> Result<Vec<Found>, ModelFault> {
    let prompts: Vec<&[u32]> = batch.iter().map(|start| &start.sequence.tokens[..]).collect();
    let (mut reader, read) = Reader::open(setup.model, setup.config, &prompts, true)?;
    setup.clock.prefilled();
    let size = reader.vocab_size();
    let width = prompts.iter().map(|prompt| prompt.len()).max().unwrap_or(0);
    let state = read.hidden.len() / (batch.len() * width).max(1);
    if state == 0 {
        let fault = "contrastive search needs hidden states and the model gave none";
        return Err(ModelFault::Compute(fault.into()));
    }
    let mut live: Vec<Live> = batch
        .iter()
        .zip(read.hidden.chunks_exact(width * state))
        .map(|(start, hidden)| {
            // Padding stands on the left.
            let own = &hidden[(width - start.sequence.prompt_len) * state..];
            Live {
                prompt: start.index,
                sequence: start.sequence.clone(),
                history: History::new(setup.config.output_scores),
                states: own.chunks_exact(state).flat_map(unit).collect(),
            }
        })
        .collect();
    let mut logits = read.logits;
    let mut found: Vec<Found> = Vec::new();
    while !live.is_empty() {
        let candidates = candidates(setup, &mut live, &mut logits, size)?;
        let rows: Vec<usize> = candidates
            .iter()
            .enumerate()
            .flat_map(|(row, own)| std::iter::repeat_n(row, own.len()))
            .collect();
        let tokens: Vec<u32> = candidates.iter().flatten().map(|(token, _)| *token).collect();
        reader.select(&rows)?;
        let read = reader.append(&tokens, Want { logits: 1, hidden: true })?;

        let mut kept = Vec::new();
        let mut going = Vec::new();
        let mut from = 0;
        for (mut row, own) in live.drain(..).zip(&candidates) {
            let states = read.hidden[from * state..].chunks_exact(state).take(own.len());
            let (best, new) = rank(setup, &row.states, own, states, state);
            row.sequence.tokens.push(own[best].0);
            row.states.extend(new);
            match setup.stopping.check_row(&row.sequence) {
                Some(finish) => {
                    let output: Output = setup.row(&row.sequence, row.history, finish);
                    found.push((row.prompt, vec![output]));
                }
                None => {
                    kept.push(from + best);
                    going.push(row);
                }
            }
            from += own.len();
        }
        live = going;
        if !live.is_empty() {
            reader.select(&kept)?;
            logits =
                kept.iter().flat_map(|row| &read.logits[row * size..][..size]).copied().collect();
        }
        setup.clock.stepped();
    }
    found.sort_by_key(|(prompt, _)| *prompt);
    Ok(found)
}

/// Per row, the `top_k` best tokens with their probabilities, best first.
fn candidates(
    setup: &mut Setup<'_>,
    live: &mut [Live],
    logits: &mut [f32],
    size: usize,
) -> Result<Vec<Vec<(u32, f32)>>, ModelFault> {
    let count = setup.config.top_k.unwrap_or(1);
    let mut probs = Vec::new();
    let mut all = Vec::new();
    for (row, scores) in live.iter_mut().zip(logits.chunks_exact_mut(size)) {
        setup.chain.apply(&Row::of(&row.sequence), scores);
        let kept = row.history.wanted().then(|| Rc::new(step(scores)));
        row.history.push(kept);
        softmax(scores, &mut probs);
        let own: Vec<(u32, f32)> = top(&probs, count)
            .into_iter()
            .filter(|(token, _)| scores[*token] > f32::NEG_INFINITY)
            .map(|(token, prob)| (token as u32, prob))
            .collect();
        if own.is_empty() || own.iter().any(|(_, prob)| prob.is_nan()) {
            return Err(nothing_left(row.prompt, &row.sequence, scores));
        }
        all.push(own);
    }
    Ok(all)
}

/// The place of the best candidate and its hidden state.
fn rank<'a>(
    setup: &Setup<'_>,
    context: &[f32],
    candidates: &[(u32, f32)],
    states: impl Iterator<Item = &'a [f32]>,
    width: usize,
) -> (usize, Vec<f32>) {
    let alpha = setup.config.penalty_alpha.unwrap_or(0.0);
    let mut best = (0, f32::NEG_INFINITY, Vec::new());
    for (at, (state, (_, prob))) in states.zip(candidates).enumerate() {
        let new: Vec<f32> = unit(state).collect();
        let likeness = context
            .chunks_exact(width)
            .map(|old| old.iter().zip(&new).map(|(a, b)| a * b).sum::<f32>())
            .fold(f32::NEG_INFINITY, f32::max);
        let score = (1.0 - alpha) as f32 * prob - alpha as f32 * likeness;
        if at == 0 || score > best.1 {
            best = (at, score, new);
        }
    }
    (best.0, best.2)
}

/// `state` scaled to length 1.
fn unit(state: &[f32]) -> impl Iterator<Item = f32> {
    let length = state.iter().map(|x| x * x).sum::<f32>().sqrt();
    state.iter().map(move |x| x / length)
}
