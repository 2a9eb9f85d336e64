//! Tests of the processors, one at a time, with numbers that can be worked out by hand.

use proptest::prelude::*;
use serde_json::json;

use super::{Chain, Row};
use crate::generate::config::{GenerationConfig, ModelDefaults};
use crate::settings::{Settings, Value};

const NO: f32 = f32::NEG_INFINITY;

/// The scores of a row of `prompt` and `output`, over the vocabulary of `scores`, with end token
/// 0 and a limit of 6.
fn process(settings: Value, prompt: &[u32], output: &[u32], scores: &[f32]) -> Vec<f32> {
    let defaults = ModelDefaults {
        settings: [("eos_token_id", Value::from(0)), ("max_length", Value::from(6))]
            .into_iter()
            .collect(),
        vocab_size: scores.len(),
        max_positions: 100,
        assistant: false,
    };
    let settings: Settings = serde_json::from_value(settings).unwrap();
    let config = GenerationConfig::parse(&settings, &defaults).unwrap();
    let tokens = [prompt, output].concat();
    let row = Row {
        tokens: &tokens,
        prompt_len: prompt.len(),
        limit: config.length_limit(prompt.len(), 100),
        taken: &[],
    };
    let mut scores = scores.to_vec();
    Chain::new(&config, scores.len()).apply(&row, &mut scores);
    scores
}

/// As [`process`], with `do_sample` and without the default of `top_k`.
fn warp(mut settings: Value, scores: &[f32]) -> Vec<f32> {
    settings["do_sample"] = true.into();
    if settings.get("top_k").is_none() {
        settings["top_k"] = 0.into();
    }
    process(settings, &[1, 2], &[], scores)
}

/// The logarithms of `probs`.
fn logs(probs: &[f32]) -> Vec<f32> {
    probs.iter().map(|prob| prob.ln()).collect()
}

/// The tokens that are not forbidden.
fn left(scores: &[f32]) -> Vec<usize> {
    (0..scores.len()).filter(|token| scores[*token] > NO).collect()
}

#[test]
fn sequence_bias_adds_up_where_sequences_are_completed() {
    let settings = json!({"sequence_bias": [[[1], 1.0], [[3, 1], 2.0], [[2, 1], 4.0]]});
    assert_eq!(process(settings.clone(), &[3], &[], &[0.0; 4]), [0.0, 3.0, 0.0, 0.0]);
    assert_eq!(process(settings, &[1, 1], &[2], &[0.0; 4]), [0.0, 5.0, 0.0, 0.0]);
    let longer = json!({"sequence_bias": [[[3, 3, 3, 1], 2.0]]});
    assert_eq!(process(longer, &[3, 3], &[], &[0.0; 4]), [0.0; 4], "longer than the row");
}

#[test]
fn repetition_penalty_works_once_per_token_and_by_sign() {
    let settings = json!({"repetition_penalty": 2.0});
    let scores = [4.0, -4.0, 0.0, 4.0];
    assert_eq!(process(settings, &[1, 1], &[0, 1], &scores), [2.0, -8.0, 0.0, 4.0]);
}

#[test]
fn encoder_repetition_penalty_favours_the_prompt_only() {
    let settings = json!({"encoder_repetition_penalty": 2.0});
    assert_eq!(process(settings, &[1, 0], &[2], &[4.0, -4.0, 4.0]), [8.0, -2.0, 4.0]);
}

#[test]
fn no_repeat_ngram_size_bans_what_completed_the_last_tokens_before() {
    let size = |n: usize| json!({"no_repeat_ngram_size": n});
    let row = [1, 2, 3, 1, 2];
    assert_eq!(left(&process(size(3), &row, &[], &[0.0; 5])), [0, 1, 2, 4]);
    assert_eq!(left(&process(size(2), &[1, 2, 1, 3], &[1], &[0.0; 5])), [0, 1, 4]);
    assert_eq!(left(&process(size(1), &[1, 2], &[3], &[0.0; 5])), [0, 4]);
    assert_eq!(left(&process(size(5), &[1, 2], &[3], &[0.0; 5])).len(), 5);
}

#[test]
fn encoder_no_repeat_ngram_size_looks_into_the_prompt_only() {
    let settings = json!({"encoder_no_repeat_ngram_size": 2});
    assert_eq!(left(&process(settings.clone(), &[1, 2, 3], &[4, 1], &[0.0; 5])), [0, 1, 3, 4]);
    assert_eq!(left(&process(settings, &[1, 2], &[3, 4, 3], &[0.0; 5])).len(), 5);
}

#[test]
fn bad_words_are_not_completed_and_end_tokens_stay() {
    let settings = json!({"bad_words_ids": [[0], [1], [3, 4]]});
    assert_eq!(left(&process(settings.clone(), &[3], &[], &[0.0; 5])), [0, 2, 3]);
    assert_eq!(left(&process(settings, &[3, 2], &[], &[0.0; 5])), [0, 2, 3, 4]);
}

#[test]
fn the_end_token_waits_for_the_least_length() {
    let total = json!({"min_length": 4});
    assert_eq!(left(&process(total.clone(), &[1, 2], &[1], &[0.0; 3])), [1, 2]);
    assert_eq!(left(&process(total, &[1, 2], &[1, 1], &[0.0; 3])), [0, 1, 2]);
    let new = json!({"min_new_tokens": 2});
    assert_eq!(left(&process(new.clone(), &[1, 2], &[1], &[0.0; 3])), [1, 2]);
    assert_eq!(left(&process(new, &[1, 2], &[1, 1], &[0.0; 3])), [0, 1, 2]);
}

#[test]
fn forced_tokens_come_first_and_last() {
    let begin = json!({"forced_bos_token_id": 2});
    assert_eq!(process(begin.clone(), &[1], &[], &[5.0; 3]), [NO, NO, 0.0]);
    assert_eq!(process(begin, &[1, 1], &[], &[5.0; 3]), [5.0; 3]);
    let end = json!({"forced_eos_token_id": [1, 2]});
    assert_eq!(process(end.clone(), &[1, 1], &[2, 2, 2], &[5.0; 3]), [NO, 0.0, 0.0]);
    assert_eq!(process(end, &[1, 1], &[2, 2], &[5.0; 3]), [5.0; 3]);
}

#[test]
fn invalid_values_become_finite() {
    let scores = [f32::NAN, f32::INFINITY, NO, 1.0];
    let finite = process(json!({"remove_invalid_values": true}), &[1], &[], &scores);
    assert_eq!(finite, [0.0, f32::MAX, f32::MIN, 1.0]);
}

#[test]
fn the_exponential_penalty_raises_the_end_token_after_its_start() {
    let settings = json!({"exponential_decay_length_penalty": [1, 2.0]});
    let at = |output: &[u32]| process(settings.clone(), &[1, 1], output, &[-3.0, 0.0])[0];
    assert_eq!([at(&[1]), at(&[1, 1]), at(&[1, 1, 1])], [-3.0, 0.0, 6.0]);
    let mut hidden = settings;
    hidden["min_length"] = 6.into();
    assert_eq!(process(hidden, &[1, 1], &[1, 1], &[-3.0, 0.0])[0], NO);
}

#[test]
fn suppressed_tokens_and_those_at_the_beginning() {
    let always = json!({"suppress_tokens": [1]});
    assert_eq!(left(&process(always, &[1, 2], &[2], &[0.0; 3])), [0, 2]);
    let begin = json!({"begin_suppress_tokens": [1]});
    assert_eq!(left(&process(begin.clone(), &[1, 2], &[], &[0.0; 3])), [0, 2]);
    assert_eq!(left(&process(begin, &[1, 2], &[2], &[0.0; 3])), [0, 1, 2]);
    let forced = json!({"begin_suppress_tokens": [1], "forced_bos_token_id": 1});
    assert_eq!(left(&process(forced.clone(), &[2], &[], &[0.0; 3])), [1], "one later");
    assert_eq!(left(&process(forced, &[2], &[1], &[0.0; 3])), [0, 2]);
}

#[test]
fn temperature_divides() {
    assert_eq!(warp(json!({"temperature": 0.5}), &[1.0, -2.0]), [2.0, -4.0]);
}

#[test]
fn top_k_keeps_ties_and_is_clipped() {
    let scores = [1.0, 3.0, 2.0, 2.0];
    assert_eq!(left(&warp(json!({"top_k": 1}), &scores)), [1]);
    assert_eq!(left(&warp(json!({"top_k": 2}), &scores)), [1, 2, 3]);
    assert_eq!(left(&warp(json!({"top_k": 9}), &scores)).len(), 4);
    let beams = json!({"top_k": 1, "num_beams": 2});
    assert_eq!(left(&warp(beams, &[1.0, 3.0, 2.0])), [1, 2], "one end token and one more");
}

#[test]
fn top_k_is_50_with_sampling_and_nothing_said() {
    let scores: Vec<f32> = (0..60).map(|score| score as f32).collect();
    let sampled = process(json!({"do_sample": true}), &[1], &[], &scores);
    assert_eq!(left(&sampled).len(), 50);
    assert_eq!(left(&process(json!({}), &[1], &[], &scores)).len(), 60);
}

#[test]
fn top_p_drops_the_tail() {
    let scores = logs(&[0.1, 0.5, 0.15, 0.25]);
    let kept = |mass: f64| left(&warp(json!({"top_p": mass}), &scores));
    assert_eq!(kept(0.95), [0, 1, 2, 3]);
    assert_eq!(kept(0.85), [1, 2, 3]);
    assert_eq!(kept(0.7), [1, 3]);
    assert_eq!(kept(0.4), [1]);
    assert_eq!(kept(0.0), [1]);
}

#[test]
fn min_p_is_a_share_of_the_best() {
    let scores = logs(&[0.1, 0.5, 0.15, 0.25]);
    let kept = |share: f64| left(&warp(json!({"min_p": share}), &scores));
    assert_eq!(kept(0.25), [1, 2, 3]);
    assert_eq!(kept(0.4), [1, 3]);
    assert_eq!(kept(1.0), [1]);
}

#[test]
fn top_h_keeps_a_share_of_the_entropy() {
    let scores = logs(&[0.5, 0.25, 0.25 / 3.0, 0.25 / 3.0, 0.25 / 3.0]);
    let kept = |share: f64| left(&warp(json!({"top_h": share}), &scores));
    // The terms are 0.3466, 0.3466 and three of 0.2071; their sum is 1.3144.
    assert_eq!(kept(0.2), [0], "always the best");
    assert_eq!(kept(0.5), [0]);
    assert_eq!(kept(0.55), [0, 1]);
    assert_eq!(kept(0.7), [0, 1, 2]);
}

#[test]
fn typical_p_prefers_surprise_near_the_entropy() {
    // Entropy 1.2206; distances 0.4741, 0.1657, 0.3888 (0.2 -> 1.6094), 1.0820 (0.1 -> 2.3026).
    let scores = logs(&[0.45, 0.25, 0.2, 0.1]);
    let kept = |mass: f64| left(&warp(json!({"typical_p": mass}), &scores));
    assert_eq!(kept(0.2), [1]);
    assert_eq!(kept(0.4), [1, 2]);
    assert_eq!(kept(0.6), [0, 1, 2]);
    assert_eq!(kept(0.95), [0, 1, 2, 3]);
}

#[test]
fn epsilon_and_eta_cut_the_improbable_but_never_the_best() {
    let scores = logs(&[0.6, 0.25, 0.1, 0.05]);
    assert_eq!(left(&warp(json!({"epsilon_cutoff": 0.09}), &scores)), [0, 1, 2]);
    assert_eq!(left(&warp(json!({"epsilon_cutoff": 0.9}), &scores)), [0]);
    // Entropy 1.0331: sqrt(0.09) * exp(-1.0331) = 0.1068 is above 0.09, so 0.09 counts.
    assert_eq!(left(&warp(json!({"eta_cutoff": 0.09}), &scores)), [0, 1, 2]);
    // sqrt(0.49) * 0.3559 = 0.2491 is below 0.49, so it counts.
    assert_eq!(left(&warp(json!({"eta_cutoff": 0.49}), &scores)), [0, 1]);
}

#[test]
fn green_tokens_gain_the_bias_and_the_list_hangs_on_the_last_token() {
    let mark = json!({"watermarking_config": {"greenlist_ratio": 0.25, "bias": 2.0}});
    let marked = |output: &[u32]| process(mark.clone(), &[1], output, &[0.0; 20]);
    let green = |scores: &[f32]| -> Vec<usize> { (0..20).filter(|t| scores[*t] == 2.0).collect() };
    assert_eq!(green(&marked(&[5])).len(), 5);
    assert_eq!(marked(&[5]), marked(&[7, 5]));
    assert_ne!(green(&marked(&[5])), green(&marked(&[6])));
    let wide = json!({"watermarking_config": {"context_width": 3}});
    assert_eq!(process(wide, &[1], &[2], &[0.0; 20]), [0.0; 20], "too short a row");
}

#[test]
fn renormalised_scores_are_log_probabilities() {
    let settings = json!({"renormalize_logits": true, "suppress_tokens": [1]});
    let scores = process(settings, &[1], &[], &[0.0, 9.0, 0.0]);
    assert!((scores[0] - 0.5f32.ln()).abs() < 1e-6 && scores[1] == NO);
}

/// Warpers at random, with what they need.
fn warpers() -> impl Strategy<Value = Value> {
    let share = || prop::option::of(0.01f64..1.0);
    (share(), share(), share(), share(), share(), share(), prop::option::of(0usize..30)).prop_map(
        |(top_h, top_p, min_p, typical_p, epsilon, eta, top_k)| {
            json!({
                "do_sample": true, "top_h": top_h, "top_p": top_p, "min_p": min_p,
                "typical_p": typical_p, "epsilon_cutoff": epsilon, "eta_cutoff": eta,
                "top_k": top_k,
            })
        },
    )
}

proptest! {
    #[test]
    fn warpers_only_forbid_and_never_forbid_all(
        settings in warpers(),
        scores in prop::collection::vec(-20.0f32..20.0, 1..200),
    ) {
        let warped = process(settings, &[0], &[], &scores);
        prop_assert!(!left(&warped).is_empty());
        for (before, after) in scores.iter().zip(&warped) {
            prop_assert!(after == before || *after == NO);
        }
    }
}
