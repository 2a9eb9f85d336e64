//! The script: what each case does. Pure.
//!
//! ```yaml
//! cases:
//!   warns:
//!     steps:
//!     - stderr: "UserWarning: careful\n"
//!     - stdout: {text: "step\n", repeat: 3}
//!     - stdout: {bytes: [255, 10]}
//!   crashes:
//!     load: [{stdout: "loading\n"}]
//!     steps: [abort]
//!   is_refused:
//!     kind: negative
//!     steps: [{refuse: {rule: "must be something else"}}]
//! ```
//!
//! Each case is `scripted::script=<name>`. A case with `load` steps has an engine of its own; all
//! others share one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::backends::replicas::settings as replicas;
use crate::schema::{Case, Kind, KnownAnswer, Relation, Requirement};
use crate::settings::Settings;
use crate::yaml::{self, YamlError};

/// A script: cases by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Whether a process goes on from engine to engine, until a case does `unfit`.
    #[serde(default)]
    pub keeps_process: bool,
    /// Whether loading fails while there is another engine.
    #[serde(default)]
    pub one_engine: bool,
    /// What each case does.
    pub cases: BTreeMap<String, Act>,
}

/// What one case does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// What is done while the engine is loaded.
    #[serde(default, deserialize_with = "as_json")]
    pub load: Vec<Step>,
    /// What is done when it generates.
    #[serde(default, deserialize_with = "as_json")]
    pub steps: Vec<Step>,
    /// The tokens of every row; without them those of the baseline.
    #[serde(default)]
    pub tokens: Option<Vec<u32>>,
    /// What is expected.
    #[serde(default = "valid")]
    pub kind: Kind,
    /// What must hold against the baseline.
    #[serde(default = "no_relation", deserialize_with = "as_json")]
    pub relation: Relation,
    /// How many replicas of the engine share the prompts.
    #[serde(default)]
    pub num_processes: Option<u64>,
    /// What is known to come of it, where that is not what should.
    #[serde(default)]
    pub known: Option<KnownAnswer>,
    /// What the machine must have.
    #[serde(default, deserialize_with = "as_json")]
    pub requirements: Vec<Requirement>,
}

fn valid() -> Kind {
    Kind::Valid
}

fn no_relation() -> Relation {
    Relation::None
}

/// One deed of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Writes to descriptor 1.
    Stdout(Print),
    /// Writes to descriptor 2.
    Stderr(Print),
    /// Writes so many bytes of lines to descriptor 1, as fast as it can.
    Flood(u64),
    /// Does nothing for so many seconds.
    Sleep(f64),
    /// Does nothing for ever.
    Hang,
    /// Ends the process with this exit code.
    Exit(i32),
    /// Aborts the process.
    Abort,
    /// Ends the process by SIGSEGV.
    Segfault,
    /// Ends the process by this signal.
    Signal(i32),
    /// Panics with this message.
    Panic(String),
    /// Closes descriptors 1 and 2.
    CloseDescriptors,
    /// Starts a process that outlives the case.
    LeaveChild {
        /// How long it runs.
        seconds: u32,
        /// What it prints when it starts.
        #[serde(default)]
        prints: String,
        /// Whether its parent ends, so that it is left to whoever adopts orphans.
        #[serde(default)]
        orphan: bool,
        /// Whether it has a process group of its own.
        #[serde(default)]
        detached: bool,
    },
    /// A thread that prints this when the engine is dropped: after the end of the case.
    Late(String),
    /// Ends the process with this exit code when the engine is dropped.
    ExitLate(i32),
    /// A thread that waits until somebody opens a named pipe for writing, and prints then.
    LateOn {
        /// The named pipe that it reads.
        pipe: PathBuf,
        /// The file that it makes when it has printed.
        done: PathBuf,
        /// What it prints.
        prints: String,
    },
    /// Refuses the value.
    Refuse {
        /// By which rule.
        rule: String,
    },
    /// Fails with this message.
    Fail(String),
    /// Fails for lack of memory, with this message.
    OutOfMemory(String),
    /// Lets each token of the case take so many seconds.
    SlowTokens(f64),
    /// Makes the process unfit for another engine.
    Unfit,
    /// Does this in one replica only.
    InReplica {
        /// In which, from 0.
        number: usize,
        /// What it does.
        steps: Vec<Step>,
    },
}

/// What is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Print {
    /// This text.
    Text(String),
    /// Text or bytes, repeated.
    Repeated(Repeated),
}

/// Text or bytes, some times over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeated {
    /// The text.
    #[serde(default)]
    pub text: String,
    /// Bytes after the text: they need not be UTF-8.
    #[serde(default)]
    pub bytes: Vec<u8>,
    /// How often.
    #[serde(default = "once")]
    pub repeat: usize,
}

fn once() -> usize {
    1
}

impl Print {
    /// The bytes to write.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Repeated(Repeated { text, bytes, repeat }) => {
                [text.as_bytes(), bytes].concat().repeat(*repeat)
            }
        }
    }
}

/// The parameter that a script's cases are values of.
pub(super) const PARAMETER: &str = "script";

/// The backend's name.
pub(super) const BACKEND: &str = "scripted";

impl Script {
    /// Reads the script in `file`.
    ///
    /// # Errors
    /// [`YamlError`] with file and line.
    pub fn load(file: &Path) -> Result<Self, YamlError> {
        Ok(yaml::read(file)?.0)
    }

    /// The baseline and the cases, in the order of their names.
    pub fn cases(&self) -> Vec<Case> {
        let baseline = Case {
            name: format!("{BACKEND}::@baseline"),
            backend: BACKEND.to_owned(),
            kind: Kind::Baseline,
            parameter: None,
            value: None,
            settings: Settings::new(),
            reference: Settings::new(),
            load_paths: Vec::new(),
            relation: Relation::None,
            requirements: Vec::new(),
            alias: None,
            known: None,
        };
        let cases = self.cases.iter().map(|(name, act)| act.case(name));
        std::iter::once(baseline).chain(cases).collect()
    }
}

impl Act {
    fn case(&self, name: &str) -> Case {
        let mut settings: Settings = [(PARAMETER, name)].into_iter().collect();
        let mut load_paths = match self.load.is_empty() {
            true => Vec::new(),
            false => vec![PARAMETER.to_owned()],
        };
        if let Some(count) = self.num_processes {
            settings.set(replicas::PARAMETER, count);
            load_paths.push(replicas::PARAMETER.to_owned());
        }
        let mark = if self.kind == Kind::Negative { "!" } else { "" };
        Case {
            name: format!("{BACKEND}::{mark}{PARAMETER}={name}"),
            backend: BACKEND.to_owned(),
            kind: self.kind,
            parameter: Some(PARAMETER.to_owned()),
            value: Some(Value::from(name)),
            settings,
            reference: Settings::new(),
            load_paths,
            relation: self.relation.clone(),
            requirements: self.requirements.clone(),
            alias: None,
            known: self.known.clone(),
        }
    }
}

/// YAML's own notation of an enum is a tag (`!exit 3`). A script reads better with `exit: 3`,
/// which is that of JSON.
fn as_json<'de, D: Deserializer<'de>, T: DeserializeOwned>(source: D) -> Result<T, D::Error> {
    let value = Value::deserialize(source)?;
    serde_json::from_value(value).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Script, YamlError> {
        yaml::parse(Path::new("script.yaml"), text).map(|(script, _)| script)
    }

    #[test]
    fn steps_are_written_as_keys_or_bare_words() {
        let script = parse(
            "cases:\n  a:\n    load: [{stdout: hi}]\n    steps:\n    - abort\n    - exit: 3\n    \
             - stderr: {text: x, bytes: [255], repeat: 2}\n    - leave_child: {seconds: 9}\n    \
             relation: {equals: b}\n    requirements: [{devices: 2}]\n",
        )
        .unwrap();
        let act = &script.cases["a"];
        assert_eq!(act.steps[..2], [Step::Abort, Step::Exit(3)]);
        let Step::Stderr(print) = &act.steps[2] else { panic!("{act:?}") };
        assert_eq!(print.bytes(), b"x\xffx\xff");
        let case = &script.cases()[1];
        assert_eq!(case.name, "scripted::script=a");
        assert_eq!(case.load_paths, ["script"]);
        assert_eq!(case.relation, Relation::Equals("b".to_owned()));
        assert_eq!(case.requirements, [Requirement::Devices(2)]);
    }

    #[test]
    fn an_unknown_step_is_an_error_with_its_place() {
        let error = parse("cases:\n  a:\n    steps: [explode]\n").unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("script.yaml:3: "), "{text}");
        assert!(text.contains("unknown variant `explode`"), "{text}");
    }
}
