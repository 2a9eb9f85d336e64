//! What an experiment file says: shapes, no meaning yet.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Map;

use crate::experiment::{Asked, Experiment, Level, Problem};
use crate::refusal::nearest;
use crate::settings::Value;
use crate::yaml::{self, Lines, YamlError};

const KEYS: [&str; 5] = ["backend", "model", "settings", "prompts", "requests"];

impl Experiment {
    /// Reads `file`: what it says, and what is wrong with the shape of the rest.
    ///
    /// # Errors
    /// A file that cannot be read, or is not YAML.
    pub fn load(file: &Path) -> Result<(Self, Vec<Problem>), YamlError> {
        let (document, lines) = yaml::read(file)?;
        Ok(Self::of(document, lines))
    }

    /// As [`Experiment::load`], of `text`; `file` is for messages.
    ///
    /// # Errors
    /// As [`Experiment::load`].
    pub fn parse(file: &Path, text: &str) -> Result<(Self, Vec<Problem>), YamlError> {
        let (document, lines) = yaml::parse(file, text)?;
        Ok(Self::of(document, lines))
    }

    fn of(document: Value, lines: Lines) -> (Self, Vec<Problem>) {
        let Value::Object(map) = document else {
            let message = format!("must be a mapping of {}", KEYS.join(", "));
            let problem = Problem { line: 1, key: String::new(), level: Level::Error, message };
            return (Self { lines, ..Self::default() }, vec![problem]);
        };
        let mut keys = Keys { map, lines: &lines, problems: Vec::new() };
        let mut experiment = Self {
            backend: keys.take("backend", "the name of a backend"),
            model: keys.take("model", "the directory of a model"),
            ..Self::default()
        };
        experiment.settings = match keys.take("settings", "a mapping of parameters to values") {
            Some(settings) => Value::Object(settings),
            None => Value::Object(Map::new()),
        };
        experiment.asked = keys.asked();
        for key in keys.map.keys() {
            let message = match nearest(key, KEYS) {
                Some(near) => format!("unknown key; did you mean `{near}`?"),
                None => format!("unknown key; use one of: {}", KEYS.join(", ")),
            };
            keys.problems.push(keys.problem(key, message));
        }
        let problems = keys.problems;
        (Self { lines, ..experiment }, problems)
    }

    /// The line of the key at `node`, whose parts are joined by `/`.
    pub(super) fn line(&self, node: &str) -> usize {
        self.lines.of(node)
    }
}

/// The keys at the top of the file, taken out one by one.
struct Keys<'a> {
    map: Map<String, Value>,
    lines: &'a Lines,
    problems: Vec<Problem>,
}

impl Keys<'_> {
    fn problem(&self, key: &str, message: String) -> Problem {
        Problem { line: self.lines.of(key), key: key.to_owned(), level: Level::Error, message }
    }

    /// Takes `key` out; `shape` says in words what it should be.
    fn take<T: DeserializeOwned>(&mut self, key: &str, shape: &str) -> Option<T> {
        let value = self.map.remove(key)?;
        let read = T::deserialize(&value).ok();
        if read.is_none() {
            self.problems.push(self.problem(key, format!("must be {shape}, and is {value}")));
        }
        read
    }

    fn asked(&mut self) -> Asked {
        let (prompts, requests) =
            (self.map.contains_key("prompts"), self.map.contains_key("requests"));
        if prompts && requests {
            let message = "`prompts` stands beside it; keep one of them".to_owned();
            self.problems.push(self.problem("requests", message));
        }
        let texts: Option<Vec<String>> = self.take("prompts", "a list of texts");
        let file = self.take("requests", "the path of a file of requests");
        if texts.as_ref().is_some_and(Vec::is_empty) {
            let message = "is empty, and nothing would be asked; add a text".to_owned();
            self.problems.push(self.problem("prompts", message));
        }
        match (texts, file) {
            (Some(texts), _) => Asked::Prompts(texts),
            (None, Some(file)) => Asked::Requests(file),
            (None, None) => Asked::Nothing,
        }
    }
}
