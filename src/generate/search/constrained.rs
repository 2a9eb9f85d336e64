//! Beam search with words that must come out (`force_words_ids`), as transformers 4.49 has it
//! (`ConstrainedBeamSearchScorer`): beside the best continuations stand those that bring a word
//! on, and places are given in turn to the rows that have come as far with the words as each
//! other.
//!
//! Where 4.49 gives rows without the words, this search differs:
//!
//! - Only rows that have all words are given, fewer than asked for where there are fewer; 4.49
//!   fills up with others, and ranks them together. Rows that `max_time` or a stop string cut
//!   short are given as they are.
//! - While nothing is finished, one beam that can still finish the words in the room left is
//!   kept: 4.49 forgets a row with all words when its continuations are not among the best.
//! - A forbidden token ends no row.
//!
//! Otherwise it differs as group beam search does (see there).

use super::best::{Best, Reach, best_first};
use super::hypothesis::{Beam, OUT, accumulate, candidates};
use super::rounds::{self, Rounds};
use super::{Found, Setup, Start, nothing_left};
use crate::generate::constraints::{Constraints, Progress};
use crate::generate::distribution::top;
use crate::generate::model::ModelFault;
use crate::generate::output::{Finish, Row as Output};

/// What a step of 4.49 counts a token of a word for, against log-probabilities.
const TOKEN_OF_WORD: f32 = 100.0;

/// The search of one prompt.
struct Search<'w> {
    prompt: usize,
    words: &'w Constraints,
    /// Empty once the search is done.
    beams: Vec<Beam>,
    /// How far each beam has come with the words.
    progress: Vec<Progress>,
    best: Best,
}

/// A beam continued by one token.
struct Candidate {
    parent: usize,
    token: u32,
    score: f32,
    /// What it is ranked by before its score (see [`Constraints::bank`]).
    bank: usize,
}

impl Candidate {
    /// In float32, as 4.49 reckons: it decides among beams that only fill a place.
    fn rank(&self) -> f32 {
        self.bank as f32 * TOKEN_OF_WORD + self.score
    }
}

pub(super) fn run(setup: &mut Setup<'_>, batch: &[Start]) -> Result<Vec<Found>, ModelFault> {
    let words = &Constraints::of(setup.config);
    rounds::run(setup, batch, |setup, start| Search {
        prompt: start.index,
        words,
        beams: Beam::initial(&start.sequence, setup.config.num_beams, setup.config.output_scores),
        progress: vec![words.read(&start.sequence.tokens); setup.config.num_beams],
        best: Best::new(setup.config.num_beams),
    })
}

impl Rounds for Search<'_> {
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
        let end = setup.config.end_tokens();
        let picked = top(scores, candidates(width, end.len()));
        let first = picked.first().map_or(f32::NAN, |(_, score)| *score);
        if first.is_nan() || first == f32::NEG_INFINITY {
            return Err(nothing_left(self.prompt, &self.beams[0].sequence, scores));
        }

        let extended = |beam: &Beam, parent: usize, token: u32, score: f32| {
            let mut beam = beam.clone();
            beam.sequence.tokens.push(token);
            beam.history.push(steps.get(parent).cloned());
            Beam { score, ..beam }
        };
        let mut chosen: Vec<Candidate> = Vec::new();
        for (rank, (at, score)) in picked.into_iter().enumerate() {
            let (parent, token) = (at / size, (at % size) as u32);
            if !end.contains(&token) {
                let bank = self.words.bank(&self.after(parent, token));
                chosen.push(Candidate { parent, token, score, bank });
            } else if rank < width && possible(score) && self.words.are_met(&self.progress[parent])
            {
                let beam = extended(&self.beams[parent], parent, token, score);
                let length = beam.sequence.generated();
                self.best.add(setup, beam, length, Finish::EndToken);
            }
            if chosen.len() == width {
                break;
            }
        }
        if chosen.is_empty() {
            return Err(nothing_left(self.prompt, &self.beams[0].sequence, scores));
        }
        let chosen = self.in_turn(chosen, scores, end);

        self.progress = chosen.iter().map(|one| self.after(one.parent, one.token)).collect();
        self.beams = chosen
            .iter()
            .map(|one| extended(&self.beams[one.parent], one.parent, one.token, one.score))
            .collect();
        if self.best.is_done(setup, &Reach::of(&self.beams[0].sequence, first)) {
            self.beams.clear();
        }
        let goes_on = |beam: &Beam| setup.stopping.check_row(&beam.sequence).is_none();
        let parents = chosen.iter().map(|one| one.parent).collect();
        Ok(self.beams.iter().any(goes_on).then_some(parents))
    }

    fn into_rows(mut self, setup: &Setup<'_>, _: &[f32]) -> Result<Vec<Output>, ModelFault> {
        let running: Vec<(Beam, bool)> = std::mem::take(&mut self.beams)
            .into_iter()
            .zip(&self.progress)
            .filter(|(beam, _)| possible(beam.score))
            .map(|(beam, progress)| (beam, self.words.are_met(progress)))
            .collect();
        let cut = running.iter().all(|(beam, _)| {
            !matches!(setup.stopping.check_row(&beam.sequence), None | Some(Finish::Length))
        });
        let none = self.best.is_empty() && !running.iter().any(|(_, met)| *met);
        if none && (!cut || running.is_empty()) {
            return Err(ModelFault::Compute(format!(
                "prompt {}: no beam has all of force_words_ids at its end; raise max_new_tokens, \
                 or take back what forbids their tokens",
                self.prompt
            )
            .into()));
        }
        for (beam, met) in running {
            if met || none {
                self.best.add_running(setup, beam);
            }
        }
        let mut all = self.best.into_kept();
        best_first(&mut all);
        all.truncate(setup.config.num_return_sequences);
        Ok(all.into_iter().map(|hypothesis| hypothesis.into_row(setup)).collect())
    }
}

impl Search<'_> {
    /// How far a beam has come once it takes `token`.
    fn after(&self, parent: usize, token: u32) -> Progress {
        let mut progress = self.progress[parent].clone();
        self.words.add(&mut progress, token);
        progress
    }

    /// The candidates that become beams, as many as are `chosen` for their score: of those and
    /// of the ones that bring a word on, the best of each bank in turn.
    fn in_turn(&self, chosen: Vec<Candidate>, scores: &[f32], end: &[u32]) -> Vec<Candidate> {
        let places = chosen.len();
        let size = scores.len() / self.beams.len();
        let mut all = chosen;
        for (parent, progress) in self.progress.iter().enumerate() {
            if self.words.are_met(progress) {
                continue;
            }
            for (token, bank) in self.words.advances(progress) {
                let score = scores[parent * size..][..size].get(token as usize);
                let known = |one: &Candidate| {
                    let same = |beam: usize| &self.beams[beam].sequence.tokens;
                    one.token == token && same(one.parent) == same(parent)
                };
                if let Some(score) = score.filter(|_| !all.iter().any(known)) {
                    all.push(Candidate { parent, token, score: *score, bank });
                }
            }
        }
        if all.len() > places {
            all.sort_by(|a, b| b.rank().total_cmp(&a.rank()));
            // Places within a run of one bank. Stable: of equal places, the better run is first.
            let mut turns = vec![0; all.len()];
            for at in 1..all.len() {
                turns[at] = if all[at].bank == all[at - 1].bank { turns[at - 1] + 1 } else { 0 };
            }
            let mut placed: Vec<(usize, Candidate)> = turns.into_iter().zip(all).collect();
            placed.sort_by_key(|(turn, _)| *turn);
            all = placed.into_iter().map(|(_, one)| one).collect();
        }
        let others = all.split_off(places);
        self.keep_one_able(&mut all, others, scores, end);
        all
    }

    /// While nothing is finished: where none of the `chosen` can finish the words in the room
    /// left, the last of them makes place for one that can.
    fn keep_one_able(
        &self,
        chosen: &mut [Candidate],
        others: Vec<Candidate>,
        scores: &[f32],
        end: &[u32],
    ) {
        let able = |one: &Candidate| {
            let sequence = &self.beams[one.parent].sequence;
            let room = sequence.limit.saturating_sub(sequence.tokens.len() + 1);
            possible(one.score) && self.words.missing(&self.after(one.parent, one.token)) <= room
        };
        if !self.best.is_empty() || chosen.iter().any(able) {
            return;
        }
        let size = scores.len() / self.beams.len();
        // Those that bring a word on are among the others already.
        let best_of = |(parent, scores): (usize, &[f32])| {
            let advances = self.words.advances(&self.progress[parent]);
            let open = scores.iter().enumerate().filter(|(at, _)| {
                let token = *at as u32;
                !end.contains(&token) && advances.iter().all(|(advance, _)| *advance != token)
            });
            let (at, score) = open.max_by(|a, b| a.1.total_cmp(b.1))?;
            let token = at as u32;
            let bank = self.words.bank(&self.after(parent, token));
            Some(Candidate { parent, token, score: *score, bank })
        };
        let pushed = scores.chunks_exact(size).enumerate().filter_map(best_of);
        let found = others.into_iter().chain(pushed).filter(able);
        let best = found.max_by(|a, b| a.rank().total_cmp(&b.rank()));
        if let (Some(last), Some(best)) = (chosen.last_mut(), best) {
            *last = best;
        }
    }
}

/// Whether a score is that of a row: not of a beam that only fills a place, nor of one with a
/// forbidden token.
fn possible(score: f32) -> bool {
    score > OUT / 2.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use crate::generate::fake::{Fake, Letters, hashed};
    use crate::generate::{
        GenerateError, Generated, GenerationConfig, ModelDefaults, Row, generate,
    };
    use crate::settings::{Settings, Value};

    fn run(model: &Fake, prompt: &[u32], settings: Value) -> Result<Vec<Row>, GenerateError> {
        let defaults = ModelDefaults {
            settings: [("eos_token_id", Value::from(0))].into_iter().collect(),
            vocab_size: model.size,
            max_positions: model.positions,
            assistant: false,
        };
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let config = GenerationConfig::parse(&settings, &defaults).unwrap();
        let Generated { mut rows, .. } = generate(model, &Letters, &[prompt.to_vec()], &config)?;
        Ok(rows.remove(0))
    }

    fn holds(tokens: &[u32], word: &[Vec<u32>]) -> bool {
        word.iter().any(|one| tokens.windows(one.len()).any(|part| part == one))
    }

    /// Logits under which 5 and 6 do not come by themselves.
    fn shunned(tokens: &[u32], size: usize) -> Vec<f32> {
        let mut logits = hashed(tokens, size);
        logits[5] = -40.0;
        logits[6] = -40.0;
        logits
    }

    #[test]
    fn a_word_that_never_comes_by_itself_comes_out() {
        let model = Fake { logits: shunned, ..Fake::new(13) };
        for beams in 2..6 {
            for limit in 4..14 {
                let settings = json!({
                    "num_beams": beams, "num_return_sequences": beams, "max_new_tokens": limit,
                    "force_words_ids": [[5, 6], [6, 6]],
                });
                let rows = run(&model, &[3, 4], settings).unwrap();
                for row in &rows {
                    assert!(holds(&row.tokens, &[vec![5, 6]]), "{beams} {limit} {row:?}");
                    assert!(holds(&row.tokens, &[vec![6, 6]]), "{beams} {limit} {row:?}");
                }
                assert!(!rows.is_empty());
            }
        }
    }

    #[test]
    fn words_without_room_are_refused_before_any_work() {
        let model = Fake::new(13);
        let words = |limit: usize| json!({"num_beams": 2, "max_new_tokens": limit, "force_words_ids": [[5, 6, 7], [8]]});
        assert!(run(&model, &[3, 4], words(4)).is_ok());
        let refused = run(&model, &[3, 4], words(3)).unwrap_err().to_string();
        insta::assert_snapshot!(refused, @"force_words_ids = [[5,6,7],[8]] is refused: prompt 0 leaves room for 3 tokens, and they take 4");
        // What stands at the end of the prompt counts.
        assert!(run(&model, &[5, 6], words(2)).is_ok());
    }

    #[test]
    fn words_that_a_rule_forbids_end_the_search() {
        let model = Fake::new(13);
        let settings = json!({
            "num_beams": 2, "max_new_tokens": 1, "force_words_ids": [[4]],
            "begin_suppress_tokens": [4],
        });
        let error = run(&model, &[3], settings).unwrap_err().to_string();
        insta::assert_snapshot!(error, @"prompt 0: no beam has all of force_words_ids at its end; raise max_new_tokens, or take back what forbids their tokens");
    }

    #[test]
    fn a_row_that_is_cut_short_says_so() {
        let model = Fake::new(13);
        let settings = json!({
            "num_beams": 2, "max_new_tokens": 9, "max_time": 1e-9, "force_words_ids": [[5, 6]],
        });
        let rows = run(&model, &[3, 4], settings).unwrap();
        assert_eq!(rows[0].finish, crate::generate::Finish::Time);
        assert_eq!(rows[0].tokens.len(), 1);
    }

    proptest! {
        #[test]
        fn forced_words_come_out_where_there_is_room(
            prompt in prop::collection::vec(1u32..13, 1..6),
            words in prop::collection::vec(prop::collection::vec(1u32..13, 1..4), 1..4),
            alternatives in prop::collection::vec(1u32..13, 0..3),
            beams in 2usize..6,
            spare in 0usize..8,
            early in prop::sample::select(vec![json!(true), json!(false), json!("never")]),
            penalty in -1.0f64..2.0,
            shun in any::<bool>(),
        ) {
            let mut words: Vec<Vec<Vec<u32>>> = words.into_iter().map(|word| vec![word]).collect();
            for token in alternatives {
                if words[0].iter().all(|other| other[0] != token) {
                    words[0].push(vec![token, 3]);
                }
            }
            let need: usize = words.iter().filter_map(|word| word.iter().map(Vec::len).min()).sum();
            let model = Fake { logits: if shun { shunned } else { hashed }, ..Fake::new(13) };
            let settings = json!({
                "force_words_ids": words, "num_beams": beams, "num_return_sequences": beams,
                "max_new_tokens": need + spare, "early_stopping": early, "length_penalty": penalty,
                "output_scores": true,
            });
            let rows = run(&model, &prompt, settings).unwrap();
            prop_assert!(!rows.is_empty() && rows.len() <= beams);
            for row in &rows {
                let whole = [&prompt[..], &row.tokens].concat();
                prop_assert!(words.iter().all(|word| holds(&whole, word)), "{:?}", row);
                prop_assert_eq!(row.scores.as_ref().map(Vec::len), Some(row.tokens.len()));
            }
            prop_assert!(rows.is_sorted_by(|a, b| a.sequence_score >= b.sequence_score));
        }
    }
}
