//! The tensors of a model directory: one safetensors file, or several under an index.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::{Mmap, UncheckedAdvice};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use super::config::json;
use super::layout::TensorSpec;
use super::{ModelDir, ModelError};

/// What a directory with `pytorch_model.bin` alone is told: such a file is a program for Python.
pub(crate) const PICKLE_REMEDY: &str = "convert it with `save_pretrained(dir, \
    safe_serialization=True)` in transformers; wattest reads safetensors only, as unpickling runs \
    code";

const FETCH_AGAIN: &str = "fetch the file again";

/// All tensors of a model directory, by name. Dropping it releases files and maps.
#[derive(Debug)]
pub struct Weights {
    files: Vec<PathBuf>,
    bytes: Vec<Bytes>,
    tensors: BTreeMap<String, Entry>,
    mapped: bool,
}

/// One tensor as it lies in its file.
#[derive(Debug, Clone, Copy)]
pub struct TensorData<'a> {
    /// The file.
    pub file: &'a Path,
    /// Element type.
    pub dtype: Dtype,
    /// Shape.
    pub shape: &'a [usize],
    /// Elements, row-major, little endian; not necessarily aligned.
    pub data: &'a [u8],
}

#[derive(Debug)]
struct Entry {
    file: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    range: Range<usize>,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    Read(Vec<u8>),
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Read(bytes) => bytes,
        }
    }
}

impl Weights {
    /// The tensors of `dir`: its files are mapped into memory, or read where `memory_map` is
    /// false.
    ///
    /// # Errors
    /// What is wrong with the index, a file that is cut off or no safetensors file.
    pub fn open(dir: &ModelDir, memory_map: bool) -> Result<Self, ModelError> {
        let files = weight_files(dir.path())?;
        let mut weights =
            Self { files, bytes: Vec::new(), tensors: BTreeMap::new(), mapped: memory_map };
        for (index, file) in weights.files.iter().enumerate() {
            let bytes = if memory_map { map(file)? } else { read(file)? };
            for (name, entry) in entries(file, index, bytes.as_slice())? {
                if let Some(other) = weights.tensors.insert(name.clone(), entry) {
                    let problem = format!("is also in {}", weights.files[other.file].display());
                    return Err(ModelError::tensor(file, name, problem, FETCH_AGAIN));
                }
            }
            weights.bytes.push(bytes);
        }
        Ok(weights)
    }

    /// Whether the files are mapped into memory rather than read.
    pub fn is_mapped(&self) -> bool {
        self.mapped && self.bytes.iter().all(|bytes| matches!(bytes, Bytes::Mapped(_)))
    }

    /// Where the tensor called `name` lies, as [`Self::get`] finds it.
    fn entry(&self, name: &str) -> Option<&Entry> {
        let bare = name.strip_prefix("transformer.").or_else(|| name.strip_prefix("model."));
        self.tensors.get(name).or_else(|| self.tensors.get(bare?))
    }

    /// The tensor called `name`. Checkpoints saved from the bare model lack the prefix
    /// `transformer.` or `model.` (the original GPT-2 does): such a name is found too.
    pub fn get(&self, name: &str) -> Option<TensorData<'_>> {
        let entry = self.entry(name)?;
        Some(TensorData {
            file: &self.files[entry.file],
            dtype: entry.dtype,
            shape: &entry.shape,
            data: &self.bytes[entry.file].as_slice()[entry.range.clone()],
        })
    }

    /// Gives back the memory that the tensor called `name` takes, where its file is mapped: what
    /// was copied out of it is then in memory once. To read it again is possible, and slow.
    #[expect(
        unsafe_code,
        reason = "the advice is called unchecked as it empties memory that no file stands behind"
    )]
    pub fn release(&self, name: &str) {
        let Some((file, range)) = self.entry(name).map(|entry| (entry.file, &entry.range)) else {
            return;
        };
        if let Bytes::Mapped(map) = &self.bytes[file] {
            // SAFETY: the map is shared and only read, so its pages are those of the file: when
            // touched again they are read again, with the same content (see `map`).
            // Advice that the system cannot follow leaves everything as it was.
            let _ = unsafe {
                map.unchecked_advise_range(UncheckedAdvice::DontNeed, range.start, range.len())
            };
        }
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The tensor called `name`, which must have `shape` and a float type.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] with file, name, both shapes or types.
    pub fn expect(&self, name: &str, shape: &[usize]) -> Result<TensorData<'_>, ModelError> {
        let Some(tensor) = self.get(name) else {
            let file = self.files.first().cloned().unwrap_or_default();
            let near = crate::refusal::nearest(name, self.names());
            let problem = match near {
                Some(near) => format!("is missing (the nearest name there is `{near}`)"),
                None => "is missing".to_owned(),
            };
            let remedy = "take the weights that belong to this config.json, or fetch them again";
            return Err(ModelError::tensor(file, name, problem, remedy));
        };
        if tensor.shape != shape {
            let problem = format!("has shape {:?}, config.json asks for {shape:?}", tensor.shape);
            let remedy = "take the config.json that belongs to these weights";
            return Err(ModelError::tensor(tensor.file, name, problem, remedy));
        }
        if !matches!(tensor.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64) {
            let problem = format!("has type {:?}", tensor.dtype);
            let remedy = "convert the weights to F32, F16 or BF16";
            return Err(ModelError::tensor(tensor.file, name, problem, remedy));
        }
        Ok(tensor)
    }

    /// Checks that every tensor of `wanted` is there in its shape.
    ///
    /// # Errors
    /// The one error, or [`ModelError::Directory`] with all of them (the first 20).
    pub fn check(&self, dir: &Path, wanted: &[TensorSpec]) -> Result<(), ModelError> {
        let errors = wanted.iter().filter_map(|spec| self.expect(&spec.name, &spec.shape).err());
        let mut errors: Vec<ModelError> = errors.collect();
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            count => {
                let mut problems: Vec<String> =
                    errors.iter().take(20).map(|error| error.within(dir)).collect();
                if count > 20 {
                    problems.push(format!("and {} tensors more", count - 20));
                }
                Err(ModelError::Directory { dir: dir.to_owned(), problems })
            }
        }
    }
}

/// The weight files of `dir`: `model.safetensors`, or those that its index names.
///
/// # Errors
/// There are none, or the index cannot be read or names files that are missing.
pub(crate) fn weight_files(dir: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let single = dir.join("model.safetensors");
    if single.is_file() {
        return Ok(vec![single]);
    }
    let index = dir.join("model.safetensors.index.json");
    if index.is_file() {
        return shards(dir, &index);
    }
    let pickles = ["pytorch_model.bin", "pytorch_model.bin.index.json"].map(|name| dir.join(name));
    if let Some(pickle) = pickles.iter().find(|file| file.is_file()) {
        return Err(ModelError::file(pickle, "holds pickled weights", PICKLE_REMEDY));
    }
    let remedy = "fetch it, or model.safetensors.index.json with its shards";
    Err(ModelError::file(single, "is missing", remedy))
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

fn shards(dir: &Path, index: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let text = read_text(index)?;
    let parsed: Index = json(index, &text)?;
    let names: BTreeSet<&String> = parsed.weight_map.values().collect();
    if names.is_empty() {
        return Err(ModelError::file(index, "names no tensor", FETCH_AGAIN));
    }
    // A name with a directory in it would lead out of the model.
    if let Some(name) = names.iter().find(|name| name.contains(['/', '\\']) || *name == &"..") {
        let problem = format!("names the shard `{name}`, which is outside the directory");
        return Err(ModelError::file(index, problem, FETCH_AGAIN));
    }
    let (there, missing): (Vec<PathBuf>, Vec<PathBuf>) =
        names.iter().map(|name| dir.join(name)).partition(|file| file.is_file());
    if missing.is_empty() {
        return Ok(there);
    }
    let list: Vec<String> = missing
        .iter()
        .filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned()))
        .collect();
    let problem = format!(
        "names {} of {} shards that are missing: {}",
        list.len(),
        names.len(),
        list.join(", ")
    );
    Err(ModelError::file(index, problem, "fetch them"))
}

/// Reads a text file.
pub(crate) fn read_text(file: &Path) -> Result<String, ModelError> {
    fs::read_to_string(file).map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, error: &std::io::Error) -> ModelError {
    ModelError::file(file, format!("cannot be read ({error})"), "check path and permissions")
}

fn read(file: &Path) -> Result<Bytes, ModelError> {
    fs::read(file).map(Bytes::Read).map_err(|error| unreadable(file, &error))
}

/// Maps `file` into memory. The map lives as long as tensors are copied out of it or, with a
/// backend that reads them in place, as long as the engine.
#[expect(
    unsafe_code,
    reason = "a memory map is only as constant as its file; model files are not written while \
              they are in use, and `memory_map: false` is there for those that might be"
)]
fn map(file: &Path) -> Result<Bytes, ModelError> {
    let opened = File::open(file).map_err(|error| unreadable(file, &error))?;
    // An empty file cannot be mapped; read, it gives the error of a file that is cut off.
    if opened.metadata().is_ok_and(|metadata| metadata.len() == 0) {
        return Ok(Bytes::Read(Vec::new()));
    }
    // SAFETY: the bytes are only read; see the reason above for why they do not change.
    let map = unsafe { Mmap::map(&opened) };
    map.map(Bytes::Mapped).map_err(|error| unreadable(file, &error))
}

/// The tensors of the safetensors file `bytes`.
fn entries(file: &Path, index: usize, bytes: &[u8]) -> Result<Vec<(String, Entry)>, ModelError> {
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| {
        let problem = match described_size(bytes) {
            Some(size) if size > bytes.len() as u64 => {
                format!("is cut off: it has {} bytes of the {size} it describes", bytes.len())
            }
            _ => format!("is no valid safetensors file ({error})"),
        };
        ModelError::file(file, problem, FETCH_AGAIN)
    })?;
    let start = header + size_of::<u64>();
    let tensors = metadata.tensors().into_iter().map(|(name, info)| {
        let (from, to) = info.data_offsets;
        let range = start + from..start + to;
        (name, Entry { file: index, dtype: info.dtype, shape: info.shape.clone(), range })
    });
    Ok(tensors.collect())
}

/// How many bytes the file that begins with `bytes` should have, by its own header.
fn described_size(bytes: &[u8]) -> Option<u64> {
    let Some(length) = bytes.first_chunk::<8>() else { return Some(8) };
    let header = u64::from_le_bytes(*length);
    let body = 8_u64.checked_add(header)?;
    let Some(text) = bytes.get(8..usize::try_from(body).ok()?) else {
        // A length beyond what the format allows is no header at all.
        return (header <= 100_000_000).then_some(body);
    };
    let parsed: BTreeMap<String, serde_json::Value> = serde_json::from_slice(text).ok()?;
    let ends = parsed.values().filter_map(|entry| entry.get("data_offsets")?.get(1)?.as_u64());
    body.checked_add(ends.max()?)
}
