//! Whether the files of a model are all there and whole.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::environment::Machine;
use crate::model::{ModelDir, ModelError, weight_files};
use crate::preflight::hub::locate;
use crate::preflight::{Check, ModelNeed, Reader};

/// What it is that is looked at.
const MODEL: &str = "model";

/// More than any header of safetensors has.
const LONGEST_HEADER: u64 = 100 << 20;

/// What an engine may read weights from, beside safetensors.
const OTHERS: [&str; 6] = ["bin", "engine", "gguf", "pt", "pth", "safetensors"];

/// The checks of a model, and the bytes of its weights where they are there.
pub(super) fn model(need: &ModelNeed, machine: &Machine) -> (Vec<Check>, Option<u64>) {
    let located = match locate(&need.name, machine) {
        Ok(located) => machine.path(located),
        Err(check) => return (vec![check], None),
    };
    let found = match need.reader {
        Reader::Embedded => embedded(&located),
        Reader::Engine => engine(&located),
    };
    let mut failed = found.err().unwrap_or_default();
    let files = weights(&located);
    failed.extend(files.iter().filter_map(|file| whole(file, &located)));
    if !failed.is_empty() {
        return (failed, None);
    }
    let bytes = files.iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum();
    let found = format!("{}, {} MiB of weights", need.name.display(), bytes >> 20);
    (vec![Check::good(MODEL, found)], Some(bytes))
}

/// One that this library reads: it says itself what is wrong.
fn embedded(dir: &Path) -> Result<(), Vec<Check>> {
    let Err(error) = ModelDir::open(dir) else { return Ok(()) };
    let lines = match error {
        ModelError::Directory { problems, .. } => problems,
        other => vec![other.to_string()],
    };
    Err(lines
        .iter()
        .map(|line| {
            let (problem, remedy) = line.split_once("; ").unwrap_or((line, "mend it"));
            failed(dir, problem, remedy)
        })
        .collect())
}

/// One that an engine reads, of any format: what every format has.
fn engine(dir: &Path) -> Result<(), Vec<Check>> {
    let mut wrong = Vec::new();
    match std::fs::read(dir.join("config.json")) {
        Err(_) => wrong.push(failed(dir, "config.json: is missing", "fetch it with the weights")),
        Ok(text) => {
            if let Err(error) = serde_json::from_slice::<serde_json::Value>(&text) {
                let problem = format!("config.json: is no JSON ({error})");
                wrong.push(failed(dir, &problem, "fetch the file again"));
            }
        }
    }
    // Where there is an index, the shards that it names must be there.
    let indexed = dir.join("model.safetensors.index.json").is_file();
    if let (true, Err(error)) = (indexed, weight_files(dir)) {
        let line = error.within(dir);
        let (problem, remedy) = line.split_once("; ").unwrap_or((&line, "mend it"));
        wrong.push(failed(dir, problem, remedy));
    } else if weights(dir).is_empty() {
        let problem = format!("there are no weights: no file ending in {}", OTHERS.join(", "));
        wrong.push(failed(dir, &problem, "fetch them"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn failed(dir: &Path, problem: &str, remedy: &str) -> Check {
    Check::failed(format!("{MODEL} {}", dir.display()), problem, remedy)
}

/// The files with weights in `dir`: safetensors as they are chosen to be read, else all that may
/// hold some.
fn weights(dir: &Path) -> Vec<PathBuf> {
    if let Ok(files) = weight_files(dir) {
        return files;
    }
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let holds = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| OTHERS.contains(&extension)) && path.is_file()
    };
    paths.filter(holds).collect()
}

/// A check that failed where `file` is safetensors and not whole: a download that broke off, or the
/// note that Git leaves in the place of a large file.
fn whole(file: &Path, dir: &Path) -> Option<Check> {
    if file.extension().is_none_or(|extension| extension != "safetensors") {
        return None;
    }
    let problem = match length(file) {
        Ok((needed, has)) if needed == has => return None,
        Ok((needed, has)) => format!("has {has} bytes of {needed}"),
        Err(why) => why,
    };
    let name = file.strip_prefix(dir).unwrap_or(file).display().to_string();
    let remedy = "fetch the file again, whole (`git lfs pull` in a clone)";
    Some(failed(dir, &format!("{name}: {problem}"), remedy))
}

/// The bytes that the header of a safetensors file asks for, and those that it has.
fn length(file: &Path) -> Result<(u64, u64), String> {
    let unreadable = |error: std::io::Error| format!("cannot be read ({error})");
    let mut open = File::open(file).map_err(unreadable)?;
    let has = open.metadata().map_err(unreadable)?.len();
    let mut first = [0; 8];
    open.read_exact(&mut first).map_err(|_| format!("has {has} bytes and no header"))?;
    if first == *b"version " {
        return Err("is a note of Git LFS in the place of the file".to_owned());
    }
    let header = u64::from_le_bytes(first);
    if header > LONGEST_HEADER {
        return Err("is no safetensors file: its header has no end".to_owned());
    }
    let mut text = Vec::new();
    open.take(header).read_to_end(&mut text).map_err(unreadable)?;
    let Ok(serde_json::Value::Object(entries)) = serde_json::from_slice(&text) else {
        return Err("has a header that cannot be read".to_owned());
    };
    let end = |entry: &serde_json::Value| entry.get("data_offsets")?.get(1)?.as_u64();
    let last = entries.values().filter_map(end).max().unwrap_or(0);
    Ok((last.saturating_add(8 + header), has))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Architecture, tiny};
    use proptest::prelude::*;

    fn told(dir: &Path, reader: Reader) -> String {
        let need = ModelNeed { name: dir.to_owned(), reader };
        let (checks, bytes) = model(&need, &Machine::here());
        let lines: Vec<String> = checks.iter().filter_map(Check::failure).collect();
        assert_eq!(bytes.is_some(), lines.is_empty());
        lines.join("\n").replace(&dir.display().to_string(), "DIR")
    }

    #[test]
    fn a_whole_model_is_good_and_a_part_of_it_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        tiny::write(Architecture::Llama, 1, dir).unwrap();
        assert_eq!(told(dir, Reader::Embedded), "");
        assert_eq!(told(dir, Reader::Engine), "");
        let weights = dir.join("model.safetensors");
        let bytes = std::fs::read(&weights).unwrap();
        std::fs::write(&weights, &bytes[..bytes.len() - 1000]).unwrap();
        std::fs::write(dir.join("config.json"), "{").unwrap();
        std::fs::remove_file(dir.join("tokenizer.json")).unwrap();
        let lines = told(dir, Reader::Embedded);
        let cut = format!(
            "model DIR: model.safetensors: has {} bytes of {}; fetch the file again, whole (`git lfs pull` in a clone)",
            bytes.len() - 1000,
            bytes.len()
        );
        assert!(lines.contains(&cut), "{lines}");
        for part in ["model DIR: config.json", "model DIR: tokenizer.json: is missing; fetch it"] {
            assert!(lines.contains(part), "{lines}");
        }
        assert_eq!(lines.lines().count(), 3, "{lines}");
    }

    #[test]
    fn what_an_engine_reads_may_have_another_format() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
        insta::assert_snapshot!(told(dir, Reader::Engine), @r"
        model DIR: config.json: is missing; fetch it with the weights
        model DIR: there are no weights: no file ending in bin, engine, gguf, pt, pth, safetensors; fetch them
        ");
        write("config.json", r#"{"model_type": "mixtral"}"#);
        write("pytorch_model.bin", "x");
        assert_eq!(told(dir, Reader::Engine), "");
        write(
            "model.safetensors.index.json",
            r#"{"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}}"#,
        );
        write("a.safetensors", "version https://git-lfs.github.com/spec/v1\n");
        insta::assert_snapshot!(told(dir, Reader::Engine), @r"
        model DIR: model.safetensors.index.json: names 1 of 2 shards that are missing: b.safetensors; fetch them
        model DIR: a.safetensors: is a note of Git LFS in the place of the file; fetch the file again, whole (`git lfs pull` in a clone)
        ");
        write("b.safetensors", "\x02\0\0\0\0\0\0\0{}");
        insta::assert_snapshot!(told(dir, Reader::Engine), @"model DIR: a.safetensors: is a note of Git LFS in the place of the file; fetch the file again, whole (`git lfs pull` in a clone)");
        for (text, problem) in [
            ("x", "has 1 bytes and no header"),
            ("\x02\0\0\0\0\0\0\0{", "has a header that cannot be read"),
            ("xxxxxxxx", "its header has no end"),
        ] {
            write("a.safetensors", text);
            assert!(told(dir, Reader::Engine).contains(problem), "{problem}");
        }
    }

    proptest! {
        /// Only a file that is as long as its header says is whole, whatever else it holds.
        #[test]
        fn a_file_is_whole_or_not(
            bytes in prop::collection::vec(any::<u8>(), 0..64),
            data in 0_usize..64,
            cut in 0_usize..64,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("model.safetensors");
            std::fs::write(&file, &bytes).unwrap();
            let _ = whole(&file, dir.path());
            let header = format!(r#"{{"a": {{"data_offsets": [0, {data}]}}}}"#);
            let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
            bytes.extend(header.as_bytes());
            bytes.extend(vec![0; data]);
            bytes.truncate(bytes.len() - cut.min(bytes.len()));
            std::fs::write(&file, &bytes).unwrap();
            prop_assert_eq!(whole(&file, dir.path()).is_none(), cut == 0);
        }
    }
}
