//! What transformers answers to random settings over the same model, and whether we answer the
//! same. `make.py` writes the answers.

use serde::Deserialize;

use crate::generate::config::{GenerationConfig, ModelDefaults};
use crate::generate::fake::{Fake, Letters, hashed};
use crate::generate::generate;
use crate::generate::processors::{Chain, Row};
use crate::settings::{Settings, Value};

/// A generation.
#[derive(Deserialize)]
struct Search {
    prompt: Vec<u32>,
    settings: Settings,
    /// With padding (token 0) at the end.
    rows: Vec<Vec<u32>>,
    #[serde(default)]
    scores: Vec<f32>,
    /// Per row whether it has all forced words; empty where none are forced.
    #[serde(default)]
    met: Vec<bool>,
}

/// A row of scores.
#[derive(Deserialize)]
struct Processed {
    size: usize,
    prompt: Vec<u32>,
    row: Vec<u32>,
    settings: Settings,
    /// The tokens left possible with their processed scores.
    left: Vec<(usize, f32)>,
}

fn parse(settings: &Settings, size: usize) -> GenerationConfig {
    let defaults = ModelDefaults {
        settings: [("pad_token_id", Value::from(0))].into_iter().collect(),
        vocab_size: size,
        max_positions: 200,
        assistant: false,
    };
    GenerationConfig::parse(settings, &defaults).unwrap()
}

fn compare_searches(cases: &[Search]) {
    let model = Fake::new(13);
    let mut wrong = Vec::new();
    for case in cases {
        let config = parse(&case.settings, 13);
        let prompts = [case.prompt.clone()];
        let ours = match generate(&model, &Letters, &prompts, &config) {
            Ok(ours) => ours.rows[0].clone(),
            // Forbidden words: it gives rows without them.
            Err(_) if !case.met.is_empty() && !case.met.contains(&true) => continue,
            Err(error) => {
                let settings = serde_json::to_string(&case.settings).unwrap();
                wrong.push(format!("{settings} {:?}: {error}", case.prompt));
                continue;
            }
        };
        let tokens: Vec<&[u32]> = ours.iter().map(|row| &row.tokens[..]).collect();
        let padded = |(theirs, ours): (&Vec<u32>, &&[u32])| {
            theirs.starts_with(ours) && theirs[ours.len()..].iter().all(|token| *token == 0)
        };
        // Places that no hypothesis filled: we leave them out.
        let filled = case.rows.len() - case.scores.iter().filter(|score| **score <= -1e8).count();
        // Where it left some without the words, there may be more of ours with them.
        let enough = match case.met.iter().all(|met| *met) {
            true => tokens.len() == filled,
            false => tokens.len() >= filled.max(1),
        };
        let same = enough && case.rows.iter().zip(&tokens).all(padded);
        let near = case.scores.iter().zip(&ours).all(|(theirs, row)| {
            row.sequence_score
                .is_some_and(|ours| (theirs - ours).abs() <= 1e-4 * theirs.abs().max(1.0))
        });
        if !same || !near {
            let settings = serde_json::to_string(&case.settings).unwrap();
            let scores: Vec<_> = ours.iter().map(|row| row.sequence_score).collect();
            wrong.push(format!(
                "{settings} {:?}\n  theirs {:?} {:?}\n  ours   {tokens:?} {scores:?}",
                case.prompt, case.rows, case.scores
            ));
        }
    }
    let count = wrong.len();
    wrong.truncate(8);
    assert!(wrong.is_empty(), "{count} of {}:\n{}", cases.len(), wrong.join("\n"));
}

#[test]
fn searches_answer_as_transformers() {
    let text = include_str!("searches.json");
    compare_searches(&serde_json::from_str::<Vec<Search>>(text).unwrap());
}

#[test]
fn group_beam_and_contrastive_search_answer_as_transformers_did() {
    let text = include_str!("retired.json");
    compare_searches(&serde_json::from_str::<Vec<Search>>(text).unwrap());
}

/// Rows without the words are left out here (see `search/constrained.rs`): the others are the
/// same, in the same order.
#[test]
fn constrained_beam_search_answers_as_transformers_did() {
    let text = include_str!("constrained.json");
    let mut cases: Vec<Search> = serde_json::from_str(text).unwrap();
    for case in &mut cases {
        let mut met = case.met.iter();
        case.rows.retain(|_| met.next() == Some(&true));
        let mut met = case.met.iter();
        case.scores.retain(|_| met.next() == Some(&true));
    }
    assert!(cases.iter().filter(|case| !case.rows.is_empty()).count() > cases.len() / 2);
    compare_searches(&cases);
}

#[test]
fn processors_score_as_transformers() {
    let text = include_str!("processors.json");
    let cases: Vec<Processed> = serde_json::from_str(text).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let config = parse(&case.settings, case.size);
        let mut scores = hashed(&case.row, case.size);
        let row = Row {
            tokens: &case.row,
            prompt_len: case.prompt.len(),
            limit: config.length_limit(case.prompt.len(), 200),
            taken: &[],
        };
        Chain::new(&config, case.size).apply(&row, &mut scores);
        let ours: Vec<(usize, f32)> =
            scores.iter().copied().enumerate().filter(|(_, score)| score.is_finite()).collect();
        let near = |(theirs, ours): (&(usize, f32), &(usize, f32))| {
            theirs.0 == ours.0 && (theirs.1 - ours.1).abs() <= 1e-4 * theirs.1.abs().max(1.0)
        };
        if ours.len() != case.left.len() || !case.left.iter().zip(&ours).all(near) {
            let settings = serde_json::to_string(&case.settings).unwrap();
            wrong.push(format!(
                "{settings} {:?}\n  theirs {:?}\n  ours   {ours:?}",
                case.row, case.left
            ));
        }
    }
    let count = wrong.len();
    wrong.truncate(5);
    assert!(wrong.is_empty(), "{count} of {}:\n{}", cases.len(), wrong.join("\n"));
}
