//! A model directory: its small files, checked together.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::config::{ModelConfig, json};
use super::weights::{read_text, weight_files};
use super::{ModelError, Tokenizer, Weights, tensors};

/// A model directory whose files are all there and whose configuration has been read.
#[derive(Debug, Clone)]
pub struct ModelDir {
    path: PathBuf,
    config: ModelConfig,
    model: Map<String, Value>,
    generation: Map<String, Value>,
}

impl ModelDir {
    /// Reads the configuration of the model in directory `path` and looks for its other files.
    ///
    /// # Errors
    /// [`ModelError::Directory`] with everything that is missing or wrong, at once.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        if !path.is_dir() {
            let problem = if path.exists() { "is no directory" } else { "does not exist" };
            let remedy = "give a model directory, or make a tiny one with `wattest model new --arch llama DIR`";
            return Err(ModelError::file(path, problem, remedy));
        }
        let mut problems = Vec::new();
        let mut note = |error: ModelError| problems.push(error.within(path));

        let config = config(path).map_err(&mut note).ok();
        let generation = optional(path, "generation_config.json").map_err(&mut note).ok();
        if let Err(error) = optional(path, "tokenizer_config.json") {
            note(error);
        }
        if !path.join("tokenizer.json").is_file() {
            let remedy = "fetch it, or write it with `save_pretrained` of a fast tokenizer";
            note(ModelError::file(path.join("tokenizer.json"), "is missing", remedy));
        }
        if let Err(error) = weight_files(path) {
            note(error);
        }
        match (config, generation) {
            (Some((config, model)), Some(generation)) if problems.is_empty() => {
                Ok(Self { path: path.to_owned(), config, model, generation })
            }
            _ => Err(ModelError::Directory { dir: path.to_owned(), problems }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What `config.json` says.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The entry `name` of `generation_config.json` or, where that has none, of `config.json`;
    /// null counts as none.
    pub fn generation_default(&self, name: &str) -> Option<&Value> {
        let found = |entries: &'_ Map<String, Value>| {
            entries.get(name).is_some_and(|value| !value.is_null())
        };
        [&self.generation, &self.model].into_iter().find(|entries| found(entries))?.get(name)
    }

    /// Its tokenizer.
    ///
    /// # Errors
    /// See [`Tokenizer::open`].
    pub fn tokenizer(&self) -> Result<Tokenizer, ModelError> {
        Tokenizer::open(&self.path.join("tokenizer.json"))
    }

    /// Its weights, with every tensor that the model needs there in its shape.
    ///
    /// # Errors
    /// See [`Weights::open`] and [`Weights::check`].
    pub fn weights(&self, memory_map: bool) -> Result<Weights, ModelError> {
        let weights = Weights::open(self, memory_map)?;
        weights.check(&self.path, &tensors(&self.config))?;
        Ok(weights)
    }
}

fn config(dir: &Path) -> Result<(ModelConfig, Map<String, Value>), ModelError> {
    let file = dir.join("config.json");
    if !file.is_file() {
        return Err(ModelError::file(file, "is missing", "fetch it with the weights"));
    }
    let text = read_text(&file)?;
    Ok((ModelConfig::parse(&file, &text)?, json(&file, &text)?))
}

/// The entries of a file that may be missing.
fn optional(dir: &Path, name: &str) -> Result<Map<String, Value>, ModelError> {
    let file = dir.join(name);
    if !file.exists() {
        return Ok(Map::new());
    }
    json(&file, &read_text(&file)?)
}
