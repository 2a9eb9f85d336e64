//! Assisted generation over tiny models, in every backend of this build that has it.

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::backends::{Engine, Generation, Options, Prompt, find};
use crate::generate::Drafts;
use crate::model::{Architecture, tiny};
use crate::settings::{Settings, Value};

const BACKENDS: &[&str] = &[
    #[cfg(feature = "candle")]
    "candle",
    #[cfg(feature = "torch")]
    "pytorch",
];

fn model(arch: Architecture, seed: u64) -> TempDir {
    let dir = TempDir::new().unwrap();
    tiny::write(arch, seed, dir.path()).unwrap();
    dir
}

fn settings(value: Value) -> Settings {
    serde_json::from_value(value).unwrap()
}

fn load(backend: &str, model: &Path, value: Value) -> Result<Box<dyn Engine>, String> {
    let backend = find(backend, &Options::default()).unwrap();
    backend.load(model, &settings(value)).map_err(|error| error.to_string())
}

fn ask(engine: &mut dyn Engine, value: Value) -> Generation {
    let prompts = [Prompt::Text("The mill".to_owned()), Prompt::Tokens(vec![40, 75, 104])];
    engine.generate(&prompts, &settings(value)).unwrap()
}

/// Changes the JSON file `name` in `dir`.
fn edit(dir: &Path, name: &str, change: impl FnOnce(&mut Value)) {
    let file = dir.join(name);
    let mut value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    change(&mut value);
    fs::write(&file, value.to_string()).unwrap();
}

fn rows(generation: &Generation) -> Vec<Vec<u32>> {
    generation.prompts.iter().map(|prompt| prompt.rows[0].tokens.clone()).collect()
}

const REQUESTS: [&str; 2] = [
    r#"{"max_new_tokens": 24}"#,
    r#"{"max_new_tokens": 24, "do_sample": true, "seed": 3, "temperature": 0.8}"#,
];

#[test]
fn a_draft_model_changes_no_token() {
    for arch in Architecture::ALL {
        let (own, other) = (model(arch, 1), model(arch, 2));
        for backend in BACKENDS {
            let mut plain = load(backend, own.path(), json!({})).unwrap();
            let mut by = |draft: &Path, drafting: Value| {
                let mut engine =
                    load(backend, own.path(), json!({"assistant_model": draft})).unwrap();
                REQUESTS.map(|request| {
                    let mut value: Value = serde_json::from_str(request).unwrap();
                    let expected = rows(&ask(plain.as_mut(), value.clone()));
                    value.as_object_mut().unwrap().extend(drafting.as_object().unwrap().clone());
                    let generation = ask(engine.as_mut(), value);
                    assert_eq!(rows(&generation), expected, "{backend} {arch} {request}");
                    generation.drafts.unwrap()
                })
            };
            let long = json!({"assistant_confidence_threshold": 0.0, "num_assistant_tokens": 5});
            let [greedy, sampled] = by(own.path(), long.clone());
            // Four full drafts after the token of the prompt, at most, and what is left.
            let expected = Drafts { rounds: 8, drafted: 38, accepted: 38, next_limit: 5 };
            assert_eq!(greedy, expected, "{backend} {arch}");
            assert!(sampled.accepted < sampled.drafted, "{backend} {arch}: {sampled:?}");
            let [greedy, _] = by(other.path(), long);
            assert!(greedy.accepted < greedy.drafted, "{backend} {arch}: {greedy:?}");
            by(other.path(), json!({"num_assistant_tokens_schedule": "heuristic"}));
        }
    }
}

#[test]
fn the_first_layers_change_no_token() {
    for arch in Architecture::ALL {
        let own = model(arch, 1);
        for backend in BACKENDS {
            let mut engine = load(backend, own.path(), json!({})).unwrap();
            let plain = ask(engine.as_mut(), json!({"max_new_tokens": 24}));
            assert_eq!(plain.drafts, None);
            let mut exit = |layers: usize| {
                let value = json!({
                    "max_new_tokens": 24, "assistant_early_exit": layers,
                    "assistant_confidence_threshold": 0.0, "num_assistant_tokens": 5,
                });
                let generation = ask(engine.as_mut(), value);
                assert_eq!(rows(&generation), rows(&plain), "{backend} {arch} {layers}");
                generation.drafts.unwrap()
            };
            let (one, all) = (exit(1), exit(2));
            assert!(one.accepted < one.drafted, "{backend} {arch}: {one:?}");
            assert_eq!(all.accepted, all.drafted, "{backend} {arch}: {all:?}");
            let three = settings(json!({"assistant_early_exit": 3}));
            let refused = engine.generate(&[Prompt::Tokens(vec![5])], &three).unwrap_err();
            assert_eq!(
                refused.to_string(),
                "assistant_early_exit = 3 is refused: the model has 2 layers; give at most that"
            );
        }
    }
}

#[test]
fn what_the_draft_model_brings_along_holds_and_a_heuristic_goes_on() {
    let (own, draft) = (model(Architecture::Llama, 1), model(Architecture::Llama, 2));
    edit(own.path(), "generation_config.json", |entries| {
        entries["num_assistant_tokens"] = 9.into()
    });
    edit(draft.path(), "generation_config.json", |entries| {
        entries["num_assistant_tokens"] = 7.into();
        entries["assistant_confidence_threshold"] = 0.into();
    });
    for backend in BACKENDS {
        let given = json!({"assistant_model": draft.path()});
        let mut engine = load(backend, own.path(), given.clone()).unwrap();
        let mut read = |value: Value, name: &str| {
            let generation = ask(engine.as_mut(), value);
            (generation.effective.get(name).cloned().unwrap(), generation.drafts.unwrap())
        };
        assert_eq!(read(json!({}), "assistant_model").0, json!(draft.path()));
        assert_eq!(read(json!({}), "num_assistant_tokens").0, 7);
        assert_eq!(read(json!({}), "num_assistant_tokens_schedule").0, "constant");
        assert_eq!(read(json!({}), "assistant_confidence_threshold").0, 0.0);
        assert_eq!(read(json!({"num_assistant_tokens": 3}), "num_assistant_tokens").0, 3);
        let transient = json!({"num_assistant_tokens_schedule": "heuristic_transient"});
        let (_, drafts) = read(transient, "seed");
        assert_ne!(drafts.next_limit, 7);
        assert_eq!(read(json!({}), "num_assistant_tokens").0, 7, "nothing is kept of it");
        let heuristic = json!({"num_assistant_tokens_schedule": "heuristic"});
        let (_, drafts) = read(heuristic, "seed");
        assert_ne!(drafts.next_limit, 7);
        assert_eq!(read(json!({}), "num_assistant_tokens").0, json!(drafts.next_limit));

        let mut plain = load(backend, own.path(), json!({})).unwrap();
        let effective = ask(plain.as_mut(), json!({})).effective;
        assert_eq!(effective.get("assistant_model"), Some(&Value::Null));
        assert_eq!(effective.get("num_assistant_tokens"), Some(&Value::Null));
    }
}

#[test]
fn a_draft_model_that_does_not_fit_is_refused() {
    let own = model(Architecture::Llama, 1);
    let draft = model(Architecture::Llama, 2);
    let said = |value: Value| {
        let told = BACKENDS.iter().map(|backend| {
            let Err(error) = load(backend, own.path(), value.clone()) else { panic!("loaded") };
            error.replace(&draft.path().display().to_string(), "DRAFT")
        });
        let mut told: Vec<String> = told.collect();
        told.dedup();
        assert_eq!(told.len(), 1, "the backends agree: {told:?}");
        told.remove(0)
    };
    let given = json!({"assistant_model": draft.path()});
    insta::assert_snapshot!(said(json!({"assistant_model": ""})), @r#"assistant_model = "" is refused: the directory of a draft model, or null"#);
    insta::assert_snapshot!(said(json!({"assistant_model": 3})), @"assistant_model = 3 is refused: the directory of a draft model, or null");
    insta::assert_snapshot!(said(json!({"assistant_model": "no-such-model"})), @r#"assistant_model = "no-such-model" is refused: no-such-model: does not exist; give a model directory, or make a tiny one with `wattest model new --arch llama DIR`"#);
    insta::assert_snapshot!(
        said(json!({"assistant_model": draft.path(), "num_beams": 2})),
        @"num_beams = 2 is refused: assisted generation (assistant_model, assistant_early_exit) needs num_beams = 1"
    );

    edit(draft.path(), "config.json", |config| config["max_position_embeddings"] = 256.into());
    insta::assert_snapshot!(said(given.clone()), @r#"assistant_model = "DRAFT" is refused: it has 256 positions and a row may have 512; set max_model_len to at most 256"#);
    let mut shorter = given.clone();
    shorter["max_model_len"] = 256.into();
    for backend in BACKENDS {
        assert!(load(backend, own.path(), shorter.clone()).is_ok(), "{backend}");
    }
    edit(draft.path(), "config.json", |config| config["vocab_size"] = 500.into());
    insta::assert_snapshot!(said(shorter.clone()), @r#"assistant_model = "DRAFT" is refused: it has 500 logits per position and the model 512; take a draft model of the same vocabulary"#);
    edit(draft.path(), "config.json", |config| config["vocab_size"] = 512.into());
    edit(draft.path(), "tokenizer.json", |tokenizer| {
        let vocabulary = tokenizer["model"]["vocab"].as_object_mut().unwrap();
        for id in vocabulary.values_mut() {
            *id = match id.as_u64() {
                Some(300) => 301.into(),
                Some(301) => 300.into(),
                _ => continue,
            };
        }
    });
    let refused = said(shorter);
    assert!(refused.contains("its tokenizer is another than that of the model: token 300 is `"));
    assert!(refused.ends_with("take a draft model of the same vocabulary"), "{refused}");
}
