//! Tests of the searches over a fake model.

use proptest::prelude::*;
use serde_json::json;

use crate::generate::distribution::{log_softmax, top};
use crate::generate::fake::{Fake, Letters, circling, hashed};
use crate::generate::model::CausalLm;
use crate::generate::{
    Finish, GenerateError, Generated, GenerationConfig, ModelDefaults, generate, generate_share,
};
use crate::settings::{Settings, Value};

/// The end token of these tests.
const END: u32 = 0;

fn config(model: &Fake, settings: Value) -> GenerationConfig {
    let defaults = ModelDefaults {
        settings: [("eos_token_id", Value::from(END))].into_iter().collect(),
        vocab_size: model.vocab_size(),
        max_positions: model.max_positions(),
        assistant: false,
    };
    let settings: Settings = serde_json::from_value(settings).unwrap();
    GenerationConfig::parse(&settings, &defaults).unwrap()
}

fn run(model: &Fake, prompts: &[Vec<u32>], settings: Value) -> Generated {
    generate(model, &Letters, prompts, &config(model, settings)).unwrap()
}

/// Tokens, score and end of a row.
type Essence = (Vec<u32>, Option<f32>, Finish);

/// What two ways to the same output have in common.
fn essence(generated: &Generated) -> Vec<Vec<Essence>> {
    let row = |row: &crate::generate::Row| (row.tokens.clone(), row.sequence_score, row.finish);
    generated.rows.iter().map(|rows| rows.iter().map(row).collect()).collect()
}

/// The best sequences by full enumeration: at most `steps` tokens, ended by the end token or by
/// the length, ranked by mean log-probability.
fn enumerate(model: &Fake, prompt: &[u32], steps: usize, penalty: f64) -> Vec<(Vec<u32>, f32)> {
    let mut open = vec![(Vec::new(), 0.0f32)];
    let mut ended = Vec::new();
    for step in 1..=steps {
        let mut next = Vec::new();
        for (tokens, score) in open {
            let context = [prompt, &tokens[..]].concat();
            let mut scores = (model.logits)(&context, model.size);
            log_softmax(&mut scores);
            for (token, log_prob) in scores.iter().enumerate() {
                let longer = [&tokens[..], &[token as u32]].concat();
                let total = log_prob + score;
                if token as u32 == END || step == steps {
                    ended.push((longer, total / (step as f64).powf(penalty) as f32));
                } else {
                    next.push((longer, total));
                }
            }
        }
        open = next;
    }
    ended.sort_by(|a, b| b.1.total_cmp(&a.1));
    ended
}

#[test]
fn greedy_takes_the_best_token_of_every_step() {
    let model = Fake::new(13);
    let got = run(&model, &[vec![3, 4]], json!({"max_new_tokens": 12}));
    let mut expected = vec![3, 4];
    while expected.len() < 14 {
        expected.push(top(&hashed(&expected, 13), 1)[0].0 as u32);
        if expected.last() == Some(&END) {
            break;
        }
    }
    assert_eq!(got.rows[0][0].tokens, expected[2..]);
    assert_eq!(got.timings.steps_s.len(), got.rows[0][0].tokens.len() - 1);
}

#[test]
fn wide_beam_search_finds_what_enumeration_finds() {
    let model = Fake::new(4);
    for prompt in 1..40 {
        for penalty in [0.0, 0.7, 1.0, 2.0] {
            let all = enumerate(&model, &[prompt % 4, prompt / 4 % 4, 1], 3, penalty);
            let settings = json!({
                "num_beams": 64, "num_return_sequences": 5, "max_new_tokens": 3,
                "early_stopping": "never", "length_penalty": penalty,
            });
            let got = run(&model, &[vec![prompt % 4, prompt / 4 % 4, 1]], settings);
            for (row, (tokens, score)) in got.rows[0].iter().zip(&all) {
                assert_eq!(row.tokens, *tokens, "prompt {prompt}, penalty {penalty}");
                let difference = (row.sequence_score.unwrap() - score).abs();
                assert!(difference < 1e-5, "{difference}");
            }
            assert_eq!(got.rows[0].len(), 5);
        }
    }
}

#[test]
fn one_beam_per_group_without_overlap() {
    let model = Fake::new(11);
    let settings = json!({
        "num_beams": 4, "num_beam_groups": 4, "diversity_penalty": 100.0,
        "num_return_sequences": 4, "max_new_tokens": 1,
    });
    let got = run(&model, &[vec![1, 2]], settings);
    let mut tokens: Vec<u32> = got.rows[0].iter().map(|row| row.tokens[0]).collect();
    tokens.sort_unstable();
    let mut best: Vec<u32> =
        top(&hashed(&[1, 2], 11), 4).iter().map(|(token, _)| *token as u32).collect();
    best.sort_unstable();
    assert_eq!(tokens, best, "each group takes a token that no earlier one took");
}

#[test]
fn contrastive_search_without_penalty_is_greedy() {
    let model = Fake::new(13);
    let greedy = run(&model, &[vec![3, 4], vec![5]], json!({"max_new_tokens": 12}));
    let settings = json!({"max_new_tokens": 12, "penalty_alpha": 1e-9, "top_k": 4});
    let contrastive = run(&model, &[vec![3, 4], vec![5]], settings);
    assert_eq!(essence(&greedy), essence(&contrastive));
}

#[test]
fn contrastive_search_avoids_what_stands_already() {
    let model = Fake { logits: circling, ..Fake::new(13) };
    let repeats = |generated: &Generated| {
        let tokens = &generated.rows[0][0].tokens;
        tokens.len() - tokens.iter().collect::<std::collections::BTreeSet<_>>().len()
    };
    let base = json!({"max_new_tokens": 10, "suppress_tokens": [END]});
    let mut with = base.clone();
    with["penalty_alpha"] = 0.9.into();
    with["top_k"] = 12.into();
    let greedy = run(&model, &[vec![3]], base);
    let contrastive = run(&model, &[vec![3]], with);
    assert!(repeats(&contrastive) < repeats(&greedy));
}

#[test]
fn guidance_of_zero_ignores_the_prompt() {
    let model = Fake::new(13);
    let base = json!({"max_new_tokens": 6, "negative_prompt_ids": [7, 7], "guidance_scale": 0.0});
    let guided = run(&model, &[vec![3, 4, 5]], base);
    let plain = run(&model, &[vec![7, 7]], json!({"max_new_tokens": 6}));
    assert_eq!(essence(&guided), essence(&plain));
}

#[test]
fn stop_strings_end_rows_and_stay_in_the_output() {
    let model = Fake::new(13);
    let plain = run(&model, &[vec![3, 4]], json!({"max_new_tokens": 8, "min_new_tokens": 8}));
    let text = &plain.rows[0][0].text;
    let settings = json!({"max_new_tokens": 8, "min_new_tokens": 8, "stop_strings": [&text[2..4]]});
    let stopped = run(&model, &[vec![3, 4]], settings);
    assert!(stopped.rows[0][0].text.ends_with(&text[2..4]));
    assert_eq!(stopped.rows[0][0].finish, Finish::StopString);
}

#[test]
fn the_time_limit_lets_the_running_step_finish() {
    let model = Fake::new(13);
    for search in [json!({}), json!({"num_beams": 2}), json!({"penalty_alpha": 0.5, "top_k": 2})] {
        let settings = with(&search, json!({"max_time": 1e-9, "suppress_tokens": [END]}));
        let got = run(&model, &[vec![3, 4]], settings);
        assert_eq!(got.rows[0][0].tokens.len(), 1, "{search}");
        assert_eq!(got.rows[0][0].finish, Finish::Time);
    }
}

#[test]
fn lengths_are_checked_against_prompts_and_positions() {
    let model = Fake { positions: 10, ..Fake::new(13) };
    let refusal = |prompt: Vec<u32>, settings: Value| {
        let result = generate(&model, &Letters, &[prompt], &config(&model, settings));
        match result {
            Err(GenerateError::Refused(refusal)) => refusal.to_string(),
            other => panic!("{other:?}"),
        }
    };
    insta::assert_snapshot!(
        refusal(vec![1; 5], json!({"max_new_tokens": 6})),
        @"max_new_tokens = 6 is refused: prompt 0 has 5 tokens, and the model has 10 positions for both"
    );
    insta::assert_snapshot!(
        refusal(vec![1; 5], json!({"max_length": 5})),
        @"max_length = 5 is refused: prompt 0 has 5 tokens, which leaves no room for another"
    );
    insta::assert_snapshot!(
        refusal(vec![1], json!({
            "max_new_tokens": 8, "guidance_scale": 2.0, "negative_prompt_ids": [1, 2, 3],
        })),
        @"negative_prompt_ids = [1,2,3] is refused: with the output of prompt 0 it makes 11 tokens, and the model has 10 positions"
    );
    insta::assert_snapshot!(
        refusal(vec![], json!({})),
        @"bos_token_id = null is refused: prompt 0 is empty; set it or give the prompt a token"
    );
    insta::assert_snapshot!(
        refusal(vec![13], json!({})),
        @"prompt = 13 is refused: prompt 0 has a token outside of the vocabulary of 13"
    );
    let capped = run(&model, &[vec![1; 8]], json!({"suppress_tokens": [END]}));
    assert_eq!(capped.rows[0][0].tokens.len(), 2, "the default of 20 is capped");
    let begun = run(&model, &[vec![]], json!({"bos_token_id": 4, "max_new_tokens": 3}));
    assert_eq!(essence(&begun), essence(&run(&model, &[vec![4]], json!({"max_new_tokens": 3}))));
}

#[test]
fn a_row_without_a_choice_fails() {
    let model = Fake::new(3);
    let all = json!({"suppress_tokens": [0, 1, 2], "max_new_tokens": 2});
    for extra in [json!({}), json!({"do_sample": true}), json!({"num_beams": 2})] {
        let mut settings = all.clone();
        settings.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let result = generate(&model, &Letters, &[vec![1]], &config(&model, settings));
        let error = result.unwrap_err().to_string();
        assert!(error.contains("every token is forbidden"), "{error}");
    }
}

/// Prompts of some tokens each, over a vocabulary of 13.
fn prompts() -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(prop::collection::vec(1u32..13, 1..8), 1..5)
}

/// Ways to search, with what each needs.
fn searches() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({}),
        json!({"repetition_penalty": 1.3, "no_repeat_ngram_size": 2}),
        json!({"do_sample": true, "seed": 5, "temperature": 0.8, "top_p": 0.9}),
        json!({"do_sample": true, "num_return_sequences": 3}),
        json!({"num_beams": 3, "num_return_sequences": 2}),
        json!({"num_beams": 3, "early_stopping": true, "length_penalty": 0.3}),
        json!({"num_beams": 2, "do_sample": true, "top_k": 5}),
        json!({"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5}),
        json!({"num_beams": 3, "force_words_ids": [[5, 6], [[7], [8, 9]]]}),
        json!({"penalty_alpha": 0.6, "top_k": 4}),
        json!({"guidance_scale": 1.5}),
        json!({"guidance_scale": 1.5, "num_beams": 2, "negative_prompt_ids": [3, 5]}),
    ])
}

fn with(base: &Value, more: Value) -> Value {
    let mut settings = base.clone();
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

proptest! {
    #[test]
    fn how_the_work_is_done_changes_nothing(
        prompts in prompts(),
        search in searches(),
        batch_size in 1usize..5,
        chunk in 1usize..4,
    ) {
        let model = Fake::new(13);
        let base = with(&search, json!({"max_new_tokens": 7, "output_scores": true}));
        let plain = run(&model, &prompts, base.clone());
        let mut ways = vec![
            json!({"batch_size": batch_size}),
            json!({"batch_size": batch_size, "batching_strategy": "sorted_static"}),
            json!({"batching_strategy": "dynamic", "max_tokens_per_batch": 9}),
            json!({"batching_strategy": "sorted_dynamic", "max_tokens_per_batch": 12}),
            json!({"batch_size": batch_size, "prefill_chunk_size": chunk}),
        ];
        if search.get("penalty_alpha").is_none() {
            ways.push(json!({"batch_size": batch_size, "use_cache": false}));
        }
        for way in ways {
            let other = run(&model, &prompts, with(&base, way.clone()));
            prop_assert_eq!(&plain.rows, &other.rows, "{}", way);
        }
    }

    #[test]
    fn a_share_of_a_request_is_that_part_of_the_whole(
        prompts in prompts(),
        search in searches(),
        batch_size in 1usize..4,
        cut in 0usize..5,
    ) {
        let model = Fake::new(13);
        let way = json!({
            "max_new_tokens": 6, "output_scores": true, "batch_size": batch_size,
            "batching_strategy": "sorted_static",
        });
        let settings = with(&search, way);
        let whole = run(&model, &prompts, settings.clone());
        let config = config(&model, settings);
        let cut = cut.min(prompts.len());
        let mut joined = Vec::new();
        for share in [0..cut, cut..prompts.len()] {
            let part = generate_share(&model, None, &Letters, &prompts, share, &config).unwrap();
            joined.extend(part.rows);
        }
        prop_assert_eq!(&whole.rows, &joined);
        // What is wrong with a prompt outside of the share is said all the same.
        let wrong = [&prompts[..], &[vec![99]]].concat();
        let refused = generate_share(&model, None, &Letters, &wrong, 0..1, &config);
        prop_assert_eq!(refused, generate(&model, &Letters, &wrong, &config));
    }

    #[test]
    fn prompt_lookup_changes_no_token(
        prompts in prompts(),
        sampled in any::<bool>(),
        drafted in 1usize..6,
        ngram in 1usize..4,
        limit in 1usize..20,
        scale in prop::sample::select(vec![1.0, 1.5]),
    ) {
        // Circles make drafts come true, the hash makes them fail.
        for logits in [circling, hashed] {
            let model = Fake { logits, ..Fake::new(13) };
            let base = json!({
                "max_new_tokens": limit, "do_sample": sampled, "output_scores": true,
                "bad_words_ids": [[5]], "repetition_penalty": 1.1, "guidance_scale": scale,
            });
            let lookup = json!({
                "prompt_lookup_num_tokens": drafted, "max_matching_ngram_size": ngram,
            });
            let plain = run(&model, &prompts, base.clone());
            let looked_up = run(&model, &prompts, with(&base, lookup));
            prop_assert_eq!(&plain.rows, &looked_up.rows);
        }
    }

    #[test]
    fn scores_are_distributions_and_hold_the_chosen_token(
        prompts in prompts(),
        search in searches(),
    ) {
        let model = Fake::new(13);
        let settings = with(&search, json!({"max_new_tokens": 6, "output_scores": true}));
        for row in run(&model, &prompts, settings).rows.iter().flatten() {
            let steps = row.scores.as_ref().unwrap();
            prop_assert_eq!(steps.len(), row.tokens.len());
            for (step, token) in steps.iter().zip(&row.tokens) {
                let sum: f64 = step.iter().map(|(_, score)| f64::from(*score).exp()).sum();
                prop_assert!((sum - 1.0).abs() < 1e-5, "{}", sum);
                prop_assert!(step.iter().any(|(possible, _)| possible == token));
                prop_assert!(step.is_sorted_by_key(|(token, _)| *token));
            }
        }
    }
}

#[test]
fn lookup_saves_runs_where_the_text_repeats() {
    let model = Fake { logits: circling, ..Fake::new(13) };
    let base = json!({"max_new_tokens": 60, "suppress_tokens": [END]});
    let plain = run(&model, &[vec![3]], base.clone());
    let lookup = run(&model, &[vec![3]], with(&base, json!({"prompt_lookup_num_tokens": 5})));
    assert_eq!(plain.rows, lookup.rows);
    assert!(lookup.timings.steps_s.len() * 2 < plain.timings.steps_s.len());
}
