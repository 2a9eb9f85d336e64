//! Contrastive search (arXiv 2202.06417), as transformers 4.57 has it: of the `top_k` best
//! tokens, the one whose probability outweighs its likeness to what stands already.
//!
//! One difference: a forbidden token is no candidate, even where fewer than `top_k` are allowed.

use std::rc::Rc;

use super::reader::Read;
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
    let one_by_one = setup.config.low_memory;
    let mut logits = read.logits;
    let mut found: Vec<Found> = Vec::new();
    while !live.is_empty() {
        let candidates = candidates(setup, &mut live, &mut logits, size)?;
        let choices = match one_by_one {
            false => try_at_once(setup, &mut reader, &live, &candidates)?,
            true => try_one_by_one(setup, &mut reader, &live, &candidates)?,
        };

        let mut kept = Vec::new();
        let mut tokens = Vec::new();
        let mut going = Vec::new();
        logits.clear();
        for (mut row, choice) in live.drain(..).zip(choices) {
            row.sequence.tokens.push(choice.token);
            row.states.extend(choice.state);
            match setup.stopping.check_row(&row.sequence) {
                Some(finish) => {
                    let output: Output = setup.row(&row.sequence, row.history, finish);
                    found.push((row.prompt, vec![output]));
                }
                None => {
                    kept.push(choice.row);
                    tokens.push(choice.token);
                    logits.extend(choice.logits);
                    going.push(row);
                }
            }
        }
        live = going;
        if !live.is_empty() {
            reader.select(&kept)?;
            if one_by_one {
                // The cache lacks what was tried and taken back.
                reader.append(&tokens, Want { logits: 0, hidden: false })?;
            }
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

/// The best candidate of a row.
struct Choice {
    token: u32,
    worth: f32,
    /// Its hidden state, of length 1.
    state: Vec<f32>,
    /// What comes after it.
    logits: Vec<f32>,
    /// Where its row stands in the reader.
    row: usize,
}

/// Reads all candidates at once, in a row of the cache each.
fn try_at_once(
    setup: &Setup<'_>,
    reader: &mut Reader<'_>,
    live: &[Live],
    candidates: &[Vec<(u32, f32)>],
) -> Result<Vec<Choice>, ModelFault> {
    let rows: Vec<usize> = candidates
        .iter()
        .enumerate()
        .flat_map(|(row, own)| std::iter::repeat_n(row, own.len()))
        .collect();
    let tokens: Vec<u32> = candidates.iter().flatten().map(|(token, _)| *token).collect();
    reader.select(&rows)?;
    let read = reader.append(&tokens, Want { logits: 1, hidden: true })?;
    let mut best: Vec<Option<Choice>> = live.iter().map(|_| None).collect();
    for (at, (row, candidate)) in rows.iter().zip(candidates.iter().flatten()).enumerate() {
        live[*row].weigh(setup, *candidate, &read, (at, rows.len()), &mut best[*row]);
    }
    Ok(best.into_iter().flatten().collect())
}

/// Reads the candidates one after the other, and takes each back from the cache.
fn try_one_by_one(
    setup: &Setup<'_>,
    reader: &mut Reader<'_>,
    live: &[Live],
    candidates: &[Vec<(u32, f32)>],
) -> Result<Vec<Choice>, ModelFault> {
    let mut best: Vec<Option<Choice>> = live.iter().map(|_| None).collect();
    for place in 0..candidates.iter().map(Vec::len).max().unwrap_or(0) {
        // A row with fewer candidates reads its first one again.
        let own = |own: &Vec<(u32, f32)>| own.get(place).or(own.first()).copied();
        let tried: Vec<(u32, f32)> = candidates.iter().filter_map(own).collect();
        let tokens: Vec<u32> = tried.iter().map(|(token, _)| *token).collect();
        let read = reader.append(&tokens, Want { logits: 1, hidden: true })?;
        reader.take_back(1)?;
        for (at, (row, candidate)) in live.iter().zip(tried).enumerate() {
            row.weigh(setup, candidate, &read, (at, live.len()), &mut best[at]);
        }
    }
    Ok(best.into_iter().flatten().collect())
}

impl Live {
    /// Weighs `candidate` behind this row, as it was read in row `at` of `rows`: its probability
    /// against its likeness to what stands already. Of equals the earlier one stays.
    fn weigh(
        &self,
        setup: &Setup<'_>,
        (token, prob): (u32, f32),
        read: &Read,
        (at, rows): (usize, usize),
        best: &mut Option<Choice>,
    ) {
        let (width, size) = (read.hidden.len() / rows, read.logits.len() / rows);
        let state: Vec<f32> = unit(&read.hidden[at * width..][..width]).collect();
        let alpha = setup.config.penalty_alpha.unwrap_or(0.0);
        let likeness = self
            .states
            .chunks_exact(width)
            .map(|old| old.iter().zip(&state).map(|(a, b)| a * b).sum::<f32>())
            .fold(f32::NEG_INFINITY, f32::max);
        let worth = (1.0 - alpha) as f32 * prob - alpha as f32 * likeness;
        if best.as_ref().is_none_or(|best| worth > best.worth) {
            let logits = read.logits[at * size..][..size].to_vec();
            *best = Some(Choice { token, worth, state, logits, row: at });
        }
    }
}

/// `state` scaled to length 1.
fn unit(state: &[f32]) -> impl Iterator<Item = f32> {
    let length = state.iter().map(|x| x * x).sum::<f32>().sqrt();
    state.iter().map(move |x| x / length)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;
    use serde_json::json;

    use crate::generate::fake::{Fake, Letters};
    use crate::generate::model::{CausalLm, Context, Extended, ModelFault, Want};
    use crate::generate::{Generated, GenerationConfig, ModelDefaults, generate};
    use crate::settings::{Settings, Value};

    /// Notes the most rows that were read at once, and how often.
    struct Watched {
        model: Fake,
        widest: Cell<usize>,
        runs: Cell<usize>,
    }

    struct WatchedContext<'m> {
        context: Box<dyn Context + 'm>,
        by: &'m Watched,
    }

    impl CausalLm for Watched {
        fn vocab_size(&self) -> usize {
            self.model.size
        }

        fn max_positions(&self) -> usize {
            self.model.positions
        }

        fn begin(&self, rows: usize) -> Result<Box<dyn Context + '_>, ModelFault> {
            Ok(Box::new(WatchedContext { context: self.model.begin(rows)?, by: self }))
        }
    }

    impl Context for WatchedContext<'_> {
        fn rows(&self) -> usize {
            self.context.rows()
        }

        fn len(&self) -> usize {
            self.context.len()
        }

        fn extend(
            &mut self,
            tokens: &[u32],
            real: &[bool],
            want: Want,
        ) -> Result<Extended, ModelFault> {
            self.by.widest.set(self.by.widest.get().max(self.rows()));
            self.by.runs.set(self.by.runs.get() + 1);
            self.context.extend(tokens, real, want)
        }

        fn select(&mut self, rows: &[usize]) -> Result<(), ModelFault> {
            self.context.select(rows)
        }

        fn crop(&mut self, len: usize) -> Result<(), ModelFault> {
            self.context.crop(len)
        }
    }

    fn run(prompts: &[Vec<u32>], settings: Value) -> (Generated, usize, usize) {
        let model = Watched { model: Fake::new(13), widest: Cell::new(0), runs: Cell::new(0) };
        let defaults = ModelDefaults {
            settings: [("eos_token_id", Value::from(0))].into_iter().collect(),
            vocab_size: 13,
            max_positions: 200,
            assistant: false,
        };
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let config = GenerationConfig::parse(&settings, &defaults).unwrap();
        let generated = generate(&model, &Letters, prompts, &config).unwrap();
        (generated, model.widest.get(), model.runs.get())
    }

    #[test]
    fn low_memory_is_refused_where_it_would_be_ignored() {
        for settings in [
            json!({"low_memory": true}),
            json!({"low_memory": true, "num_beams": 2}),
            json!({"low_memory": true, "do_sample": true}),
        ] {
            let settings: Settings = serde_json::from_value(settings).unwrap();
            let parsed = GenerationConfig::parse(&settings, &ModelDefaults::default());
            insta::allow_duplicates! {
                insta::assert_snapshot!(
                    parsed.unwrap_err(),
                    @"low_memory = true is refused: only contrastive search (penalty_alpha) can run its candidates one after the other; elsewhere it would be ignored, so leave it out"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn low_memory_changes_no_token_and_reads_a_candidate_at_a_time(
            prompts in prop::collection::vec(prop::collection::vec(1u32..13, 1..6), 1..4),
            top_k in 2usize..7,
            alpha in 0.1f64..1.0,
            batch in 1usize..4,
            ban in any::<bool>(),
        ) {
            let mut settings = json!({
                "penalty_alpha": alpha, "top_k": top_k, "max_new_tokens": 7, "batch_size": batch,
                "output_scores": true,
            });
            if ban {
                // Fewer candidates than asked for, in some rows.
                settings["suppress_tokens"] = json!([0, 1, 2, 3, 4, 5, 6, 7]);
                settings["no_repeat_ngram_size"] = json!(2);
            }
            let (plain, wide, _) = run(&prompts, settings.clone());
            settings["low_memory"] = json!(true);
            let (low, narrow, runs) = run(&prompts, settings);
            prop_assert_eq!(&plain.rows, &low.rows);
            prop_assert!(narrow <= batch && narrow < wide, "{} {}", narrow, wide);
            prop_assert!(runs > low.timings.steps_s.len());
        }
    }
}
