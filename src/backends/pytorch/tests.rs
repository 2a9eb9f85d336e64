//! The backend over tiny models of every architecture.

use std::fs;
use std::path::Path;

use super::engine::TorchEngine;
use crate::backends::conformance::{
    PROMPT, assert_near, conformance, engine, extend, greedy, logits_of, model, refused, settings,
};
use crate::backends::{BackendError, Engine, Prompt, find};
use crate::generate::{CausalLm, Want};
use crate::model::Architecture;
use crate::settings::{Settings, Value};

conformance!(TorchEngine);

#[test]
fn the_attention_implementations_agree() {
    for arch in Architecture::ALL {
        let dir = model(arch);
        let logits = |name: &str, dtype: &str| {
            let pairs = [("attn_implementation", name.into()), ("dtype", dtype.into())];
            let engine: TorchEngine = engine(dir.path(), &pairs);
            greedy(engine.lm(), &PROMPT, 20).1.concat()
        };
        assert_near(&logits("eager", "float32"), &logits("sdpa", "float32"), 1e-3);
    }
}

#[test]
fn narrower_types_are_near() {
    for arch in Architecture::ALL {
        let dir = model(arch);
        let logits = |dtype: &str| {
            let engine: TorchEngine = engine(dir.path(), &[("dtype", dtype.into())]);
            let want = Want { logits: PROMPT.len(), hidden: false };
            extend(&mut *engine.lm().begin(1).unwrap(), &PROMPT, want).logits
        };
        let exact = logits("float32");
        for (dtype, range) in [("float16", 1e-4..0.05), ("bfloat16", 1e-3..0.3)] {
            let pairs = logits(dtype).into_iter().zip(&exact);
            let sum: f32 = pairs.map(|(a, b)| (a - b).powi(2)).sum();
            let distance = (sum / exact.len() as f32).sqrt();
            assert!(range.contains(&distance), "{arch}, {dtype}: {distance}");
        }
    }
}

#[test]
fn weights_are_copied_only_where_they_must_be() {
    let dir = model(Architecture::Llama);
    let logits = |engine: &TorchEngine| logits_of(engine.lm(), &PROMPT);
    let mut found = Vec::new();
    for shift in [0, 16, 8, 3] {
        begin_data_at(dir.path(), shift);
        let engine: TorchEngine = engine(dir.path(), &[]);
        found.push((engine.borrows(), logits(&engine)));
    }
    // Aligned, they are read in the file; otherwise copied, for the same output.
    let borrow: Vec<bool> = found.iter().map(|(borrows, _)| *borrows).collect();
    assert_eq!(borrow, [true, true, false, false]);
    assert!(found.iter().all(|(_, logits)| *logits == found[0].1));
    begin_data_at(dir.path(), 0);
    let narrower: TorchEngine = engine(dir.path(), &[("dtype", "bfloat16".into())]);
    assert!(!narrower.borrows());
}

/// Pads the header of `model.safetensors`, so that the data begin at `shift` beyond a multiple
/// of 64.
fn begin_data_at(dir: &Path, shift: usize) {
    let file = dir.join("model.safetensors");
    let bytes = fs::read(&file).unwrap();
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let mut header = bytes[8..8 + length].trim_ascii_end().to_vec();
    while (8 + header.len()) % 64 != shift {
        header.push(b' ');
    }
    let parts = [&(header.len() as u64).to_le_bytes(), &header[..], &bytes[8 + length..]];
    // A file that an engine has mapped is not written to, but replaced.
    fs::remove_file(&file).unwrap();
    fs::write(&file, parts.concat()).unwrap();
}

#[test]
fn effective_settings_are_read_back() {
    let dir = model(Architecture::Qwen2);
    // The threads among operations are as many as there are processors.
    let fixed = |name: &str| name != "interop_threads";
    let show =
        |engine: &TorchEngine| serde_json::to_string(&engine.effective().only(fixed)).unwrap();
    let pairs = [("threads", 1.into()), ("dtype", "float16".into()), ("max_model_len", 100.into())];
    let one: TorchEngine = engine(dir.path(), &pairs);
    insta::assert_snapshot!(show(&one), @r#"{"allow_tf32":false,"assistant_model":null,"attn_implementation":"sdpa","cache_config":null,"cache_implementation":"dynamic","cudnn_benchmark":false,"deterministic_algorithms":false,"device":"cpu","device_map":null,"dtype":"float16","extra":{},"float32_matmul_precision":"highest","flush_denormal":false,"kv_cache_dtype":"float16","load_in_4bit":false,"load_in_8bit":false,"max_memory":null,"max_model_len":100,"memory_map":true,"mkldnn":true,"sdpa_kernel":"auto","threads":1}"#);
    let two: TorchEngine =
        engine(dir.path(), &[("threads", 3.into()), ("attn_implementation", "eager".into())]);
    insta::assert_snapshot!(show(&two), @r#"{"allow_tf32":false,"assistant_model":null,"attn_implementation":"eager","cache_config":null,"cache_implementation":"dynamic","cudnn_benchmark":false,"deterministic_algorithms":false,"device":"cpu","device_map":null,"dtype":"float32","extra":{},"float32_matmul_precision":"highest","flush_denormal":false,"kv_cache_dtype":"float32","load_in_4bit":false,"load_in_8bit":false,"max_memory":null,"max_model_len":512,"memory_map":true,"mkldnn":true,"sdpa_kernel":"auto","threads":3}"#);
    // The number is one for the whole process: each engine has its own again when it computes.
    assert_eq!(one.effective().get("threads"), Some(&1.into()));
    assert_eq!(two.architecture(), "qwen2");
    assert_eq!(two.token_text(259), " t");
}

#[test]
fn refusals_come_before_any_file_is_read() {
    let nowhere = Path::new("/nowhere/at/all");
    insta::assert_snapshot!(refused::<TorchEngine>(nowhere, &[("dtype", "int8".into())]), @r#"dtype = "int8" is refused: one of auto, float32, float16, bfloat16"#);
    insta::assert_snapshot!(refused::<TorchEngine>(nowhere, &[("thread", 2.into())]), @"thread = 2 is refused: no such parameter; did you mean `threads`?");
    insta::assert_snapshot!(refused::<TorchEngine>(nowhere, &[]), @"/nowhere/at/all: does not exist; give a model directory, or make a tiny one with `wattest model new --arch llama DIR`");
    let dir = model(Architecture::Gpt2);
    insta::assert_snapshot!(refused::<TorchEngine>(dir.path(), &[("max_model_len", 513.into())]), @"max_model_len = 513 is refused: the model has 512 positions; give at most that, or null");
    let backend = find("pytorch", &Default::default()).unwrap();
    assert!(backend.check(&settings(&[("threads", 1.into())])).is_ok());
    assert!(backend.check(&settings(&[("threads", 0.into())])).is_err());
}

#[test]
fn a_gpu_that_is_not_there_is_refused() {
    let dir = model(Architecture::Gpt2);
    let error = refused::<TorchEngine>(dir.path(), &[("device", "cuda:200".into())]);
    assert!(matches!(error, BackendError::Unavailable { .. }), "{error}");
}

#[cfg(feature = "candle")]
#[test]
fn the_tokens_are_those_of_candle() {
    let cases: [&[(&str, Value)]; 8] = [
        &[],
        &[("num_beams", 3.into()), ("num_return_sequences", 3.into())],
        &[("repetition_penalty", 1.3.into()), ("no_repeat_ngram_size", 2.into())],
        &[("do_sample", true.into()), ("seed", 7.into()), ("top_p", 0.9.into())],
        &[("penalty_alpha", 0.6.into()), ("top_k", 4.into())],
        &[("batch_size", 3.into())],
        &[("prompt_lookup_num_tokens", 4.into())],
        &[("guidance_scale", 1.5.into()), ("prefill_chunk_size", 3.into())],
    ];
    let prompts =
        ["The river ran", "one two one two one two", "z"].map(|one| Prompt::Text(one.into()));
    for arch in Architecture::ALL {
        let dir = model(arch);
        let mut engines = ["pytorch", "candle"].map(|name| {
            let backend = find(name, &Default::default()).unwrap();
            backend.load(dir.path(), &Settings::new()).unwrap()
        });
        for case in cases {
            let mut asked = settings(case);
            asked.set("max_new_tokens", 24);
            let [torch, candle] = engines.each_mut().map(|engine| {
                let outputs = engine.generate(&prompts, &asked).unwrap().prompts;
                let rows = outputs.into_iter().flat_map(|one| one.rows);
                rows.map(|row| row.tokens).collect::<Vec<_>>()
            });
            assert!(torch.iter().all(|row| !row.is_empty()));
            assert_eq!(torch, candle, "{arch}, {asked:?}");
        }
    }
}
