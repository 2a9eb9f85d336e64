//! The backend over tiny models of every architecture.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::engine::TorchEngine;
use crate::backends::{BackendError, Engine, Prompt, find};
use crate::generate::{CausalLm, Context, Want};
use crate::model::{Architecture, tiny};
use crate::settings::{Settings, Value};

const LAST: Want = Want { logits: 1, hidden: false };

fn model(arch: Architecture) -> TempDir {
    let dir = TempDir::new().unwrap();
    tiny::write(arch, 0, dir.path()).unwrap();
    dir
}

fn settings(pairs: &[(&str, Value)]) -> Settings {
    pairs.iter().map(|(name, value)| (*name, value.clone())).collect()
}

fn engine(dir: &Path, pairs: &[(&str, Value)]) -> TorchEngine {
    TorchEngine::load(dir, &settings(pairs)).unwrap()
}

/// Every engine of a fresh tiny model.
fn engines(pairs: &[(&str, Value)]) -> Vec<(Architecture, TorchEngine)> {
    Architecture::ALL.map(|arch| (arch, engine(model(arch).path(), pairs))).into()
}

fn refused(dir: &Path, pairs: &[(&str, Value)]) -> BackendError {
    match TorchEngine::load(dir, &settings(pairs)) {
        Ok(_) => panic!("loaded"),
        Err(error) => error,
    }
}

fn argmax(logits: &[f32]) -> u32 {
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.unwrap().0 as u32
}

/// The best token at each of `count` steps, and the logits that chose it.
fn greedy(engine: &TorchEngine, prompt: &[u32], count: usize) -> (Vec<u32>, Vec<Vec<f32>>) {
    let mut context = engine.lm().begin(1).unwrap();
    let mut logits = extend(&mut *context, prompt, LAST).logits;
    let (mut tokens, mut all) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let next = argmax(&logits);
        tokens.push(next);
        all.push(logits);
        logits = extend(&mut *context, &[next], LAST).logits;
    }
    (tokens, all)
}

fn extend(context: &mut dyn Context, tokens: &[u32], want: Want) -> crate::generate::Extended {
    context.extend(tokens, &vec![true; tokens.len()], want).unwrap()
}

#[track_caller]
fn assert_near(a: &[f32], b: &[f32], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    let far = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(far <= tolerance, "{far} apart");
}

const PROMPT: [u32; 12] = [40, 75, 104, 302, 114, 47, 392, 124, 344, 100, 341, 277];

#[test]
fn tokens_may_come_one_by_one_in_chunks_or_at_once() {
    for (arch, engine) in engines(&[]) {
        let all = Want { logits: PROMPT.len(), hidden: true };
        let at_once = extend(&mut *engine.lm().begin(1).unwrap(), &PROMPT, all);
        assert_eq!(at_once.logits.len(), PROMPT.len() * 512);
        assert_eq!(at_once.hidden.len(), PROMPT.len() * 256);

        for chunk in [1, 5] {
            let mut context = engine.lm().begin(1).unwrap();
            let (mut logits, mut hidden) = (Vec::new(), Vec::new());
            for tokens in PROMPT.chunks(chunk) {
                let want = Want { logits: tokens.len(), hidden: true };
                let extended = extend(&mut *context, tokens, want);
                logits.extend(extended.logits);
                hidden.extend(extended.hidden);
            }
            assert_eq!(context.len(), PROMPT.len(), "{arch}");
            assert_near(&logits, &at_once.logits, 1e-3);
            assert_near(&hidden, &at_once.hidden, 1e-3);
        }
        let mut context = engine.lm().begin(1).unwrap();
        let none = extend(&mut *context, &PROMPT[..6], Want { logits: 0, hidden: false });
        assert!(none.logits.is_empty() && none.hidden.is_empty());
        let last = extend(&mut *context, &PROMPT[6..], LAST).logits;
        assert_near(&last, &at_once.logits[11 * 512..], 1e-3);
    }
}

#[test]
fn padding_on_the_left_changes_nothing() {
    for (_, engine) in engines(&[]) {
        let alone = extend(&mut *engine.lm().begin(1).unwrap(), &PROMPT[..7], LAST).logits;
        let full = extend(&mut *engine.lm().begin(1).unwrap(), &PROMPT, LAST).logits;

        let mut context = engine.lm().begin(2).unwrap();
        let tokens = [PROMPT.as_slice(), &[2; 5], &PROMPT[..7]].concat();
        let real = [[true; 12].as_slice(), &[false; 5], &[true; 7]].concat();
        let both = context.extend(&tokens, &real, LAST).unwrap().logits;
        assert_near(&both[..512], &full, 1e-3);
        assert_near(&both[512..], &alone, 1e-3);

        // And the step after, which reads the padded cache.
        let next = context.extend(&[60, 61], &[true, true], LAST).unwrap().logits;
        let mut single = engine.lm().begin(1).unwrap();
        extend(&mut *single, &PROMPT[..7], LAST);
        assert_near(&next[512..], &extend(&mut *single, &[61], LAST).logits, 1e-3);
    }
}

#[test]
fn rows_can_be_reordered_repeated_dropped_and_cropped() {
    for (_, engine) in engines(&[]) {
        let mut context = engine.lm().begin(2).unwrap();
        let tokens = [[40, 75, 104], [2, 265, 340]].concat();
        context.extend(&tokens, &[true, true, true, false, true, true], LAST).unwrap();
        context.select(&[1, 0, 1]).unwrap();
        assert_eq!((context.rows(), context.len()), (3, 3));
        let three = context.extend(&[90, 91, 92], &[true; 3], LAST).unwrap().logits;
        let alone =
            |prompt: &[u32]| extend(&mut *engine.lm().begin(1).unwrap(), prompt, LAST).logits;
        assert_near(&three[..512], &alone(&[265, 340, 90]), 1e-3);
        assert_near(&three[512..1024], &alone(&[40, 75, 104, 91]), 1e-3);
        assert_near(&three[1024..], &alone(&[265, 340, 92]), 1e-3);

        context.select(&[1]).unwrap();
        context.crop(2).unwrap();
        assert_eq!((context.rows(), context.len()), (1, 2));
        let again = extend(&mut *context, &[104, 91], LAST).logits;
        assert_near(&again, &alone(&[40, 75, 104, 91]), 1e-3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever is done to a context, the next logits are those of its tokens read afresh.
    #[test]
    fn a_context_is_its_tokens(
        steps in prop::collection::vec((0_u8..3, prop::collection::vec(3_u32..512, 1..9)), 1..8),
    ) {
        let engine = engine(model(Architecture::Llama).path(), &[]);
        let mut context = engine.lm().begin(2).unwrap();
        let mut rows = vec![Vec::new(), Vec::new()];
        let mut last = Vec::new();
        let starts = [(0, vec![7, 8, 9])];
        for (kind, tokens) in starts.into_iter().chain(steps) {
            match kind {
                1 => {
                    let chosen: Vec<usize> =
                        tokens.iter().map(|token| *token as usize % rows.len()).take(3).collect();
                    context.select(&chosen).unwrap();
                    rows = chosen.iter().map(|row| rows[*row].clone()).collect();
                }
                2 => {
                    let len = 1 + tokens[0] as usize % context.len();
                    context.crop(len).unwrap();
                    rows.iter_mut().for_each(|row: &mut Vec<u32>| row.truncate(len));
                }
                _ => {}
            }
            // Each row gets the tokens in another order.
            let mut flat = Vec::new();
            for (index, row) in rows.iter_mut().enumerate() {
                let mut own = tokens.clone();
                own.rotate_left(index % tokens.len());
                row.extend(&own);
                flat.extend(own);
            }
            last = context.extend(&flat, &vec![true; flat.len()], LAST).unwrap().logits;
        }
        for (row, logits) in rows.iter().zip(last.chunks_exact(512)) {
            let fresh = extend(&mut *engine.lm().begin(1).unwrap(), row, LAST).logits;
            assert_near(logits, &fresh, 2e-3);
        }
    }
}

#[test]
fn impossible_requests_are_faults_and_leave_the_context_as_it_was() {
    let (_, engine) = engines(&[("max_model_len", 8.into())]).remove(0);
    let mut context = engine.lm().begin(1).unwrap();
    let mut fault = |tokens: &[u32], want| {
        let fault = context.extend(tokens, &vec![true; tokens.len()], want).unwrap_err();
        assert!(context.is_empty());
        fault.to_string()
    };
    insta::assert_snapshot!(fault(&[512], LAST), @"token 512 is not in the vocabulary of 512 tokens");
    insta::assert_snapshot!(fault(&[5; 9], LAST), @"9 positions are more than the 8 of the model");
    insta::assert_snapshot!(fault(&[], LAST), @"0 tokens, 0 marks and 1 wanted logits do not fit 1 rows");
    insta::assert_snapshot!(context.select(&[1]).unwrap_err(), @"rows [1] of 1 cannot be selected");
}

#[test]
fn a_static_cache_gives_the_same_output() {
    for arch in Architecture::ALL {
        let dir = model(arch);
        let output = |kind: &str| {
            let engine = engine(dir.path(), &[("cache_implementation", kind.into())]);
            // Past the first capacity of the growing cache.
            greedy(&engine, &PROMPT, 80).1
        };
        let (dynamic, fixed) = (output("dynamic"), output("static"));
        assert_near(&dynamic.concat(), &fixed.concat(), 1e-3);
    }
}

#[test]
fn shards_give_the_same_as_one_file() {
    for arch in Architecture::ALL {
        let single = model(arch);
        let sharded = model(arch);
        shard(sharded.path());
        let logits = |dir: &Path, map: bool| {
            let engine = engine(dir, &[("memory_map", map.into())]);
            assert_eq!(engine.effective().get("memory_map"), Some(&Value::Bool(map)));
            extend(&mut *engine.lm().begin(1).unwrap(), &PROMPT, LAST).logits
        };
        let whole = logits(single.path(), true);
        assert_eq!(whole, logits(sharded.path(), true));
        assert_eq!(whole, logits(sharded.path(), false));
    }
}

/// Splits `model.safetensors` of `dir` into two shards with an index.
fn shard(dir: &Path) {
    let file = dir.join("model.safetensors");
    let bytes = fs::read(&file).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut map = serde_json::Map::new();
    let mut shards = [Vec::new(), Vec::new()];
    for (index, (name, view)) in tensors.tensors().into_iter().enumerate() {
        let shard = index % 2;
        map.insert(name.clone(), format!("model-0000{}-of-00002.safetensors", shard + 1).into());
        shards[shard].push((name, view));
    }
    for (index, views) in shards.into_iter().enumerate() {
        let name = format!("model-0000{}-of-00002.safetensors", index + 1);
        fs::write(dir.join(name), safetensors::serialize(views, None).unwrap()).unwrap();
    }
    let index = serde_json::json!({"metadata": {}, "weight_map": map});
    fs::write(dir.join("model.safetensors.index.json"), index.to_string()).unwrap();
    fs::remove_file(file).unwrap();
}

#[test]
fn the_type_of_the_file_is_the_default() {
    let dir = model(Architecture::Llama);
    let file = dir.path().join("model.safetensors");
    let bytes = fs::read(&file).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let halves: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            let floats =
                view.data().as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four));
            let bytes = floats.flat_map(|value| half::bf16::from_f32(value).to_le_bytes());
            (name, view.shape().to_vec(), bytes.collect())
        })
        .collect();
    let views = halves.iter().map(|(name, shape, bytes)| {
        let dtype = safetensors::Dtype::BF16;
        (name, safetensors::tensor::TensorView::new(dtype, shape.clone(), bytes).unwrap())
    });
    fs::write(&file, safetensors::serialize(views, None).unwrap()).unwrap();
    let loaded = engine(dir.path(), &[]);
    assert_eq!(loaded.effective().get("dtype"), Some(&"bfloat16".into()));
    let wider = engine(dir.path(), &[("dtype", "float32".into())]);
    assert_eq!(wider.effective().get("dtype"), Some(&"float32".into()));
}

#[test]
fn the_attention_implementations_agree() {
    for arch in Architecture::ALL {
        let dir = model(arch);
        let logits = |name: &str, dtype: &str| {
            let pairs = [("attn_implementation", name.into()), ("dtype", dtype.into())];
            let engine = engine(dir.path(), &pairs);
            greedy(&engine, &PROMPT, 20).1.concat()
        };
        assert_near(&logits("eager", "float32"), &logits("sdpa", "float32"), 1e-3);
    }
}

#[test]
fn narrower_types_are_near() {
    for arch in Architecture::ALL {
        let dir = model(arch);
        let logits = |dtype: &str| {
            let engine = engine(dir.path(), &[("dtype", dtype.into())]);
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
    let logits =
        |engine: &TorchEngine| extend(&mut *engine.lm().begin(1).unwrap(), &PROMPT, LAST).logits;
    let mut found = Vec::new();
    for shift in [0, 8] {
        begin_data_at(dir.path(), shift);
        let engine = engine(dir.path(), &[]);
        found.push((engine.borrows(), logits(&engine)));
    }
    // Aligned, they are read in the file; otherwise copied, for the same output.
    assert_eq!((found[0].0, found[1].0), (true, false));
    assert_eq!(found[0].1, found[1].1);
    begin_data_at(dir.path(), 0);
    assert!(!engine(dir.path(), &[("dtype", "bfloat16".into())]).borrows());
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
    let one = engine(dir.path(), &pairs);
    insta::assert_snapshot!(show(&one), @r#"{"allow_tf32":false,"attn_implementation":"sdpa","cache_implementation":"dynamic","cudnn_benchmark":false,"deterministic_algorithms":false,"device":"cpu","device_map":null,"dtype":"float16","extra":{},"float32_matmul_precision":"highest","flush_denormal":false,"max_memory":null,"max_model_len":100,"memory_map":true,"mkldnn":true,"sdpa_kernel":"auto","threads":1}"#);
    let two = engine(dir.path(), &[("threads", 3.into()), ("attn_implementation", "eager".into())]);
    insta::assert_snapshot!(show(&two), @r#"{"allow_tf32":false,"attn_implementation":"eager","cache_implementation":"dynamic","cudnn_benchmark":false,"deterministic_algorithms":false,"device":"cpu","device_map":null,"dtype":"float32","extra":{},"float32_matmul_precision":"highest","flush_denormal":false,"max_memory":null,"max_model_len":512,"memory_map":true,"mkldnn":true,"sdpa_kernel":"auto","threads":3}"#);
    // The number is one for the whole process: each engine has its own again when it computes.
    assert_eq!(one.effective().get("threads"), Some(&1.into()));
    assert_eq!(two.architecture(), "qwen2");
    assert_eq!(two.token_text(259), " t");
}

#[test]
fn refusals_come_before_any_file_is_read() {
    let nowhere = Path::new("/nowhere/at/all");
    insta::assert_snapshot!(refused(nowhere, &[("dtype", "int8".into())]), @r#"dtype = "int8" is refused: one of auto, float32, float16, bfloat16"#);
    insta::assert_snapshot!(refused(nowhere, &[("thread", 2.into())]), @"thread = 2 is refused: no such parameter; did you mean `threads`?");
    insta::assert_snapshot!(refused(nowhere, &[]), @"/nowhere/at/all: does not exist; give a model directory, or make a tiny one with `wattest model new DIR`");
    let dir = model(Architecture::Gpt2);
    insta::assert_snapshot!(refused(dir.path(), &[("max_model_len", 513.into())]), @"max_model_len = 513 is refused: the model has 512 positions; give at most that, or null");
    let backend = find("pytorch", &Default::default()).unwrap();
    assert!(backend.check(&settings(&[("threads", 1.into())])).is_ok());
    assert!(backend.check(&settings(&[("threads", 0.into())])).is_err());
}

#[test]
fn a_gpu_that_is_not_there_is_refused() {
    let dir = model(Architecture::Gpt2);
    let error = refused(dir.path(), &[("device", "cuda:200".into())]);
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
