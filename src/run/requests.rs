//! Requests, one JSON object a line, answered one JSON object a line.
//!
//! A request names what to continue and, if it wants, settings of its own:
//!
//! ```json
//! {"prompt_tokens": [12, 7, 301], "settings": {"max_new_tokens": 8, "num_beams": 2}}
//! {"prompt": "The river ran", "settings": {"do_sample": true, "temperature": 0.7}}
//! ```
//!
//! A list of prompts (of strings, or of lists of ids) is one batch. The answer holds, row by row
//! (the rows of the first prompt, then those of the second ...):
//!
//! | key | what |
//! | --- | --- |
//! | `tokens` | per row the generated ids: the end token where one was generated, no padding |
//! | `text` | per row its text, special tokens left out |
//! | `finish` | per row why it ended |
//! | `prompt_tokens` | for prompts given as text: per prompt its ids |
//! | `sequence_scores` | per row the ranking score of beam search; only where rows are ranked |
//! | `timings` | seconds: `prefill_s`, `decode_s`, `steps_s`, and `load_s` on a line that loaded |
//! | `drafts` | where something made drafts: `rounds`, `drafted` and `accepted` tokens, `next_limit` |
//! | `effective` | the settings that were in force, read back from the engine |
//! | `scores` | with `output_scores`: for the first row, one list per generated step of `[token id, log-probability]` for the tokens left possible |
//! | `notes` | what was done to the request: settings that were given by another name than that of their parameter; only where there are any |
//! | `row_scores` | with `output_scores` and several rows: the same for every row |
//!
//! A request that fails is answered by `{"error": {"kind", "line", "message"}}`, where a refused
//! one has `parameter`, `value` and `rule` as well, and the rest go on. Blank lines are left out.

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use thiserror::Error;

use crate::backends::{Backend, BackendError, Engine, Generation, Prompt};
use crate::generate::{Drafts, Finish, Row};
use crate::schema::Names;
use crate::settings::{Settings, Value};

/// How the requests of one stream ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests answered with tokens.
    pub completed: u64,
    /// Requests answered with a refusal: nothing was generated.
    pub refused: u64,
    /// Requests that failed in any other way, malformed lines among them.
    pub failed: u64,
    /// How often an engine was loaded.
    pub loads: u64,
}

/// The stream itself broke: requests that fail are answers, not this.
#[derive(Debug, Error)]
pub enum RequestsError {
    /// The requests cannot be read on.
    #[error("line {line} of the requests cannot be read: {source}")]
    Read {
        /// Line number, from 1.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The answers cannot be written.
    #[error("the answer to line {line} cannot be written: {source}")]
    Write {
        /// Line number of the request, from 1.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
}

/// Answers every request of `input` on `output`, in order, each before the next is read.
///
/// The settings of a request are laid over `settings`, both by the names that the backend knows:
/// `names` has the others, and those that are refused with a reason. An engine is loaded when a request first
/// needs it, and again only where the load settings differ from those of the last one, of which
/// one is kept.
///
/// # Errors
/// [`RequestsError`] where the streams break; a request that fails is answered with its error.
pub fn serve(
    backend: &dyn Backend,
    model: &Path,
    names: &Names,
    settings: &Settings,
    mut input: impl BufRead,
    mut output: impl Write,
) -> Result<Tally, RequestsError> {
    let mut desk = Desk { backend, model, names, engine: None, loads: 0 };
    let mut tally = Tally::default();
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let read = input.read_until(b'\n', &mut bytes);
        if read.map_err(|source| RequestsError::Read { line, source })? == 0 {
            break;
        }
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let answer = Request::parse(&bytes)
            .map_err(Fault::Malformed)
            .and_then(|request| desk.answer(&request, settings).map_err(Fault::Backend));
        let answer = match answer {
            Ok(answer) => {
                tally.completed += 1;
                serde_json::to_string(&answer)
            }
            Err(fault) => {
                match &fault {
                    Fault::Backend(BackendError::Refused(_)) => tally.refused += 1,
                    _ => tally.failed += 1,
                }
                Ok(fault.told(line).to_string())
            }
        };
        answer
            .map_err(io::Error::from)
            .and_then(|answer| writeln!(output, "{answer}"))
            .and_then(|()| output.flush())
            .map_err(|source| RequestsError::Write { line, source })?;
    }
    tally.loads = desk.loads;
    Ok(tally)
}

/// One request.
#[derive(Debug)]
struct Request {
    prompts: Vec<Prompt>,
    settings: Settings,
}

/// A request as it stands on its line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    prompt: Option<OneOrMore<String>>,
    prompt_tokens: Option<OneOrMore<Vec<u32>>>,
    #[serde(default)]
    settings: Settings,
}

/// One prompt or a batch of prompts.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "neither a prompt nor a list of prompts")]
enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    fn into_prompts(self, prompt: impl Fn(T) -> Prompt) -> Vec<Prompt> {
        match self {
            Self::One(one) => vec![prompt(one)],
            Self::More(more) => more.into_iter().map(prompt).collect(),
        }
    }
}

impl Request {
    /// The request on a line, or what is wrong with the line and what would be right.
    fn parse(line: &[u8]) -> Result<Self, String> {
        let line: Line = serde_json::from_slice(line.trim_ascii()).map_err(|error| {
            // The parser saw one line only, so its line number would mislead.
            let (column, text) = (error.column(), error.to_string());
            let what = text.strip_suffix(&format!(" at line 1 column {column}")).unwrap_or(&text);
            format!(
                "{what} at column {column}; a request is {{\"prompt\": \"..\"}} or \
                 {{\"prompt_tokens\": [..]}}, with \"settings\": {{..}} if it has any"
            )
        })?;
        let prompts = match (line.prompt, line.prompt_tokens) {
            (Some(texts), None) => texts.into_prompts(Prompt::Text),
            (None, Some(tokens)) => tokens.into_prompts(Prompt::Tokens),
            (None, None) => return Err("no prompt: give `prompt` or `prompt_tokens`".to_owned()),
            (Some(_), Some(_)) => {
                return Err("two prompts: give either `prompt` or `prompt_tokens`".to_owned());
            }
        };
        if prompts.is_empty() {
            return Err("an empty batch: give at least one prompt".to_owned());
        }
        Ok(Self { prompts, settings: line.settings })
    }
}

/// Answers requests, with the engine that was loaded last.
struct Desk<'a> {
    backend: &'a dyn Backend,
    model: &'a Path,
    names: &'a Names,
    engine: Option<Loaded>,
    loads: u64,
}

/// A loaded engine and what it was loaded with.
struct Loaded {
    engine: Box<dyn Engine>,
    /// What it was loaded with: the load settings of the request that it was loaded for, or all of
    /// them where it is not known which these are.
    settings: Settings,
    /// Whether it is known.
    is_exact: bool,
}

impl Loaded {
    /// Whether a request with these settings can use this engine. What an engine reports as its
    /// effective settings are its load settings, so two requests that agree on these can share it.
    /// What it does not report must be the same as well, where it is known to be a load setting.
    fn serves(&self, settings: &Settings) -> bool {
        if self.is_exact {
            return self.settings == *settings;
        }
        let load = self.engine.effective();
        load.iter().all(|(path, _)| self.settings.get(path) == settings.get(path))
    }
}

impl Desk<'_> {
    fn answer(&mut self, request: &Request, over: &Settings) -> Result<Answer, BackendError> {
        let over = self.names.resolve(over)?;
        let own = self.names.resolve(&request.settings)?;
        let settings = over.settings.merged(&own.settings);
        self.backend.check(&settings)?;
        let started = Instant::now();
        let exact = self.names.of_load(&settings);
        let is_exact = exact.is_some();
        let load = exact.unwrap_or_else(|| settings.clone());
        let kept = self.engine.take().filter(|loaded| loaded.serves(&load));
        let (loaded, load_s) = match kept {
            Some(loaded) => (loaded, None),
            None => {
                let engine = self.backend.load(self.model, &load)?;
                self.loads += 1;
                let loaded = Loaded { engine, settings: load, is_exact };
                (loaded, Some(started.elapsed().as_secs_f64()))
            }
        };
        let loaded = self.engine.insert(loaded);
        let generated = loaded.engine.generate(&request.prompts, &settings);
        // A refusal comes before any work; after anything else the engine may be half-way through
        // something.
        if matches!(&generated, Err(error) if !matches!(error, BackendError::Refused(_))) {
            self.engine = None;
        }
        let generation = generated?;
        let told = request.prompts.iter().any(|prompt| matches!(prompt, Prompt::Text(_)));
        let notes = over.notes.into_iter().chain(own.notes).collect();
        Ok(Answer { notes, ..Answer::new(generation, load_s, told) })
    }
}

/// The answer to a request; see the module for the meaning of its keys.
#[derive(Debug, Serialize)]
struct Answer {
    tokens: Vec<Vec<u32>>,
    text: Vec<String>,
    finish: Vec<Finish>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_scores: Option<Vec<f32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens: Option<Vec<Vec<u32>>>,
    timings: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drafts: Option<Drafts>,
    effective: Settings,
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<Steps>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row_scores: Option<Vec<Steps>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// Per step, the tokens left possible with their log-probability.
type Steps = Vec<Vec<(u32, f32)>>;

impl Answer {
    fn new(generation: Generation, load_s: Option<f64>, tell_prompts: bool) -> Self {
        let mut timings = match json!(generation.timings) {
            Value::Object(timings) => timings,
            _ => Map::new(),
        };
        if let Some(load_s) = load_s {
            timings.insert("load_s".to_owned(), json!(load_s));
        }
        let prompt_tokens = tell_prompts
            .then(|| generation.prompts.iter().map(|one| one.prompt_tokens.clone()).collect());
        let rows: Vec<Row> =
            generation.prompts.into_iter().flat_map(|prompt| prompt.rows).collect();
        let sequence_scores = rows.iter().map(|row| row.sequence_score).collect();
        let row_scores: Option<Vec<Steps>> = rows.iter().map(|row| row.scores.clone()).collect();
        let scores = row_scores.as_ref().and_then(|rows| rows.first().cloned());
        Self {
            tokens: rows.iter().map(|row| row.tokens.clone()).collect(),
            finish: rows.iter().map(|row| row.finish).collect(),
            text: rows.into_iter().map(|row| row.text).collect(),
            sequence_scores,
            prompt_tokens,
            timings,
            drafts: generation.drafts,
            effective: generation.effective,
            scores,
            row_scores: row_scores.filter(|rows| rows.len() > 1),
            notes: Vec::new(),
        }
    }
}

/// Why a line has no tokens for an answer.
enum Fault {
    /// The line is not a request: what is wrong with it.
    Malformed(String),
    /// The backend refused or failed.
    Backend(BackendError),
}

impl Fault {
    /// The fault as the answer to line `line`.
    fn told(&self, line: u64) -> Value {
        let (kind, message) = match self {
            Self::Malformed(message) => ("malformed", message.clone()),
            Self::Backend(error) => (kind(error), error.to_string()),
        };
        let mut error = json!({"kind": kind, "line": line, "message": message});
        if let Self::Backend(BackendError::Refused(refusal)) = self {
            error["parameter"] = json!(refusal.parameter);
            error["value"] = refusal.value.clone();
            error["rule"] = json!(refusal.rule);
        }
        if let Self::Backend(BackendError::OutOfMemory(short)) = self {
            error["device"] = json!(short.device);
            error["asked_bytes"] = json!(short.asked_bytes);
            error["free_bytes"] = json!(short.free_bytes);
            error["capacity_bytes"] = json!(short.capacity_bytes);
        }
        json!({"error": error})
    }
}

/// The name of the kind of an error, as its records have it.
fn kind(error: &BackendError) -> &'static str {
    match error {
        BackendError::Refused(_) => "refused",
        BackendError::Model(_) => "model",
        BackendError::Unavailable { .. } => "unavailable",
        BackendError::OutOfMemory(_) => "out_of_memory",
        BackendError::Failed(_) => "failed",
    }
}

#[cfg(test)]
#[path = "requests_tests.rs"]
mod tests;
