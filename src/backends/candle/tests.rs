//! The backend over tiny models of every architecture.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::engine::CandleEngine;
use crate::backends::conformance::{
    PROMPT, conformance, engine, engines, extend, greedy, model, refused, settings,
};
use crate::backends::{BackendError, Engine, find};
use crate::generate::{CausalLm, Want};
use crate::model::Architecture;
use crate::settings::{Settings, Value};

conformance!(CandleEngine);

#[test]
fn the_output_is_varied_and_never_ends_by_itself() {
    for (arch, engine) in engines::<CandleEngine>(&[]) {
        for text in ["Hello, my name is", "The quick brown fox", "once upon a time there was"] {
            let prompt = engine.tokenizer().encode(text).unwrap();
            assert_eq!(engine.tokenizer().decode(&prompt, true), text);
            let (tokens, logits) = greedy(engine.lm(), &prompt, 40);
            let distinct: BTreeSet<u32> = tokens.iter().copied().collect();
            assert!((8..40).contains(&distinct.len()), "{arch}, {text}: {tokens:?}");
            assert!(tokens.iter().all(|token| *token > 2), "{arch}, {text}: {tokens:?}");
            for logits in logits {
                let mean = logits.iter().sum::<f32>() / 512.0;
                let variance = logits.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 512.0;
                assert!((2.0..4.0).contains(&variance.sqrt()), "{arch}: {}", variance.sqrt());
            }
        }
    }
}

#[test]
fn narrower_types_and_formats_are_near() {
    for arch in Architecture::ALL {
        let dir = model(arch);
        let logits = |pairs: &[(&str, Value)]| {
            let engine: CandleEngine = engine(dir.path(), pairs);
            let want = Want { logits: PROMPT.len(), hidden: false };
            extend(&mut *engine.lm().begin(1).unwrap(), &PROMPT, want).logits
        };
        let exact = logits(&[]);
        let far = |pairs: &[(&str, Value)]| {
            let sum: f32 = logits(pairs).iter().zip(&exact).map(|(a, b)| (a - b).powi(2)).sum();
            (sum / exact.len() as f32).sqrt()
        };
        // Root mean square of the difference; the logits have a standard deviation of 3.
        let distances: Vec<(&str, f32, std::ops::Range<f32>)> = vec![
            ("float16", far(&[("dtype", "float16".into())]), 1e-4..0.02),
            ("bfloat16", far(&[("dtype", "bfloat16".into())]), 1e-3..0.15),
            ("float16 cache", far(&[("kv_cache_dtype", "float16".into())]), 1e-6..0.01),
            ("bfloat16 cache", far(&[("kv_cache_dtype", "bfloat16".into())]), 1e-5..0.05),
            ("q8_0", far(&[("quantization", "q8_0".into())]), 1e-3..0.1),
            ("q6k", far(&[("quantization", "q6k".into())]), 1e-3..0.3),
            ("q5_0", far(&[("quantization", "q5_0".into())]), 1e-2..0.6),
            ("q5_1", far(&[("quantization", "q5_1".into())]), 1e-2..0.6),
            ("q5k", far(&[("quantization", "q5k".into())]), 1e-2..0.6),
            ("q4_0", far(&[("quantization", "q4_0".into())]), 1e-2..1.2),
            ("q4_1", far(&[("quantization", "q4_1".into())]), 1e-2..1.2),
            ("q4k", far(&[("quantization", "q4k".into())]), 1e-2..1.2),
            ("q3k", far(&[("quantization", "q3k".into())]), 0.1..2.0),
            ("q2k", far(&[("quantization", "q2k".into())]), 0.3..3.5),
        ];
        for (what, distance, range) in distances {
            assert!(range.contains(&distance), "{arch}, {what}: {distance}");
        }
    }
}

#[test]
fn half_precision_quantized_and_static_caches_load_together() {
    let pairs: [(&str, Value); 4] = [
        ("dtype", "bfloat16".into()),
        ("quantization", "q8_0".into()),
        ("cache_implementation", "static".into()),
        ("kv_cache_dtype", "float16".into()),
    ];
    for (_, engine) in engines::<CandleEngine>(&pairs) {
        let (tokens, _) = greedy(engine.lm(), &PROMPT, 4);
        assert_eq!(tokens.len(), 4);
    }
}

#[test]
fn effective_settings_are_read_back() {
    let dir = model(Architecture::Qwen2);
    let show = |engine: &CandleEngine| serde_json::to_string(&engine.effective()).unwrap();
    let engine_one: CandleEngine = engine(
        dir.path(),
        &[
            ("threads", 1.into()),
            ("dtype", "float16".into()),
            ("quantization", "q4k".into()),
            ("max_model_len", 100.into()),
        ],
    );
    insta::assert_snapshot!(show(&engine_one), @r#"{"assistant_model":null,"cache_implementation":"dynamic","device":"cpu","dtype":"float16","kv_cache_dtype":"float16","max_model_len":100,"memory_map":true,"quantization":"q4k","threads":1}"#);
    let engine_two: CandleEngine =
        engine(dir.path(), &[("threads", 3.into()), ("kv_cache_dtype", "bfloat16".into())]);
    insta::assert_snapshot!(show(&engine_two), @r#"{"assistant_model":null,"cache_implementation":"dynamic","device":"cpu","dtype":"float32","kv_cache_dtype":"bfloat16","max_model_len":512,"memory_map":true,"quantization":null,"threads":3}"#);
    assert_eq!(engine_two.architecture(), "qwen2");
    assert_eq!(engine_two.token_text(259), " t");
}

#[test]
fn refusals_come_before_any_file_is_read() {
    let nowhere = Path::new("/nowhere/at/all");
    insta::assert_snapshot!(refused::<CandleEngine>(nowhere, &[("dtype", "int8".into())]), @r#"dtype = "int8" is refused: one of auto, float32, float16, bfloat16"#);
    insta::assert_snapshot!(refused::<CandleEngine>(nowhere, &[("thread", 2.into())]), @"thread = 2 is refused: no such parameter; did you mean `threads`?");
    insta::assert_snapshot!(refused::<CandleEngine>(nowhere, &[]), @"/nowhere/at/all: does not exist; give a model directory, or make a tiny one with `wattest model new --arch llama DIR`");
    let dir = model(Architecture::Gpt2);
    insta::assert_snapshot!(refused::<CandleEngine>(dir.path(), &[("max_model_len", 513.into())]), @"max_model_len = 513 is refused: the model has 512 positions; give at most that, or null");
    let backend = find("candle", &Default::default()).unwrap();
    assert!(backend.check(&settings(&[("threads", 1.into())])).is_ok());
    assert!(backend.check(&settings(&[("threads", 0.into())])).is_err());
    // The model brings an end token: without one nothing can be said against this.
    assert!(backend.check(&settings(&[("min_new_tokens", 5.into())])).is_ok());
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_gpu_needs_the_feature() {
    let dir = model(Architecture::Gpt2);
    insta::assert_snapshot!(refused::<CandleEngine>(dir.path(), &[("device", "cuda:1".into())]), @"this build of the candle backend has no CUDA; build with `--features cuda` where the CUDA toolkit is installed");
}

#[test]
fn a_format_that_does_not_fit_names_the_tensor() {
    let dir = model(Architecture::Gpt2);
    let config = dir.path().join("config.json");
    let text = fs::read_to_string(&config).unwrap();
    let narrow =
        text.replace("\"n_embd\": 256", "\"n_embd\": 96").replace("\"n_head\": 4", "\"n_head\": 3");
    fs::write(&config, narrow).unwrap();
    insta::assert_snapshot!(refused::<CandleEngine>(dir.path(), &[("quantization", "q4k".into())]), @r#"quantization = "q4k" is refused: tensor `transformer.wte.weight` has width 96, which is no multiple of the block size 256; this model takes q8_0, q4_0, q4_1, q5_0, q5_1"#);
}
