use std::time::Instant;

use super::*;

fn bytes(dir: &Path) -> Vec<Vec<u8>> {
    let names = [
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "model.safetensors",
    ];
    names.iter().map(|name| fs::read(dir.join(name)).unwrap()).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    for arch in Architecture::ALL {
        let at = |name: &str| dir.path().join(format!("{arch}-{name}"));
        write(arch, 7, &at("one")).unwrap();
        write(arch, 7, &at("two")).unwrap();
        write(arch, 8, &at("three")).unwrap();
        assert_eq!(bytes(&at("one")), bytes(&at("two")));
        assert_ne!(bytes(&at("one"))[4], bytes(&at("three"))[4]);
    }
}

/// The bytes are promised to be the same on every machine: should this change on purpose, raise
/// [`REVISION`].
#[test]
fn the_bytes_are_these() {
    let dir = tempfile::tempdir().unwrap();
    let hash = |arch| {
        write(arch, 0, dir.path()).unwrap();
        use sha2::{Digest, Sha256};
        let whole = Sha256::digest(bytes(dir.path()).concat());
        whole.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    insta::assert_snapshot!(Architecture::ALL.map(hash).join(" "), @"c29c92f6 50630990 b138d195");
}

#[test]
fn a_cached_model_is_reused_and_a_broken_one_replaced() {
    let cache = tempfile::tempdir().unwrap();
    let first = ensure(cache.path(), Architecture::Gpt2, 3).unwrap();
    let config = first.join("config.json");
    let written = fs::metadata(&config).unwrap().modified().unwrap();
    assert_eq!(ensure(cache.path(), Architecture::Gpt2, 3).unwrap(), first);
    assert_eq!(fs::metadata(&config).unwrap().modified().unwrap(), written);

    let whole = bytes(&first);
    fs::remove_file(&config).unwrap();
    fs::write(first.join("model.safetensors"), &whole[4][..999]).unwrap();
    assert_eq!(ensure(cache.path(), Architecture::Gpt2, 3).unwrap(), first);
    assert_eq!(bytes(&first), whole);
    let left: Vec<_> = fs::read_dir(cache.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn many_may_ask_at_once() {
    let cache = tempfile::tempdir().unwrap();
    let dirs: Vec<PathBuf> = std::thread::scope(|scope| {
        let ask = || ensure(cache.path(), Architecture::Qwen2, 1).unwrap();
        let asked: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(dirs.iter().all(|dir| *dir == dirs[0]));
    assert!(ModelDir::open(&dirs[0]).unwrap().weights(true).is_ok());
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
}

#[test]
fn they_are_small_and_quickly_written() {
    let dir = tempfile::tempdir().unwrap();
    for arch in Architecture::ALL {
        let quickest = (0..3).map(|_| {
            let start = Instant::now();
            write(arch, 0, dir.path()).unwrap();
            start.elapsed()
        });
        // Some 15 ms are usual; the margin is for a busy machine.
        assert!(quickest.min().unwrap().as_millis() < 500);
        let size = fs::metadata(dir.path().join("model.safetensors")).unwrap().len();
        assert!(size < 8 << 20, "{arch}: {size}");
    }
}

#[test]
fn an_unwritable_place_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = write(Architecture::Llama, 0, &file.join("model")).unwrap_err().to_string();
    assert!(error.contains("file/model: cannot be written ("), "{error}");
}

#[test]
fn a_sliding_window_is_that_of_the_later_layers() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { sliding_window: Some(8), ..Options::default() };
    write_with(Architecture::Qwen2, options, dir.path()).unwrap();
    let model = ModelDir::open(dir.path()).unwrap();
    let sliding = model.config().sliding().unwrap();
    assert_eq!((sliding.window, sliding.layers.as_slice()), (8, [false, true].as_slice()));
    let error = write_with(Architecture::Llama, options, Path::new("x")).unwrap_err();
    insta::assert_snapshot!(error, @"x: llama models have no sliding window; take qwen2, or leave the window out");
}
