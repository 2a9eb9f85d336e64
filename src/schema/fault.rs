//! What is wrong with a parameter file, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::yaml::{Lines, YamlError};

/// One thing that is wrong with a parameter file. Loading reports all of them at once.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct SchemaFault {
    /// The file.
    pub file: PathBuf,
    /// Line of the fault, from 1; none where the file could not be read at all.
    pub line: Option<usize>,
    /// The key at fault: `temperature.bounds.ge`, `baseline.max_new_tokens`; empty for a fault of
    /// the whole file.
    pub key: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for SchemaFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(out, ": {}", self.key)?;
        }
        write!(out, ": {}", self.message)
    }
}

impl From<YamlError> for SchemaFault {
    fn from(error: YamlError) -> Self {
        let line = error.line();
        let (file, message) = match error {
            YamlError::Read { file, source } => {
                (file, format!("cannot be read: {source}; check the path and its permissions"))
            }
            YamlError::Shape { file, message, .. } => (file, message),
            YamlError::DuplicateKey { file, key, first, .. } => (
                file,
                format!("key `{key}` stands here again, first at line {first}; remove one of them"),
            ),
        };
        Self { file, line, key: String::new(), message }
    }
}

/// The faults of one file and of those it includes, collected while they are read and checked.
#[derive(Debug)]
pub(crate) struct Faults<'a> {
    /// The file itself, then those it includes.
    sources: Vec<(&'a Path, &'a Lines)>,
    list: Vec<SchemaFault>,
    unreadable: usize,
}

impl<'a> Faults<'a> {
    pub(crate) fn new(file: &'a Path, lines: &'a Lines) -> Self {
        Self { sources: vec![(file, lines)], list: Vec::new(), unreadable: 0 }
    }

    /// Takes in a further file that this one includes: places of [`At::included`] of its number are
    /// in it.
    pub(crate) fn include(&mut self, file: &'a Path, lines: &'a Lines) {
        self.sources.push((file, lines));
    }

    fn source(&self, at: &At) -> (&'a Path, &'a Lines) {
        self.sources.get(at.source).copied().unwrap_or(self.sources[0])
    }

    /// Adds the fault `message` at `at`.
    pub(crate) fn add(&mut self, at: &At, message: impl Into<String>) {
        let (file, lines) = self.source(at);
        self.list.push(SchemaFault {
            file: file.to_owned(),
            line: Some(lines.of(&at.node)),
            key: at.key.clone(),
            message: message.into(),
        });
    }

    /// As [`Faults::add`], for what cannot be read at all: it has no meaning to check.
    pub(crate) fn add_unreadable(&mut self, at: &At, message: impl Into<String>) {
        self.unreadable += 1;
        self.add(at, message);
    }

    /// How many things could not be read so far.
    pub(crate) fn unreadable(&self) -> usize {
        self.unreadable
    }

    /// The line of `at`.
    pub(crate) fn line(&self, at: &At) -> usize {
        self.source(at).1.of(&at.node)
    }

    /// How many there are so far.
    pub(crate) fn count(&self) -> usize {
        self.list.len()
    }

    /// All of them, in the order of the file; then those of what it includes.
    pub(crate) fn into_sorted(mut self) -> Vec<SchemaFault> {
        let place = |file: &Path| self.sources.iter().position(|(one, _)| *one == file);
        self.list.sort_by_key(|fault| (place(&fault.file), fault.line));
        self.list
    }
}

/// A place in a parameter file: the node whose line is shown, and the key as a reader would say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At {
    node: String,
    key: String,
    /// Which of the files it is in.
    source: usize,
}

impl At {
    /// The top of the file.
    pub(crate) fn top() -> Self {
        Self { node: String::new(), key: String::new(), source: 0 }
    }

    /// The top of the `number`-th included file, from 1.
    pub(crate) fn included(number: usize) -> Self {
        Self { source: number, ..Self::top() }
    }

    /// The entry of the parameter `name`, the `index`-th of the list, in the file of `self`.
    pub(crate) fn entry(&self, index: usize, name: &str) -> Self {
        let key = if name.is_empty() { format!("params.{index}") } else { name.to_owned() };
        Self { node: format!("params/{index}"), key, source: self.source }
    }

    /// The key or index `name` below this place.
    pub(crate) fn below(&self, name: impl fmt::Display) -> Self {
        let join = |above: &str, by: char| match above {
            "" => name.to_string(),
            _ => format!("{above}{by}{name}"),
        };
        Self { node: join(&self.node, '/'), key: join(&self.key, '.'), source: self.source }
    }
}
