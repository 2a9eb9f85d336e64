//! What is asked in a measured run: the prompts that are built in, or those of a file.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::backends::Prompt;
use crate::run;

/// The column of a JSONL file that has the prompts, where nobody names another.
pub const COLUMN: &str = "prompt";

/// The column with a prompt as token ids, as in the requests of `wattest run --requests`.
const TOKENS: &str = "prompt_tokens";

/// Prompts, and where they are from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompts {
    /// Where they are from.
    pub source: PromptSource,
    /// The prompts in their order; never none.
    pub all: Vec<Prompt>,
}

/// Where prompts are from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromptSource {
    /// Those that are built in.
    BuiltIn,
    /// Those that the experiment file lists.
    Experiment,
    /// A JSONL file: an object a line.
    Jsonl(PathBuf),
    /// A text file: a prompt a line.
    Text(PathBuf),
}

/// Prompts that cannot be had.
#[derive(Debug, Error)]
pub enum PromptsError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The name of the file does not say that it is a form that can be read.
    #[error(
        "{}: `.{end}` is no form of prompts; give a text file (.txt, a prompt a line) or JSONL \
         (.jsonl, an object a line)",
        file.display()
    )]
    Form {
        /// The file.
        file: PathBuf,
        /// The end of its name.
        end: String,
    },
    /// A line that is no prompt.
    #[error("{}:{line}: {problem}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// There is nothing to ask.
    #[error("{}: has no prompt; write one a line", .0.display())]
    Empty(PathBuf),
}

impl Prompts {
    /// Those that every case of the test harness continues.
    pub fn built_in() -> Self {
        Self { source: PromptSource::BuiltIn, all: run::prompts() }
    }

    /// Those of `file`: of a text file (`.txt`, `.text`, `.md`, or no end) each line that is not
    /// blank, of JSONL (`.jsonl`, `.ndjson`) the text in `column` of each object, or its
    /// `prompt_tokens`. Other columns are data of somebody else and left alone, but for `settings`:
    /// a measured run has one set for all prompts.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn load(file: &Path, column: &str) -> Result<Self, PromptsError> {
        let end = file.extension().map(|end| end.to_string_lossy().to_ascii_lowercase());
        let is_jsonl = match end.as_deref() {
            None | Some("txt" | "text" | "md") => false,
            Some("jsonl" | "ndjson") => true,
            Some(end) => {
                return Err(PromptsError::Form { file: file.to_owned(), end: end.to_owned() });
            }
        };
        let text = std::fs::read_to_string(file)
            .map_err(|source| PromptsError::Read { file: file.to_owned(), source })?;
        let (source, all) = if is_jsonl {
            let all = jsonl(&text, column).map_err(|(line, problem)| PromptsError::Line {
                file: file.to_owned(),
                line,
                problem,
            })?;
            (PromptSource::Jsonl(file.to_owned()), all)
        } else {
            let all = filled(&text).map(|(_, line)| Prompt::Text(line.to_owned())).collect();
            (PromptSource::Text(file.to_owned()), all)
        };
        if all.is_empty() {
            Err(PromptsError::Empty(file.to_owned()))
        } else {
            Ok(Self { source, all })
        }
    }

    /// The first `count`, from the beginning again where there are fewer; all without a count.
    #[must_use]
    pub fn taken(&self, count: Option<usize>) -> Vec<Prompt> {
        let count = count.unwrap_or(self.all.len());
        self.all.iter().cycle().take(count).cloned().collect()
    }
}

/// The lines that are not blank, with their numbers from 1.
fn filled(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim_end()));
    lines.filter(|(_, line)| !line.trim().is_empty())
}

fn jsonl(text: &str, column: &str) -> Result<Vec<Prompt>, (usize, String)> {
    let read = filled(text).map(|(number, line)| {
        let value: Value = serde_json::from_str(line)
            .map_err(|error| (number, format!("is no JSON: {}", within_line(&error))))?;
        let Value::Object(object) = value else {
            return Err((number, format!("must be a JSON object, and is {value}")));
        };
        prompt(&object, column).map_err(|problem| (number, problem))
    });
    read.collect()
}

/// The parser saw one line only, so its line number would mislead.
fn within_line(error: &serde_json::Error) -> String {
    let (column, text) = (error.column(), error.to_string());
    let what = text.strip_suffix(&format!(" at line 1 column {column}")).unwrap_or(&text);
    format!("{what} at column {column}")
}

fn prompt(object: &Map<String, Value>, column: &str) -> Result<Prompt, String> {
    if object.contains_key("settings") {
        let remedy =
            "a measured run has one set for all; take them out, and give --set or --config";
        return Err(format!("has settings of its own; {remedy}"));
    }
    match (object.get(column), object.get(TOKENS)) {
        (Some(_), Some(_)) if column != TOKENS => {
            Err(format!("has both `{column}` and `{TOKENS}`; keep one of them"))
        }
        (Some(Value::String(text)), _) if text.is_empty() => {
            Err(format!("`{column}` is empty; write a text"))
        }
        (Some(Value::String(text)), _) => Ok(Prompt::Text(text.clone())),
        (None, Some(tokens)) => match Vec::<u32>::deserialize(tokens) {
            Ok(tokens) if !tokens.is_empty() => Ok(Prompt::Tokens(tokens)),
            _ => Err(format!("`{TOKENS}` must be a list of token ids, and is {tokens}")),
        },
        (Some(other), _) => Err(format!("`{column}` must be text, and is {other}")),
        (None, None) => {
            let there: Vec<_> = object.keys().map(String::as_str).collect();
            let there = if there.is_empty() { "nothing".to_owned() } else { there.join(", ") };
            Err(format!("has no `{column}`; name another column with --column, it has: {there}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn load(name: &str, text: &str) -> Result<Vec<Prompt>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        let loaded = Prompts::load(&file, COLUMN).map(|prompts| prompts.all);
        loaded.map_err(|error| {
            error.to_string().replace(&format!("{}/", folder.path().display()), "")
        })
    }

    #[test]
    fn both_forms_are_read() {
        let text = |text: &str| Prompt::Text(text.to_owned());
        assert_eq!(load("p.txt", "one\n\n  two \r\n"), Ok(vec![text("one"), text("  two")]));
        let lines = "{\"prompt\": \"one\", \"id\": 7}\n\n{\"prompt_tokens\": [3, 4]}\n";
        assert_eq!(load("p.jsonl", lines), Ok(vec![text("one"), Prompt::Tokens(vec![3, 4])]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let told = [
            load("p.jsonl", "{\"prompt\": \"one\"}\n{\"prompt\": 7}\n"),
            load("p.jsonl", "{\"prompt\": \"one\"}\n\n[1]\n"),
            load("p.jsonl", "one\n"),
            load("p.jsonl", "{\"question\": \"one\", \"answer\": \"1\"}\n"),
            load("p.jsonl", "{\"prompt\": \"one\", \"settings\": {\"top_k\": 1}}\n"),
            load("p.jsonl", "{\"prompt\": \"one\", \"prompt_tokens\": [1]}\n"),
            load("p.jsonl", "{\"prompt_tokens\": []}\n"),
            load("p.jsonl", "\n"),
            load("p.csv", "one\n"),
        ];
        let told: Vec<String> = told.into_iter().map(Result::unwrap_err).collect();
        insta::assert_snapshot!(told.join("\n"), @"
        p.jsonl:2: `prompt` must be text, and is 7
        p.jsonl:3: must be a JSON object, and is [1]
        p.jsonl:1: is no JSON: expected value at column 1
        p.jsonl:1: has no `prompt`; name another column with --column, it has: question, answer
        p.jsonl:1: has settings of its own; a measured run has one set for all; take them out, and give --set or --config
        p.jsonl:1: has both `prompt` and `prompt_tokens`; keep one of them
        p.jsonl:1: `prompt_tokens` must be a list of token ids, and is []
        p.jsonl: has no prompt; write one a line
        p.csv: `.csv` is no form of prompts; give a text file (.txt, a prompt a line) or JSONL (.jsonl, an object a line)
        ");
    }

    #[test]
    fn fewer_prompts_than_wanted_begin_again() {
        let prompts = Prompts {
            source: PromptSource::BuiltIn,
            all: vec![Prompt::Tokens(vec![1]), Prompt::Tokens(vec![2])],
        };
        let taken = |count| -> Vec<Prompt> { prompts.taken(count) };
        assert_eq!(taken(None), prompts.all);
        assert_eq!(taken(Some(1)), prompts.all[..1]);
        assert_eq!(taken(Some(3))[2], prompts.all[0]);
    }

    proptest! {
        /// Whatever a line is, it is a prompt or a problem with its number, and never left out.
        #[test]
        fn no_line_is_lost(lines in prop::collection::vec("[ -~]{0,40}", 0..6)) {
            let text = lines.join("\n");
            let filled = lines.iter().filter(|line| !line.trim().is_empty()).count();
            match jsonl(&text, COLUMN) {
                Ok(prompts) => prop_assert_eq!(prompts.len(), filled),
                Err((line, _)) => prop_assert!((1..=lines.len()).contains(&line)),
            }
        }
    }
}
