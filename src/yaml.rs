//! YAML read twice: as typed data, and as the lines where its keys stand, so that a message about
//! a value can point at it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use saphyr_parser::{Event, Parser};
use serde::de::DeserializeOwned;
use thiserror::Error;

/// A YAML file that cannot be read as what it should be.
#[derive(Debug, Error)]
pub enum YamlError {
    /// The file cannot be read at all.
    #[error("{}: cannot be read: {source}; check the path and its permissions", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not YAML, or not of the expected shape.
    #[error("{}:{line}: {message}", file.display())]
    Shape {
        /// The file.
        file: PathBuf,
        /// Line of the fault, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A key stands twice in one mapping: YAML readers would keep one of them silently.
    #[error(
        "{}:{line}: key `{key}` stands here again, first at line {first}; remove one of them",
        file.display()
    )]
    DuplicateKey {
        /// The file.
        file: PathBuf,
        /// Line of the second occurrence, from 1.
        line: usize,
        /// The key.
        key: String,
        /// Line of the first occurrence, from 1.
        first: usize,
    },
}

impl YamlError {
    /// Line of the fault, where the file could be read.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Read { .. } => None,
            Self::Shape { line, .. } | Self::DuplicateKey { line, .. } => Some(*line),
        }
    }
}

/// The lines at which the keys and items of a document stand.
#[derive(Debug, Clone, Default)]
pub struct Lines(HashMap<String, usize>);

impl Lines {
    /// The line, from 1, of the key or item at `path`: keys joined by `/`, items by their index.
    /// Where the path is not in the document, the line of the nearest part above it that is.
    pub fn of(&self, path: &str) -> usize {
        let mut path = path;
        loop {
            if let Some(line) = self.0.get(path) {
                return *line;
            }
            match path.rfind('/') {
                Some(cut) => path = &path[..cut],
                None => return 1,
            }
        }
    }
}

/// Reads `file` as `T`, with the lines of its keys.
///
/// # Errors
/// [`YamlError`], with file and line: unreadable, not YAML, not a `T`, a duplicate key.
pub fn read<T: DeserializeOwned>(file: &Path) -> Result<(T, Lines), YamlError> {
    let text = std::fs::read_to_string(file)
        .map_err(|source| YamlError::Read { file: file.to_owned(), source })?;
    parse(file, &text)
}

/// Parses `text` as `T`; `file` is for messages only.
///
/// # Errors
/// As [`read`].
pub fn parse<T: DeserializeOwned>(file: &Path, text: &str) -> Result<(T, Lines), YamlError> {
    let lines = locate(file, text)?;
    let data = serde_yaml::from_str(text).map_err(|error| YamlError::Shape {
        file: file.to_owned(),
        line: error.location().map_or(1, |at| at.line()),
        message: error.to_string(),
    })?;
    Ok((data, lines))
}

/// One open collection while the events go by.
enum Open {
    /// A mapping: the keys seen with their lines, and the key whose value comes next.
    Mapping { keys: HashMap<String, usize>, key: Option<String> },
    /// A sequence: the index of the next item.
    Sequence { next: usize },
}

fn locate(file: &Path, text: &str) -> Result<Lines, YamlError> {
    let mut lines = HashMap::new();
    let mut path: Vec<String> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| YamlError::Shape {
            file: file.to_owned(),
            line: error.marker().line(),
            message: format!("not valid YAML: {}", error.info()),
        })?;
        let line = span.start.line();
        let (scalar, begins) = match event {
            Event::Scalar(text, ..) => (Some(text.into_owned()), None),
            Event::Alias(_) => (Some(String::new()), None),
            Event::MappingStart(..) => {
                (None, Some(Open::Mapping { keys: HashMap::new(), key: None }))
            }
            Event::SequenceStart(..) => (None, Some(Open::Sequence { next: 0 })),
            Event::MappingEnd | Event::SequenceEnd => {
                open.pop();
                finish_value(&mut open, &mut path);
                continue;
            }
            _ => continue,
        };
        match open.last_mut() {
            Some(Open::Mapping { keys, key }) if key.is_none() => {
                // A collection as a key has no place in our files; it is kept as an empty name.
                let name = scalar.unwrap_or_default();
                if let Some(first) = keys.insert(name.clone(), line) {
                    return Err(YamlError::DuplicateKey {
                        file: file.to_owned(),
                        line,
                        key: name,
                        first,
                    });
                }
                path.push(name.clone());
                lines.insert(path.join("/"), line);
                *key = Some(name);
                continue;
            }
            Some(Open::Sequence { next }) => {
                path.push(next.to_string());
                lines.insert(path.join("/"), line);
                *next += 1;
            }
            _ => {}
        }
        match begins {
            Some(collection) => open.push(collection),
            None => finish_value(&mut open, &mut path),
        }
    }
    Ok(Lines(lines))
}

/// A value is complete: the mapping waits for its next key, the sequence for its next item.
fn finish_value(open: &mut [Open], path: &mut Vec<String>) {
    match open.last_mut() {
        Some(Open::Mapping { key, .. }) => {
            key.take();
            path.pop();
        }
        Some(Open::Sequence { .. }) => {
            path.pop();
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Value;

    const TEXT: &str = "# head\nparams:\n- path: a\n  bounds: {ge: 1}\n- path: b\n  samples:\n  - 1\n  - 2\nlast: 1\n";

    #[test]
    fn keys_and_items_have_lines() {
        let (_, lines) = parse::<Value>(Path::new("x.yaml"), TEXT).unwrap();
        assert_eq!(lines.of("params"), 2);
        assert_eq!(lines.of("params/0/path"), 3);
        assert_eq!(lines.of("params/0/bounds/ge"), 4);
        assert_eq!(lines.of("params/1/samples/1"), 8);
        assert_eq!(lines.of("last"), 9);
        assert_eq!(lines.of("params/1/nothing/here"), 5, "the nearest part above");
    }

    #[test]
    fn a_duplicate_key_is_an_error_with_both_lines() {
        let error = parse::<Value>(Path::new("x.yaml"), "A: 1\nB: 2\nA: 3\n").unwrap_err();
        insta::assert_snapshot!(
            error,
            @"x.yaml:3: key `A` stands here again, first at line 1; remove one of them"
        );
    }

    #[test]
    fn broken_yaml_has_a_line() {
        let error = parse::<Value>(Path::new("x.yaml"), "a: [1,\nb: 2\n").unwrap_err();
        assert!(error.line().is_some_and(|line| line >= 1), "{error}");
    }
}
