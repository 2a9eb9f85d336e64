//! What every backend on tensors must hold, over tiny models of every architecture. The tests of a
//! backend take these over with [`conformance!`].
#![expect(clippy::unwrap_used, reason = "all of it is called by tests alone")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tempfile::TempDir;

use crate::backends::{BackendError, Engine, Prompt};
use crate::generate::{CausalLm, Context, Extended, Want};
use crate::model::{Architecture, tiny};
use crate::settings::{Settings, Value};

/// An engine as these tests need it.
pub(super) trait Tested: Engine + Sized {
    /// Loads the model in `dir`.
    fn load(dir: &Path, settings: &Settings) -> Result<Self, BackendError>;

    /// The model as the generation loop sees it.
    fn lm(&self) -> &dyn CausalLm;
}

/// All tests of this file, for an engine that has `load` and `lm` of its own.
macro_rules! conformance {
    ($engine:ty) => {
        impl crate::backends::conformance::Tested for $engine {
            fn load(dir: &Path, settings: &Settings) -> Result<Self, BackendError> {
                Self::load(dir, settings)
            }

            fn lm(&self) -> &dyn crate::generate::CausalLm {
                self.lm()
            }
        }

        crate::backends::conformance::conformance! { $engine:
            tokens_may_come_one_by_one_in_chunks_or_at_once,
            padding_on_the_left_changes_nothing,
            rows_can_be_reordered_repeated_dropped_and_cropped,
            a_context_is_its_tokens,
            impossible_requests_are_faults_and_leave_the_context_as_it_was,
            a_static_cache_gives_the_same_output,
            shards_give_the_same_as_one_file,
            the_type_of_the_file_is_the_default,
            prompts_are_checked,
        }
    };
    ($engine:ty: $($test:ident,)*) => {
        $(
            #[test]
            fn $test() {
                crate::backends::conformance::$test::<$engine>();
            }
        )*
    };
}
pub(super) use conformance;

/// The logits of the last position.
pub(super) const LAST: Want = Want { logits: 1, hidden: false };

/// A prompt of tokens that any tiny model has.
pub(super) const PROMPT: [u32; 12] = [40, 75, 104, 302, 114, 47, 392, 124, 344, 100, 341, 277];

/// A fresh tiny model.
pub(super) fn model(arch: Architecture) -> TempDir {
    let dir = TempDir::new().unwrap();
    tiny::write(arch, 0, dir.path()).unwrap();
    dir
}

/// Settings out of pairs.
pub(super) fn settings(pairs: &[(&str, Value)]) -> Settings {
    pairs.iter().map(|(name, value)| (*name, value.clone())).collect()
}

/// An engine of the model in `dir`.
pub(super) fn engine<E: Tested>(dir: &Path, pairs: &[(&str, Value)]) -> E {
    E::load(dir, &settings(pairs)).unwrap()
}

/// Every engine of a fresh tiny model.
pub(super) fn engines<E: Tested>(pairs: &[(&str, Value)]) -> Vec<(Architecture, E)> {
    Architecture::ALL.map(|arch| (arch, engine(model(arch).path(), pairs))).into()
}

/// Why the model in `dir` is not loaded.
pub(super) fn refused<E: Tested>(dir: &Path, pairs: &[(&str, Value)]) -> BackendError {
    match E::load(dir, &settings(pairs)) {
        Ok(_) => panic!("loaded"),
        Err(error) => error,
    }
}

fn argmax(logits: &[f32]) -> u32 {
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.unwrap().0 as u32
}

/// The best token at each of `count` steps, and the logits that chose it.
pub(super) fn greedy(lm: &dyn CausalLm, prompt: &[u32], count: usize) -> (Vec<u32>, Vec<Vec<f32>>) {
    let mut context = lm.begin(1).unwrap();
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

/// Appends `tokens`, none of them padding.
pub(super) fn extend(context: &mut dyn Context, tokens: &[u32], want: Want) -> Extended {
    context.extend(tokens, &vec![true; tokens.len()], want).unwrap()
}

/// What the last of `tokens` leads to, read at once.
pub(super) fn logits_of(lm: &dyn CausalLm, tokens: &[u32]) -> Vec<f32> {
    extend(&mut *lm.begin(1).unwrap(), tokens, LAST).logits
}

#[track_caller]
pub(super) fn assert_near(a: &[f32], b: &[f32], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    let far = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(far <= tolerance, "{far} apart");
}

pub(super) fn tokens_may_come_one_by_one_in_chunks_or_at_once<E: Tested>() {
    for (arch, engine) in engines::<E>(&[]) {
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

pub(super) fn padding_on_the_left_changes_nothing<E: Tested>() {
    for (_, engine) in engines::<E>(&[]) {
        let alone = logits_of(engine.lm(), &PROMPT[..7]);
        let full = logits_of(engine.lm(), &PROMPT);

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

pub(super) fn rows_can_be_reordered_repeated_dropped_and_cropped<E: Tested>() {
    for (_, engine) in engines::<E>(&[]) {
        let mut context = engine.lm().begin(2).unwrap();
        let tokens = [[40, 75, 104], [2, 265, 340]].concat();
        context.extend(&tokens, &[true, true, true, false, true, true], LAST).unwrap();
        context.select(&[1, 0, 1]).unwrap();
        assert_eq!((context.rows(), context.len()), (3, 3));
        let three = context.extend(&[90, 91, 92], &[true; 3], LAST).unwrap().logits;
        let alone = |prompt: &[u32]| logits_of(engine.lm(), prompt);
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

/// Whatever is done to a context, the next logits are those of its tokens read afresh.
pub(super) fn a_context_is_its_tokens<E: Tested>() {
    let engine: E = engine(model(Architecture::Llama).path(), &[]);
    let step = (0_u8..3, prop::collection::vec(3_u32..512, 1..9));
    let mut runner = TestRunner::new(ProptestConfig::with_cases(12));
    let done = runner.run(&prop::collection::vec(step, 1..8), |steps| {
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
            let fresh = logits_of(engine.lm(), row);
            assert_near(logits, &fresh, 2e-3);
        }
        Ok(())
    });
    done.unwrap();
}

pub(super) fn impossible_requests_are_faults_and_leave_the_context_as_it_was<E: Tested>() {
    let (_, engine) = engines::<E>(&[("max_model_len", 8.into())]).remove(0);
    let mut context = engine.lm().begin(1).unwrap();
    let mut fault = |tokens: &[u32], want| {
        let fault = context.extend(tokens, &vec![true; tokens.len()], want).unwrap_err();
        assert!(context.is_empty());
        fault.to_string()
    };
    insta::allow_duplicates! {
        insta::assert_snapshot!(fault(&[512], LAST), @"token 512 is not in the vocabulary of 512 tokens");
        insta::assert_snapshot!(fault(&[5; 9], LAST), @"9 positions are more than the 8 of the model");
        insta::assert_snapshot!(fault(&[], LAST), @"0 tokens, 0 marks and 1 wanted logits do not fit 1 rows");
    }
    insta::allow_duplicates! {
        insta::assert_snapshot!(context.select(&[1]).unwrap_err(), @"rows [1] of 1 cannot be selected");
    }
}

pub(super) fn a_static_cache_gives_the_same_output<E: Tested>() {
    for arch in Architecture::ALL {
        let dir = model(arch);
        let output = |kind: &str| {
            let engine: E = engine(dir.path(), &[("cache_implementation", kind.into())]);
            // Past the first capacity of the growing cache.
            greedy(engine.lm(), &PROMPT, 80).1
        };
        let (dynamic, fixed) = (output("dynamic"), output("static"));
        assert_near(&dynamic.concat(), &fixed.concat(), 1e-3);
    }
}

pub(super) fn shards_give_the_same_as_one_file<E: Tested>() {
    for arch in Architecture::ALL {
        let single = model(arch);
        let sharded = model(arch);
        shard(sharded.path());
        let logits = |dir: &Path, map: bool| {
            let engine: E = engine(dir, &[("memory_map", map.into())]);
            assert_eq!(engine.effective().get("memory_map"), Some(&Value::Bool(map)));
            logits_of(engine.lm(), &PROMPT)
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

pub(super) fn the_type_of_the_file_is_the_default<E: Tested>() {
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
    let loaded: E = engine(dir.path(), &[]);
    assert_eq!(loaded.effective().get("dtype"), Some(&"bfloat16".into()));
    let wider: E = engine(dir.path(), &[("dtype", "float32".into())]);
    assert_eq!(wider.effective().get("dtype"), Some(&"float32".into()));
}

pub(super) fn prompts_are_checked<E: Tested>() {
    let dir = model(Architecture::Gpt2);
    let mut engine: E = engine(dir.path(), &[]);
    let mut refused = |prompt| engine.generate(&[prompt], &Settings::new()).unwrap_err();
    insta::allow_duplicates! {
        insta::assert_snapshot!(refused(Prompt::Text(String::new())), @r#"prompt = "" is refused: it has no tokens; give at least one (the BOS token, say)"#);
        insta::assert_snapshot!(refused(Prompt::Tokens(vec![3, 600])), @"prompt = [3,600] is refused: token 600 is not in the vocabulary, ids are below 512");
    }
}
