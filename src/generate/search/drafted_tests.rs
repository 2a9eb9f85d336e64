//! Tests of search with drafts of a model, over fake models.

use proptest::prelude::*;
use serde_json::json;

use crate::generate::fake::{Fake, Letters, circling, hashed, mostly_hashed};
use crate::generate::model::CausalLm;
use crate::generate::{
    Drafts, GenerateError, Generated, GenerationConfig, ModelDefaults, generate_share,
};
use crate::settings::{Settings, Value};

/// The end token of these tests.
const END: u32 = 0;

fn config(model: &Fake, assistant: bool, settings: &Value) -> GenerationConfig {
    let defaults = ModelDefaults {
        settings: [("eos_token_id", Value::from(END))].into_iter().collect(),
        vocab_size: model.vocab_size(),
        max_positions: model.max_positions(),
        assistant,
    };
    let settings: Settings = serde_json::from_value(settings.clone()).unwrap();
    GenerationConfig::parse(&settings, &defaults).unwrap()
}

fn run(
    model: &Fake,
    assistant: Option<&Fake>,
    prompts: &[Vec<u32>],
    settings: &Value,
) -> Result<Generated, GenerateError> {
    let config = config(model, assistant.is_some(), settings);
    let assistant = assistant.map(|fake| fake as &dyn CausalLm);
    generate_share(model, assistant, &Letters, prompts, 0..prompts.len(), &config)
}

fn with(base: &Value, more: &Value) -> Value {
    let mut settings = base.clone();
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

/// Prompts of some tokens each, over a vocabulary of 13.
fn prompts() -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(prop::collection::vec(1u32..13, 1..8), 1..4)
}

/// Processors, warpers and ends beside which drafts must change nothing.
fn requests() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({}),
        json!({"suppress_tokens": [END]}),
        json!({"repetition_penalty": 1.3, "no_repeat_ngram_size": 2}),
        json!({"bad_words_ids": [[5]], "min_length": 9, "forced_eos_token_id": 3}),
        json!({"stop_strings": ["b", "cd"]}),
        json!({"guidance_scale": 1.5}),
        json!({"guidance_scale": 1.5, "negative_prompt_ids": [3, 5]}),
        json!({"prefill_chunk_size": 2, "watermarking_config": {"bias": 3.0}}),
        json!({"do_sample": true, "seed": 5}),
        json!({"do_sample": true, "temperature": 0.4, "top_k": 3, "suppress_tokens": [END]}),
        json!({"do_sample": true, "typical_p": 0.5, "exponential_decay_length_penalty": [2, 1.5]}),
    ])
}

/// What makes the drafts.
#[derive(Debug, Clone, Copy)]
enum By {
    Itself,
    Another(fn(&[u32], usize) -> Vec<f32>),
    ItsFirstLayers(usize),
}

proptest! {
    #[test]
    fn drafts_of_a_model_change_no_token(
        prompts in prompts(),
        request in requests(),
        by in prop::sample::select(vec![
            By::Itself,
            By::Another(mostly_hashed),
            By::Another(circling),
            By::ItsFirstLayers(1),
            By::ItsFirstLayers(2),
        ]),
        count in prop::option::of(1usize..25),
        schedule in prop::sample::select(vec!["constant", "heuristic", "heuristic_transient"]),
        threshold in prop::option::of(0.0f64..=1.0),
        limit in 1usize..20,
    ) {
        // As few positions as there can be: drafts must not need more.
        let longest = prompts.iter().map(Vec::len).max().unwrap();
        let model = Fake { positions: longest.max(2) + limit, ..Fake::new(13) };
        let base = with(&request, &json!({"max_new_tokens": limit, "output_scores": true}));
        let plain = run(&model, None, &prompts, &base).unwrap();
        prop_assert_eq!(plain.drafts, None);

        let mut settings = with(&base, &json!({
            "num_assistant_tokens": count,
            "num_assistant_tokens_schedule": schedule,
            "assistant_confidence_threshold": threshold,
        }));
        let other = match by {
            By::Itself => Some(Fake { ..model }),
            By::Another(logits) => Some(Fake { logits, ..model }),
            By::ItsFirstLayers(layers) => {
                settings["assistant_early_exit"] = layers.into();
                None
            }
        };
        let assisted = run(&model, other.as_ref(), &prompts, &settings).unwrap();
        prop_assert_eq!(&plain.rows, &assisted.rows);
        let drafts = assisted.drafts.unwrap();
        prop_assert!(drafts.accepted <= drafts.drafted);
        let tokens: usize = assisted.rows.iter().flatten().map(|row| row.tokens.len()).sum();
        prop_assert!(drafts.rounds + drafts.accepted <= tokens as u64);
        if schedule == "constant" {
            prop_assert_eq!(drafts.next_limit, count.unwrap_or(20));
        }
        let greedy = request.get("do_sample").is_none();
        if greedy && matches!(by, By::Itself | By::ItsFirstLayers(2)) {
            prop_assert_eq!(drafts.accepted, drafts.drafted);
        }
    }
}

/// 40 tokens without an end, with a draft model and no threshold but what `settings` says.
fn forty(logits: fn(&[u32], usize) -> Vec<f32>, settings: &Value) -> Generated {
    let base = json!({
        "max_new_tokens": 40, "suppress_tokens": [END], "num_assistant_tokens": 4,
        "assistant_confidence_threshold": 0.0,
    });
    let draft = Fake { logits, ..Fake::new(13) };
    run(&Fake::new(13), Some(&draft), &[vec![3, 4]], &with(&base, settings)).unwrap()
}

#[test]
fn a_model_that_drafts_for_itself_is_always_right() {
    let generated = forty(hashed, &json!({}));
    // One token from the prompt, then seven runs of five, and what is left.
    let expected = Drafts { rounds: 8, drafted: 31, accepted: 31, next_limit: 4 };
    assert_eq!(generated.drafts, Some(expected));
    assert_eq!(generated.timings.steps_s.len(), 8);
}

#[test]
fn another_model_is_right_at_times() {
    let drafts = forty(mostly_hashed, &json!({})).drafts.unwrap();
    assert!(drafts.accepted > 8 && drafts.accepted + 8 < drafts.drafted, "{drafts:?}");
    let sampled = forty(hashed, &json!({"do_sample": true})).drafts.unwrap();
    assert!(sampled.accepted < sampled.drafted, "drafts are not drawn: {sampled:?}");
}

#[test]
fn the_schedule_sets_the_length() {
    let right = forty(hashed, &json!({"num_assistant_tokens_schedule": "heuristic"}));
    // Drafts of 4, 6, 8 and 10 tokens, of 6 where the end is near, and all are right.
    let expected = Drafts { rounds: 5, drafted: 34, accepted: 34, next_limit: 14 };
    assert_eq!(right.drafts, Some(expected));
    let wrong = forty(circling, &json!({"num_assistant_tokens_schedule": "heuristic"}));
    assert!(wrong.drafts.unwrap().next_limit < 4);
}

#[test]
fn a_model_that_is_not_sure_ends_its_draft() {
    // Logits from -3 to 3 give no token of 13 a probability above 0.98 (1 against 12 exp(-6)).
    let unsure = forty(hashed, &json!({"assistant_confidence_threshold": 0.99}));
    let drafts = unsure.drafts.unwrap();
    // But for the last, which has no room for one.
    assert_eq!(drafts.drafted + 1, drafts.rounds, "one token each");
    let some = forty(hashed, &json!({"assistant_confidence_threshold": 0.3})).drafts.unwrap();
    assert!(some.drafted > some.rounds && some.drafted < some.rounds * 4, "{some:?}");
}

#[test]
fn the_length_goes_on_from_prompt_to_prompt_unless_it_is_transient() {
    let model = Fake::new(13);
    let next = |schedule: &str, prompts: &[Vec<u32>]| {
        let settings = json!({
            "max_new_tokens": 12, "suppress_tokens": [END], "num_assistant_tokens": 4,
            "assistant_confidence_threshold": 0.0, "num_assistant_tokens_schedule": schedule,
        });
        run(&model, Some(&model), prompts, &settings).unwrap().drafts.unwrap().next_limit
    };
    let prompt = vec![3, 4];
    let once = next("heuristic", std::slice::from_ref(&prompt));
    assert_eq!(once, next("heuristic_transient", &[prompt.clone(), prompt.clone()]));
    assert!(next("heuristic", &[prompt.clone(), prompt]) > once);
}

#[test]
fn an_exit_behind_the_last_layer_is_refused() {
    let settings = json!({"assistant_early_exit": 3});
    let refused = run(&Fake::new(13), None, &[vec![3]], &settings).unwrap_err();
    insta::assert_snapshot!(refused, @"assistant_early_exit = 3 is refused: the model has 2 layers");
}
