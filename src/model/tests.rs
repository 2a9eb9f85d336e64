//! Broken model directories, and what they are told.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;

fn tiny_model() -> TempDir {
    let dir = TempDir::new().unwrap();
    tiny::write(Architecture::Llama, 0, dir.path()).unwrap();
    dir
}

/// What opening `dir` and its weights says, with the path of the directory taken out.
fn told(dir: &Path) -> String {
    let opened = ModelDir::open(dir).and_then(|found| found.weights(true));
    let error = opened.map(|_| ()).expect_err("opened");
    error.to_string().replace(&dir.display().to_string(), "MODEL")
}

/// Writes the weights of `dir` again after `change` had its way with them.
fn rewrite(dir: &Path, change: impl Fn(&str, Vec<usize>) -> Option<Vec<usize>>) {
    let file = dir.join("model.safetensors");
    let bytes = fs::read(&file).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let views = tensors.tensors().into_iter().filter_map(|(name, view)| {
        let shape = change(&name, view.shape().to_vec())?;
        let data = &view.data()[..shape.iter().product::<usize>() * 4];
        let view = safetensors::tensor::TensorView::new(view.dtype(), shape, data).unwrap();
        Some((name, view))
    });
    let rewritten = safetensors::serialize(views, None).unwrap();
    fs::write(&file, rewritten).unwrap();
}

#[test]
fn a_whole_directory_opens() {
    for arch in Architecture::ALL {
        let dir = TempDir::new().unwrap();
        tiny::write(arch, 0, dir.path()).unwrap();
        let opened = ModelDir::open(dir.path()).unwrap();
        assert_eq!(opened.config().architecture(), arch);
        assert_eq!(opened.config().vocab_size(), 512);
        assert_eq!(opened.tokenizer().unwrap().len(), 512);
        assert_eq!(opened.generation_default("eos_token_id"), Some(&1.into()));
        assert_eq!(opened.generation_default("temperature"), None);
        for map in [true, false] {
            let weights = opened.weights(map).unwrap();
            assert_eq!(weights.is_mapped(), map);
            assert_eq!(weights.names().count(), tensors(opened.config()).len());
        }
    }
}

#[test]
fn weights_that_were_released_can_be_read_again() {
    let dir = tiny_model();
    for map in [true, false] {
        let weights = ModelDir::open(dir.path()).and_then(|found| found.weights(map)).unwrap();
        let all = || weights.names().map(|name| weights.get(name).unwrap().data.to_vec());
        let before: Vec<Vec<u8>> = all().collect();
        weights.names().for_each(|name| weights.release(name));
        weights.release("no such tensor");
        assert!(all().eq(before));
    }
}

#[test]
fn an_empty_directory_is_told_everything_at_once() {
    let dir = TempDir::new().unwrap();
    insta::assert_snapshot!(told(dir.path()), @r"
    model directory MODEL cannot be used:
      - config.json: is missing; fetch it with the weights
      - tokenizer.json: is missing; fetch it, or write it with `save_pretrained` of a fast tokenizer
      - model.safetensors: is missing; fetch it, or model.safetensors.index.json with its shards
    ");
}

#[test]
fn pickles_are_not_read() {
    let dir = tiny_model();
    fs::rename(dir.path().join("model.safetensors"), dir.path().join("pytorch_model.bin")).unwrap();
    insta::assert_snapshot!(told(dir.path()), @r"
    model directory MODEL cannot be used:
      - pytorch_model.bin: holds pickled weights; convert it with `save_pretrained(dir, safe_serialization=True)` in transformers; wattest reads safetensors only, as unpickling runs code
    ");
}

#[test]
fn wrong_json_is_named_with_its_line() {
    let dir = tiny_model();
    fs::write(dir.path().join("generation_config.json"), "{\n  \"eos_token_id\": ,\n}").unwrap();
    fs::write(dir.path().join("config.json"), "{\n  \"model_type\": \"llama\"\n").unwrap();
    insta::assert_snapshot!(told(dir.path()), @r"
    model directory MODEL cannot be used:
      - config.json: EOF while parsing an object at line 3 column 0; correct the file, or fetch the model again
      - generation_config.json: expected value at line 2 column 19; correct the file, or fetch the model again
    ");
}

#[test]
fn an_unknown_architecture() {
    let dir = tiny_model();
    fs::write(dir.path().join("config.json"), r#"{"model_type": "rwkv"}"#).unwrap();
    insta::assert_snapshot!(told(dir.path()), @r"
    model directory MODEL cannot be used:
      - config.json: model_type `rwkv` is not supported; wattest runs llama, qwen2 and gpt2 models
    ");
}

#[test]
fn a_missing_tensor() {
    let dir = tiny_model();
    rewrite(dir.path(), |name, shape| {
        (name != "model.layers.1.mlp.up_proj.weight").then_some(shape)
    });
    insta::assert_snapshot!(told(dir.path()), @"MODEL/model.safetensors, tensor `model.layers.1.mlp.up_proj.weight`: is missing (the nearest name there is `model.layers.0.mlp.up_proj.weight`); take the weights that belong to this config.json, or fetch them again");
}

#[test]
fn wrong_shapes_are_named_together() {
    let dir = tiny_model();
    rewrite(dir.path(), |name, shape| {
        Some(if name.ends_with("k_proj.weight") { vec![64, 256] } else { shape })
    });
    insta::assert_snapshot!(told(dir.path()), @r"
    model directory MODEL cannot be used:
      - model.safetensors, tensor `model.layers.0.self_attn.k_proj.weight`: has shape [64, 256], config.json asks for [128, 256]; take the config.json that belongs to these weights
      - model.safetensors, tensor `model.layers.1.self_attn.k_proj.weight`: has shape [64, 256], config.json asks for [128, 256]; take the config.json that belongs to these weights
    ");
}

#[test]
fn weights_that_are_cut_off() {
    let dir = tiny_model();
    let file = dir.path().join("model.safetensors");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 1000]).unwrap();
    let size = whole.len();
    let cut = told(dir.path())
        .replace(&size.to_string(), "ALL")
        .replace(&(size - 1000).to_string(), "SOME");
    insta::assert_snapshot!(cut, @"MODEL/model.safetensors: is cut off: it has SOME bytes of the ALL it describes; fetch the file again");
    fs::write(&file, &whole[..100]).unwrap();
    assert!(told(dir.path()).contains("is cut off: it has 100 bytes"));
    fs::write(&file, "").unwrap();
    insta::assert_snapshot!(told(dir.path()), @"MODEL/model.safetensors: is cut off: it has 0 bytes of the 8 it describes; fetch the file again");
    fs::write(&file, "version https://git-lfs.github.com/spec/v1").unwrap();
    insta::assert_snapshot!(told(dir.path()), @"MODEL/model.safetensors: is no valid safetensors file (header too large); fetch the file again");
}

#[test]
fn shards_that_are_missing_or_elsewhere() {
    let dir = tiny_model();
    let index = dir.path().join("model.safetensors.index.json");
    fs::rename(dir.path().join("model.safetensors"), dir.path().join("a.safetensors")).unwrap();
    let map =
        r#"{"weight_map": {"x": "a.safetensors", "y": "b.safetensors", "z": "c.safetensors"}}"#;
    fs::write(&index, map).unwrap();
    insta::assert_snapshot!(told(dir.path()), @r"
    model directory MODEL cannot be used:
      - model.safetensors.index.json: names 2 of 3 shards that are missing: b.safetensors, c.safetensors; fetch them
    ");
    fs::write(&index, r#"{"weight_map": {"x": "../a.safetensors"}}"#).unwrap();
    insta::assert_snapshot!(told(dir.path()), @r"
    model directory MODEL cannot be used:
      - model.safetensors.index.json: names the shard `../a.safetensors`, which is outside the directory; fetch the file again
    ");
    fs::write(&index, r#"{"weights": {}}"#).unwrap();
    insta::assert_snapshot!(told(dir.path()), @r"
    model directory MODEL cannot be used:
      - model.safetensors.index.json: missing field `weight_map` at line 1 column 15; correct the file, or fetch the model again
    ");
}

#[test]
fn a_tokenizer_that_cannot_be_read() {
    let dir = tiny_model();
    let file = dir.path().join("tokenizer.json");
    fs::write(&file, "{}").unwrap();
    let error = ModelDir::open(dir.path()).unwrap().tokenizer().unwrap_err().to_string();
    assert!(error.contains("tokenizer.json: cannot be read ("), "{error}");
    assert!(error.ends_with("fetch tokenizer.json again, or save it with a fast tokenizer"));
}

#[test]
fn a_file_is_no_directory() {
    let dir = tiny_model();
    insta::assert_snapshot!(told(&dir.path().join("config.json")), @"MODEL: is no directory; give a model directory, or make a tiny one with `wattest model new --arch llama DIR`");
}

#[test]
fn names_without_the_prefix_are_found() {
    let dir = TempDir::new().unwrap();
    tiny::write(Architecture::Gpt2, 0, dir.path()).unwrap();
    let file = dir.path().join("model.safetensors");
    let bytes = fs::read(&file).unwrap();
    let whole = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let bare = whole
        .tensors()
        .into_iter()
        .map(|(name, view)| (name.strip_prefix("transformer.").unwrap().to_owned(), view));
    fs::write(&file, safetensors::serialize(bare, None).unwrap()).unwrap();
    assert!(ModelDir::open(dir.path()).unwrap().weights(false).is_ok());
}
