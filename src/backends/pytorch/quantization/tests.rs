//! Models of every architecture in eight and in four bits.

use std::path::Path;

use tch::Kind;

use super::plan::layers;
use super::{Quantised, Weight};
use crate::backends::pytorch::engine::TorchEngine;
use crate::backends::{Engine, Prompt};
use crate::generate::{CausalLm, Want};
use crate::model::{Architecture, ModelDir, tiny};
use crate::settings::{Settings, Value};

const PROMPT: [u32; 7] = [260, 37, 401, 5, 99, 300, 12];

fn model(arch: Architecture) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    tiny::write(arch, 7, dir.path()).unwrap();
    dir
}

fn settings(pairs: &[(&str, Value)]) -> Settings {
    pairs.iter().map(|(name, value)| (*name, value.clone())).collect()
}

fn engine(dir: &Path, pairs: &[(&str, Value)]) -> TorchEngine {
    TorchEngine::load(dir, &settings(pairs)).unwrap()
}

fn refused(dir: &Path, pairs: &[(&str, Value)]) -> String {
    TorchEngine::load(dir, &settings(pairs)).err().unwrap().to_string()
}

fn logits(engine: &TorchEngine) -> Vec<f32> {
    let want = Want { logits: PROMPT.len(), hidden: false };
    let mut context = engine.lm().begin(1).unwrap();
    context.extend(&PROMPT, &[true; PROMPT.len()], want).unwrap().logits
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    let sum: f32 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    (sum / a.len() as f32).sqrt()
}

fn on(name: &'static str) -> (&'static str, Value) {
    (name, true.into())
}

#[test]
fn quantised_models_are_near_the_dense_one() {
    for arch in Architecture::ALL {
        let dir = model(arch);
        let dense = logits(&engine(dir.path(), &[]));
        let spread = distance(&dense, &vec![0.0; dense.len()]);
        let nf4 = ("bnb_4bit_quant_type", Value::from("nf4"));
        let double = on("bnb_4bit_use_double_quant");
        let half = ("dtype", Value::from("bfloat16"));
        let cases: [(&[(&str, Value)], _); 5] = [
            (&[on("load_in_8bit")], 0.0002..0.05),
            (&[on("load_in_8bit"), half], 0.0002..0.06),
            (&[on("load_in_4bit"), nf4.clone()], 0.01..0.35),
            (&[on("load_in_4bit"), nf4, double], 0.01..0.35),
            (&[on("load_in_4bit")], 0.01..0.5),
        ];
        for (pairs, range) in cases {
            let distance = distance(&dense, &logits(&engine(dir.path(), pairs))) / spread;
            assert!(range.contains(&distance), "{arch}, {pairs:?}: {distance}");
        }
    }
}

#[test]
fn every_linear_layer_but_the_head_is_quantised() {
    for arch in Architecture::ALL {
        let dir = model(arch);
        let config = ModelDir::open(dir.path()).unwrap();
        let expected = layers(config.config());
        for name in ["load_in_8bit", "load_in_4bit"] {
            let engine = engine(dir.path(), &[on(name)]);
            let found = &engine.layers().unwrap().layers;
            let mut names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
            let mut expected: Vec<&str> = expected.iter().map(|(name, _)| name.as_str()).collect();
            names.sort_unstable();
            expected.sort_unstable();
            assert_eq!(names, expected);
            for (layer, weight) in found {
                let dense = matches!(weight, Weight::Dense(_));
                assert_eq!(dense, layer == "lm_head", "{arch}, {layer}");
            }
        }
    }
}

#[test]
fn weights_take_a_byte_or_a_half() {
    let dir = model(Architecture::Gpt2);
    for (name, kind, part) in [("load_in_8bit", Kind::Int8, 1), ("load_in_4bit", Kind::Uint8, 2)] {
        let engine = engine(dir.path(), &[on(name)]);
        // Neither a file nor a float of it is kept.
        assert!(!engine.borrows());
        for (layer, weight) in &engine.layers().unwrap().layers {
            let codes = match weight {
                Weight::Quantised(Quantised::Int8(weight)) => &weight.codes,
                Weight::Quantised(Quantised::FourBit(weight)) => &weight.packed,
                Weight::Dense(_) => panic!("{layer}"),
            };
            assert_eq!(codes.kind(), kind);
            let config = ModelDir::open(dir.path()).unwrap();
            let expected = layers(config.config());
            let (_, count) = expected.iter().find(|(name, _)| name == layer).unwrap();
            assert_eq!(codes.numel(), count / part);
        }
    }
}

#[test]
fn a_layer_that_is_skipped_is_dense() {
    let dir = model(Architecture::Llama);
    let eight = |skip: &[&str]| {
        let skip = Value::from(skip.to_vec());
        engine(dir.path(), &[on("load_in_8bit"), ("llm_int8_skip_modules", skip)])
    };
    let plain = engine(dir.path(), &[on("load_in_8bit")]);
    // The head alone is what is skipped without the setting.
    assert_eq!(logits(&eight(&["lm_head"])), logits(&plain));
    let all: Vec<f32> = logits(&eight(&[]));
    assert_ne!(all, logits(&plain));
    let some = eight(&["q_proj", r"model\.layers\.\d+\.mlp", "lm_head"]);
    let dense = some
        .layers()
        .unwrap()
        .layers
        .iter()
        .filter(|(_, weight)| matches!(weight, Weight::Dense(_)));
    let dense: Vec<&str> = dense.map(|(name, _)| name.as_str()).collect();
    insta::assert_snapshot!(dense.join(" "), @"model.layers.0.self_attn.q_proj model.layers.0.mlp.gate_proj model.layers.0.mlp.up_proj model.layers.0.mlp.down_proj model.layers.1.self_attn.q_proj model.layers.1.mlp.gate_proj model.layers.1.mlp.up_proj model.layers.1.mlp.down_proj lm_head");
}

#[test]
fn storage_is_another_view_of_the_same_bytes() {
    let dir = model(Architecture::Qwen2);
    let storage = |name: &str| {
        let pairs = [on("load_in_4bit"), ("bnb_4bit_quant_storage", name.into())];
        let engine = engine(dir.path(), &pairs);
        assert_eq!(engine.effective().get("bnb_4bit_quant_storage"), Some(&name.into()));
        logits(&engine)
    };
    let bytes = storage("uint8");
    for name in ["int8", "float16", "bfloat16", "float32", "float64"] {
        assert_eq!(storage(name), bytes, "{name}");
    }
}

#[test]
fn effective_settings_are_read_back() {
    let dir = model(Architecture::Llama);
    let show = |pairs: &[(&str, Value)]| {
        let effective = engine(dir.path(), pairs).effective();
        let ours = effective.only(|name| {
            ["load_in", "llm_", "bnb_", "dtype"].iter().any(|start| name.starts_with(start))
        });
        serde_json::to_string(&ours).unwrap()
    };
    insta::assert_snapshot!(show(&[]), @r#"{"dtype":"float32","load_in_4bit":false,"load_in_8bit":false}"#);
    insta::assert_snapshot!(show(&[on("load_in_8bit")]), @r#"{"dtype":"float32","llm_int8_enable_fp32_cpu_offload":false,"llm_int8_has_fp16_weight":false,"llm_int8_skip_modules":null,"llm_int8_threshold":6.0,"load_in_4bit":false,"load_in_8bit":true}"#);
    let skip = ("llm_int8_skip_modules", Value::from(vec!["lm_head", "up_proj"]));
    insta::assert_snapshot!(show(&[on("load_in_8bit"), ("llm_int8_threshold", 0.0.into()), skip]), @r#"{"dtype":"float32","llm_int8_enable_fp32_cpu_offload":false,"llm_int8_has_fp16_weight":false,"llm_int8_skip_modules":["lm_head","up_proj"],"llm_int8_threshold":0.0,"load_in_4bit":false,"load_in_8bit":true}"#);
    insta::assert_snapshot!(show(&[on("load_in_4bit")]), @r#"{"bnb_4bit_compute_dtype":"float32","bnb_4bit_quant_storage":"uint8","bnb_4bit_quant_type":"fp4","bnb_4bit_use_double_quant":false,"dtype":"float32","llm_int8_enable_fp32_cpu_offload":false,"llm_int8_has_fp16_weight":false,"llm_int8_skip_modules":null,"load_in_4bit":true,"load_in_8bit":false}"#);
    let pairs = [
        on("load_in_4bit"),
        on("bnb_4bit_use_double_quant"),
        ("bnb_4bit_quant_type", "nf4".into()),
        ("bnb_4bit_compute_dtype", "bfloat16".into()),
        ("dtype", "float16".into()),
    ];
    insta::assert_snapshot!(show(&pairs), @r#"{"bnb_4bit_compute_dtype":"bfloat16","bnb_4bit_quant_storage":"uint8","bnb_4bit_quant_type":"nf4","bnb_4bit_use_double_quant":true,"dtype":"float16","llm_int8_enable_fp32_cpu_offload":false,"llm_int8_has_fp16_weight":false,"llm_int8_skip_modules":null,"load_in_4bit":true,"load_in_8bit":false}"#);
}

#[test]
fn refusals_come_before_any_file_is_read() {
    let nowhere = Path::new("/nowhere/at/all");
    insta::assert_snapshot!(refused(nowhere, &[on("load_in_8bit"), on("load_in_4bit")]), @"load_in_4bit = true is refused: load_in_8bit and load_in_4bit exclude each other; leave one of them out");
    insta::assert_snapshot!(refused(nowhere, &[on("bnb_4bit_use_double_quant")]), @"bnb_4bit_use_double_quant = true is refused: does nothing without load_in_4bit = true; turn it on or leave this parameter out");
    insta::assert_snapshot!(refused(nowhere, &[("load_in_8bits", true.into())]), @"load_in_8bits = true is refused: no such parameter; did you mean `load_in_8bit`?");
}

#[test]
fn what_a_model_cannot_have_is_refused_before_its_weights_are_read() {
    let dir = model(Architecture::Gpt2);
    std::fs::write(dir.path().join("model.safetensors"), "").unwrap();
    let skip = |names: &[&str]| {
        let names = Value::from(names.to_vec());
        refused(dir.path(), &[on("load_in_8bit"), ("llm_int8_skip_modules", names)])
    };
    insta::assert_snapshot!(skip(&["q_proj"]), @r#"llm_int8_skip_modules = ["q_proj"] is refused: `q_proj` names no linear layer of the model; they are called as `transformer.h.0.attn.c_attn`"#);
    insta::assert_snapshot!(skip(&["transformer"]), @r#"llm_int8_skip_modules = ["transformer"] is refused: it leaves no layer to quantise"#);
}

#[test]
fn an_engine_takes_its_own_settings_one_by_one() {
    let dir = model(Architecture::Gpt2);
    let pairs = [on("load_in_4bit"), ("bnb_4bit_quant_type", "nf4".into())];
    let mut engine = engine(dir.path(), &pairs);
    let prompt = [Prompt::Tokens(PROMPT.to_vec())];
    let mut ask = |name: &str, value: Value| {
        let asked = settings(&[(name, value), ("max_new_tokens", 2.into())]);
        engine.generate(&prompt, &asked).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(ask("bnb_4bit_quant_type", "nf4".into()), Ok(()));
    assert_eq!(ask("bnb_4bit_compute_dtype", "float32".into()), Ok(()));
    assert_eq!(ask("load_in_8bit", false.into()), Ok(()));
    for (name, value) in [
        ("bnb_4bit_quant_type", Value::from("fp4")),
        ("load_in_4bit", false.into()),
        ("load_in_8bit", true.into()),
        ("llm_int8_threshold", 6.0.into()),
        ("bnb_4bit_use_double_quant", true.into()),
    ] {
        let error = ask(name, value).unwrap_err();
        assert!(error.contains(name) && error.contains("load it anew"), "{error}");
    }
}
