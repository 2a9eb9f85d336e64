//! Tests of the settings: over the whole table, and rule by rule.

use serde_json::json;

use super::{GenerationConfig, Mode, ModelDefaults};
use crate::refusal::Refusal;
use crate::settings::{Settings, Value};

/// A model of 100 tokens and 64 positions that ends with token 2.
fn model() -> ModelDefaults {
    ModelDefaults {
        settings: [("eos_token_id", Value::from(2))].into_iter().collect(),
        vocab_size: 100,
        max_positions: 64,
        assistant: false,
    }
}

fn parse(settings: Value) -> Result<GenerationConfig, Refusal> {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    GenerationConfig::parse(&settings, &model())
}

fn refusal(settings: Value) -> String {
    parse(settings.clone()).expect_err(&settings.to_string()).to_string()
}

/// Per parameter: a value other than its default, what it needs beside it, values that are
/// refused.
fn table() -> Vec<(&'static str, Value, Value, Vec<Value>)> {
    let sampled = || json!({"do_sample": true});
    let beams = || json!({"num_beams": 4});
    let drafts = || json!({"assistant_early_exit": 1});
    let none = || json!({});
    vec![
        ("guidance_scale", json!(1.5), none(), vec![json!(-0.1), json!("high"), json!([1.5])]),
        (
            "negative_prompt_ids",
            json!([3, 4]),
            json!({"guidance_scale": 2.0}),
            vec![json!([]), json!([100]), json!(3), json!([-1])],
        ),
        (
            "sequence_bias",
            json!([[[5], -1.0], [[6, 7], 2.5]]),
            none(),
            vec![
                json!([]),
                json!([[[5], 1]]),
                json!([[[], 1.0]]),
                json!([[[100], 1.0]]),
                json!({"5;6": 1.0}),
                json!([[[5], 1.0], [[5], 2.0]]),
            ],
        ),
        (
            "diversity_penalty",
            json!(0.5),
            json!({"num_beams": 4, "num_beam_groups": 2}),
            vec![json!(-0.5), json!(1)],
        ),
        ("encoder_repetition_penalty", json!(1.5), none(), vec![json!(0.0), json!(2), json!(-1.0)]),
        ("repetition_penalty", json!(1.5), none(), vec![json!(0.0), json!(2), json!(-1.0)]),
        ("no_repeat_ngram_size", json!(3), none(), vec![json!(-1), json!(2.0), json!("3")]),
        ("encoder_no_repeat_ngram_size", json!(3), none(), vec![json!(-1), json!(2.5)]),
        (
            "bad_words_ids",
            json!([[5], [6, 7]]),
            none(),
            vec![json!([]), json!([5]), json!([[]]), json!([[100]]), json!([[2]])],
        ),
        ("min_length", json!(5), none(), vec![json!(-1), json!(1.5)]),
        ("min_new_tokens", json!(5), none(), vec![json!(-1), json!("5")]),
        ("forced_bos_token_id", json!(5), none(), vec![json!(-1), json!(100), json!([5])]),
        ("forced_eos_token_id", json!([5, 6]), none(), vec![json!([]), json!(100), json!([5, 5])]),
        ("remove_invalid_values", json!(true), none(), vec![json!(1), json!("true")]),
        (
            "exponential_decay_length_penalty",
            json!([5, 1.1]),
            none(),
            vec![json!([5]), json!([-5, 1.1]), json!([5, 0.0]), json!([5.0, 1.1]), json!(5)],
        ),
        ("suppress_tokens", json!([5]), none(), vec![json!([100]), json!(5), json!([-1])]),
        ("begin_suppress_tokens", json!([5]), none(), vec![json!([100]), json!(5)]),
        (
            "temperature",
            json!(0.7),
            sampled(),
            vec![json!(0.0), json!(-1.0), json!(1), json!(2), json!("warm")],
        ),
        ("top_h", json!(0.4), sampled(), vec![json!(0.0), json!(1.1)]),
        ("top_k", json!(5), sampled(), vec![json!(-1), json!(5.0), json!("5")]),
        ("top_p", json!(0.9), sampled(), vec![json!(2.0), json!(-0.1), json!("0.9")]),
        ("min_p", json!(0.1), sampled(), vec![json!(1.1), json!(-0.1)]),
        ("typical_p", json!(0.9), sampled(), vec![json!(2.0), json!(0.0)]),
        ("epsilon_cutoff", json!(0.01), sampled(), vec![json!(1.0), json!(-0.1)]),
        ("eta_cutoff", json!(0.01), sampled(), vec![json!(1.0), json!(-0.1)]),
        (
            "watermarking_config",
            json!({"greenlist_ratio": 0.5, "bias": 1.5, "hashing_key": 7,
                "seeding_scheme": "selfhash", "context_width": 3}),
            none(),
            vec![
                json!({"greenlist_ratio": 1.0}),
                json!({"greenlist_ratio": 0.0}),
                json!({"context_width": 0}),
                json!({"seeding_scheme": "righthash"}),
                json!({"ngram_len": 5, "keys": [1]}),
                json!({"greenlist_ratoi": 0.5}),
                json!(true),
            ],
        ),
        ("renormalize_logits", json!(true), none(), vec![json!(1)]),
        ("do_sample", json!(true), none(), vec![json!("yes"), json!(1)]),
        ("seed", json!(7), none(), vec![json!(-1), json!(0.5)]),
        ("num_return_sequences", json!(3), sampled(), vec![json!(0), json!(1.5)]),
        ("num_beams", json!(4), none(), vec![json!(0), json!(-1), json!(2.0), json!(1025)]),
        ("length_penalty", json!(0.5), beams(), vec![json!("long"), json!([1.0])]),
        ("early_stopping", json!("never"), beams(), vec![json!("always"), json!(1)]),
        (
            "num_beam_groups",
            json!(2),
            json!({"num_beams": 4, "diversity_penalty": 0.5}),
            vec![json!(0), json!(3), json!(8)],
        ),
        (
            "penalty_alpha",
            json!(0.6),
            json!({"top_k": 4}),
            vec![json!(-0.1), json!(1.1), json!("0.6")],
        ),
        (
            "force_words_ids",
            json!([[5, 6], [[7], [8, 9]]]),
            beams(),
            vec![json!([]), json!([5]), json!([[]]), json!([[100]]), json!([[[5], [5, 6]]])],
        ),
        (
            "low_memory",
            json!(true),
            json!({"penalty_alpha": 0.6, "top_k": 4}),
            vec![json!(1), json!("true")],
        ),
        ("prompt_lookup_num_tokens", json!(5), none(), vec![json!(0), json!(2.5)]),
        (
            "max_matching_ngram_size",
            json!(3),
            json!({"prompt_lookup_num_tokens": 5}),
            vec![json!(0), json!(-1)],
        ),
        ("assistant_early_exit", json!(1), none(), vec![json!(0), json!(-1), json!("1")]),
        ("num_assistant_tokens", json!(5), drafts(), vec![json!(0), json!(2.5)]),
        (
            "num_assistant_tokens_schedule",
            json!("heuristic"),
            drafts(),
            vec![json!("heuristics"), json!(true)],
        ),
        (
            "assistant_confidence_threshold",
            json!(0.5),
            drafts(),
            vec![json!(-0.1), json!(1.1), json!("high")],
        ),
        ("max_length", json!(30), none(), vec![json!(0), json!(65), json!(5.0)]),
        ("max_new_tokens", json!(30), none(), vec![json!(0), json!(-1), json!(64), json!("30")]),
        ("max_time", json!(1.5), none(), vec![json!(0.0), json!(-1.0), json!("1s")]),
        ("stop_strings", json!(["x", "y"]), none(), vec![json!([]), json!([""]), json!(5)]),
        ("eos_token_id", json!([3, 4]), none(), vec![json!([]), json!(100), json!(-1), json!("x")]),
        ("pad_token_id", json!(3), none(), vec![json!(100), json!(-1)]),
        ("bos_token_id", json!(3), none(), vec![json!(100), json!([3])]),
        ("use_cache", json!(false), none(), vec![json!(0), json!("false")]),
        ("prefill_chunk_size", json!(4), none(), vec![json!(0), json!(-4)]),
        ("batch_size", json!(4), none(), vec![json!(0), json!(2.0)]),
        ("batching_strategy", json!("sorted_static"), none(), vec![json!("dynamo"), json!(1)]),
        (
            "max_tokens_per_batch",
            json!(32),
            json!({"batching_strategy": "dynamic"}),
            vec![json!(0), json!(1.5)],
        ),
        ("output_scores", json!(true), none(), vec![json!("yes")]),
    ]
}

/// `companions` with `name` set to `value`.
fn together(companions: &Value, name: &str, value: &Value) -> Value {
    let mut settings = companions.clone();
    settings[name] = value.clone();
    settings
}

#[test]
fn the_table_covers_every_parameter() {
    let mut covered: Vec<&str> = table().iter().map(|(name, ..)| *name).collect();
    let mut all = GenerationConfig::PARAMETERS.to_vec();
    covered.sort_unstable();
    all.sort_unstable();
    assert_eq!(covered, all);
    all.dedup();
    assert_eq!(covered.len(), all.len(), "a name stands twice");
}

#[test]
fn every_parameter_reads_back_what_was_set() {
    let base = parse(json!({})).unwrap().effective();
    for (name, value, companions, _) in table() {
        let set = parse(together(&companions, name, &value)).unwrap().effective();
        assert_eq!(set.get(name), Some(&value), "{name}");
        assert_ne!(base.get(name), Some(&value), "{name} = {value} is the default");
        assert_eq!(set.len(), GenerationConfig::PARAMETERS.len());
    }
}

#[test]
fn every_parameter_refuses_what_breaks_its_rule() {
    for (name, _, companions, wrong) in table() {
        for value in wrong {
            let refused = parse(together(&companions, name, &value));
            let refused = refused.expect_err(&format!("{name} = {value}"));
            assert_eq!((refused.parameter.as_str(), &refused.value), (name, &value), "{refused}");
        }
    }
}

#[test]
fn every_parameter_takes_null_as_unset() {
    let base = parse(json!({})).unwrap();
    for name in GenerationConfig::PARAMETERS {
        assert_eq!(parse(json!({*name: null})).unwrap(), base, "{name}");
    }
}

#[test]
fn what_would_be_ignored_is_refused_and_its_neutral_value_is_not() {
    for (name, value, companions, _) in table() {
        let needed = companions.as_object().unwrap().len();
        if needed > 0 {
            let alone = parse(json!({name: value}));
            assert!(alone.is_err(), "{name} = {value} without {companions}");
        }
    }
    for (name, neutral) in [
        ("temperature", json!(1.0)),
        ("top_k", json!(50)),
        ("top_k", json!(0)),
        ("top_p", json!(1.0)),
        ("min_p", json!(0.0)),
        ("typical_p", json!(1.0)),
        ("epsilon_cutoff", json!(0.0)),
        ("eta_cutoff", json!(0.0)),
        ("length_penalty", json!(1.0)),
        ("early_stopping", json!(false)),
        ("diversity_penalty", json!(0.0)),
        ("penalty_alpha", json!(0.0)),
        ("num_beam_groups", json!(1)),
    ] {
        assert!(parse(json!({name: neutral})).is_ok(), "{name}");
    }
}

#[test]
fn the_model_may_bring_what_a_request_may_not() {
    let mut defaults = model();
    defaults.settings.set("temperature", 0.6);
    defaults.settings.set("top_p", 1);
    defaults.settings.set("repetition_penalty", 2);
    defaults.settings.set("transformers_version", "5.23.0");
    let greedy = GenerationConfig::parse(&Settings::new(), &defaults).unwrap();
    assert_eq!(greedy.repetition_penalty, 2.0);
    let sampled: Settings = [("do_sample", true)].into_iter().collect();
    let sampled = GenerationConfig::parse(&sampled, &defaults).unwrap();
    assert_eq!((sampled.temperature, sampled.top_k), (0.6, Some(50)));
    defaults.settings.set("pad_token_id", -1);
    defaults.settings.set("eos_token_id", json!([2, 2]));
    assert!(GenerationConfig::parse(&Settings::new(), &defaults).is_ok(), "as some models say");
    defaults.settings.set("top_p", 3.0);
    let overruled: Settings = [("top_p", 1.0)].into_iter().collect();
    assert!(GenerationConfig::parse(&overruled, &defaults).is_ok());
    let refused = GenerationConfig::parse(&Settings::new(), &defaults).unwrap_err();
    insta::assert_snapshot!(
        refused,
        @"top_p = 3.0 is refused: must be a number of at least 0 and at most 1 (the model's own default)"
    );
}

#[test]
fn a_request_for_one_length_overrules_a_default_for_the_other() {
    let mut defaults = model();
    defaults.settings.set("max_new_tokens", 40);
    defaults.settings.set("min_new_tokens", 4);
    let request: Settings = [("max_length", 10), ("min_length", 6)].into_iter().collect();
    let config = GenerationConfig::parse(&request, &defaults).unwrap();
    assert_eq!((config.max_new_tokens, config.min_new_tokens), (None, None));
    assert_eq!(config.length_limit(5, 64), 10);
    let open = GenerationConfig::parse(&Settings::new(), &defaults).unwrap();
    assert_eq!(open.length_limit(5, 64), 45);
    assert_eq!(parse(json!({})).unwrap().length_limit(50, 64), 64, "20 more, capped");
}

#[test]
fn without_a_model_nothing_that_depends_on_one_is_checked() {
    let settings: Settings =
        serde_json::from_value(json!({"min_new_tokens": 3, "suppress_tokens": [4_000_000]}))
            .unwrap();
    assert!(GenerationConfig::parse(&settings, &ModelDefaults::default()).is_ok());
}

#[test]
fn defaults_that_hang_on_other_settings_read_back_too() {
    let read = |settings: Value, name: &str| {
        parse(settings).unwrap().effective().get(name).cloned().unwrap()
    };
    assert_eq!(read(json!({"do_sample": true}), "top_k"), 50);
    assert_eq!(read(json!({"prompt_lookup_num_tokens": 3}), "max_matching_ngram_size"), 2);
    assert_eq!(read(json!({"batching_strategy": "dynamic"}), "max_tokens_per_batch"), 64);
    assert_eq!(read(json!({}), "max_new_tokens"), 20);
    assert_eq!(read(json!({}), "pad_token_id"), 2);
}

#[test]
fn modes() {
    let mode = |settings| parse(settings).unwrap().mode();
    assert_eq!(mode(json!({})), Mode::Single);
    assert_eq!(mode(json!({"do_sample": true})), Mode::Single);
    assert_eq!(mode(json!({"prompt_lookup_num_tokens": 3})), Mode::Lookup);
    assert_eq!(mode(json!({"num_beams": 2, "do_sample": true})), Mode::Beam);
    assert_eq!(mode(json!({"penalty_alpha": 0.6, "top_k": 4})), Mode::Contrastive);
    let groups = json!({"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 1.0});
    assert_eq!(mode(groups), Mode::GroupBeam);
    assert_eq!(mode(json!({"num_beams": 2, "force_words_ids": [[5]]})), Mode::Constrained);
}

#[test]
fn drafts_of_a_model_need_a_search_that_checks_them() {
    let assisted = ModelDefaults { assistant: true, ..model() };
    let parse = |defaults: &ModelDefaults, settings: Value| {
        GenerationConfig::parse(&serde_json::from_value(settings).unwrap(), defaults)
    };
    assert_eq!(parse(&assisted, json!({})).unwrap().mode(), Mode::Assisted);
    assert_eq!(parse(&assisted, json!({"do_sample": true})).unwrap().mode(), Mode::Assisted);
    let exit = parse(&model(), json!({"assistant_early_exit": 1})).unwrap();
    assert_eq!(exit.mode(), Mode::Assisted);
    assert_eq!(exit.effective().get("num_assistant_tokens"), Some(&json!(20)));
    assert_eq!(exit.effective().get("num_assistant_tokens_schedule"), Some(&json!("constant")));
    assert_eq!(exit.effective().get("assistant_confidence_threshold"), Some(&json!(0.4)));
    let refusals = [
        (&model(), json!({"num_assistant_tokens": 5})),
        (&assisted, json!({"assistant_early_exit": 1})),
        (&assisted, json!({"prompt_lookup_num_tokens": 3})),
        (&assisted, json!({"num_beams": 2})),
        (&assisted, json!({"penalty_alpha": 0.6, "top_k": 4})),
        (&assisted, json!({"num_return_sequences": 2, "do_sample": true})),
        (&assisted, json!({"batch_size": 2})),
        (&assisted, json!({"batching_strategy": "sorted_dynamic"})),
        (&assisted, json!({"use_cache": false})),
        (&assisted, json!({"assistant_ensemble_weight": 0.5})),
        (&assisted, json!({"is_assistant": true})),
        (&assisted, json!({"assistant_lookbehind": 10})),
        (&assisted, json!({"target_lookbehind": 10})),
    ]
    .map(|(defaults, settings)| parse(defaults, settings).unwrap_err().to_string())
    .join("\n");
    insta::assert_snapshot!(refusals, @r#"
    num_assistant_tokens = 5 is refused: does nothing without a draft model; load one with assistant_model, set assistant_early_exit, or leave this parameter out
    assistant_early_exit = 1 is refused: the draft model (assistant_model) makes the drafts; load without it, or leave this parameter out
    prompt_lookup_num_tokens = 3 is refused: assistant_model and assistant_early_exit make drafts already; keep one of them
    num_beams = 2 is refused: assisted generation (assistant_model, assistant_early_exit) needs num_beams = 1
    penalty_alpha = 0.6 is refused: contrastive search and assisted generation (assistant_model, assistant_early_exit) exclude each other
    num_return_sequences = 2 is refused: assisted generation (assistant_model, assistant_early_exit) needs num_return_sequences = 1
    batch_size = 2 is refused: assisted generation (assistant_model, assistant_early_exit) runs one prompt at a time; leave batch_size at 1
    batching_strategy = "sorted_dynamic" is refused: assisted generation (assistant_model, assistant_early_exit) runs one prompt at a time; take static or sorted_static
    use_cache = false is refused: assisted generation (assistant_model, assistant_early_exit) needs the cache
    assistant_ensemble_weight = 0.5 is refused: takes tokens that the model itself would not choose; here drafts change no token, leave it out
    is_assistant = true is refused: marks a draft model, and the model of a request is none; give the draft model as assistant_model when loading
    assistant_lookbehind = 10 is refused: aligns two tokenizers; here a draft model has the tokenizer of its model, leave it out
    target_lookbehind = 10 is refused: aligns two tokenizers; here a draft model has the tokenizer of its model, leave it out
    "#);
}

#[test]
fn biases_may_be_a_map() {
    for key in ["6,7", "(6, 7)", "[6, 7]"] {
        let config = parse(json!({"sequence_bias": {key: -1.5}})).unwrap();
        assert_eq!(config.effective().get("sequence_bias"), Some(&json!([[[6, 7], -1.5]])));
    }
    assert!(parse(json!({"sequence_bias": {"(6,)": -1.5}})).is_ok(), "a tuple of one");
}

#[test]
fn refusals_say_what_is_wrong() {
    let refusals = [
        json!({"temprature": 0.5}),
        json!({"temperature": 1, "do_sample": true}),
        json!({"temperature": 0.5}),
        json!({"top_p": 2.0, "do_sample": true}),
        json!({"typical_p": 0.0, "do_sample": true}),
        json!({"top_k": -1, "do_sample": true}),
        json!({"suppress_tokens": [4, 100]}),
        json!({"eos_token_id": -1}),
        json!({"length_penalty": 2.0}),
        json!({"early_stopping": "always", "num_beams": 2}),
        json!({"num_return_sequences": 2}),
        json!({"num_return_sequences": 3, "num_beams": 2}),
        json!({"num_beam_groups": 3, "num_beams": 4, "diversity_penalty": 1.0}),
        json!({"num_beam_groups": 2, "num_beams": 4}),
        json!({"penalty_alpha": 0.6}),
        json!({"max_matching_ngram_size": 3}),
        json!({"prompt_lookup_num_tokens": 3, "batch_size": 2}),
        json!({"max_length": 20, "max_new_tokens": 10}),
        json!({"min_new_tokens": 11, "max_new_tokens": 10}),
        json!({"forced_eos_token_id": 5, "suppress_tokens": [5, 6]}),
        json!({"bad_words_ids": [[2]]}),
        json!({"max_new_tokens": 64}),
        json!({"use_cache": false, "prefill_chunk_size": 4}),
        json!({"batching_strategy": "dynamc"}),
        json!({"batch_size": 4, "batching_strategy": "dynamic"}),
        json!({"max_tokens_per_batch": 4}),
        json!({"watermarking_config": {"ngram_len": 5, "keys": [1, 2]}}),
        json!({"watermarking_config": {"greenlist_ratoi": 0.5}}),
        json!({"exponential_decay_length_penalty": [-1, 1.5]}),
        json!({"sequence_bias": [[[5], 1]]}),
    ]
    .map(refusal)
    .join("\n");
    insta::assert_snapshot!(refusals, @r#"
    temprature = 0.5 is refused: no such parameter; did you mean `temperature`?
    temperature = 1 is refused: must be a float; write 1.0
    temperature = 0.5 is refused: does nothing without do_sample = true; turn it on or leave this parameter out
    top_p = 2.0 is refused: must be a number of at least 0 and at most 1
    typical_p = 0.0 is refused: must be a number above 0 and at most 1
    top_k = -1 is refused: must be an integer of at least 0
    suppress_tokens = [4,100] is refused: a token id must be an integer from 0 to 99, as the vocabulary has 100 entries
    eos_token_id = -1 is refused: a token id must be an integer from 0 to 99, as the vocabulary has 100 entries
    length_penalty = 2.0 is refused: does nothing without num_beams above 1; set it or leave this parameter out
    early_stopping = "always" is refused: must be true, false or "never"
    num_return_sequences = 2 is refused: greedy search has one result per prompt; set do_sample = true or num_beams
    num_return_sequences = 3 is refused: must not exceed num_beams
    num_beam_groups = 3 is refused: num_beams must be a multiple of it
    num_beam_groups = 2 is refused: without a diversity_penalty above 0 all groups are the same; set it
    penalty_alpha = 0.6 is refused: contrastive search needs top_k above 1, do_sample = false and num_beams = 1
    max_matching_ngram_size = 3 is refused: does nothing without prompt_lookup_num_tokens; set it or leave this parameter out
    prompt_lookup_num_tokens = 3 is refused: prompt lookup runs one prompt at a time; leave batch_size at 1
    max_length = 20 is refused: max_new_tokens is set too and would win; keep one of them
    min_new_tokens = 11 is refused: must not exceed max_new_tokens
    forced_eos_token_id = 5 is refused: is suppressed by suppress_tokens, so that no token would be left; take it out there
    bad_words_ids = [[2]] is refused: has end tokens only, and those are not banned by it; use min_new_tokens or suppress_tokens
    max_new_tokens = 64 is refused: must be below 64, the positions of the model
    use_cache = false is refused: prefill_chunk_size needs the cache
    batching_strategy = "dynamc" is refused: did you mean "dynamic"? one of static, dynamic, sorted_static, sorted_dynamic
    batch_size = 4 is refused: does nothing with batching_strategy dynamic or sorted_dynamic; use max_tokens_per_batch
    max_tokens_per_batch = 4 is refused: does nothing without batching_strategy dynamic or sorted_dynamic
    watermarking_config = {"ngram_len":5,"keys":[1,2]} is refused: SynthID watermarks (ngram_len, keys) are not implemented; the green list (greenlist_ratio, bias, hashing_key, seeding_scheme, context_width) is
    watermarking_config = {"greenlist_ratoi":0.5} is refused: its greenlist_ratoi is no key of it; did you mean `greenlist_ratio`?
    exponential_decay_length_penalty = [-1,1.5] is refused: its start must be an integer of at least 0: new tokens before the penalty begins
    sequence_bias = [[[5],1]] is refused: a bias must be a float
    "#);
}
