//! A throw-away folder, the binary run in it, and what came of it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use quick_junit::{Report, TestCase, TestCaseStatus};
use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own, in which commands run.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// One with `script.yaml`.
    pub(crate) fn with_script(script: &str) -> Self {
        let place = Self::new();
        place.write("script.yaml", script);
        place
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in it, and the folders around it.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let file = self.path(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// Reads a file in it.
    pub(crate) fn read(&self, name: &str) -> String {
        let file = self.path(name);
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// A JSON file in it.
    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    /// The JUnit report of the run in `out`, read by the reader of quick-junit.
    pub(crate) fn junit(&self) -> Junit {
        Junit(Report::deserialize_from_str(&self.read("out/junit.xml")).unwrap())
    }

    /// The command, not started yet, in a clean environment.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wattest"));
        command.args(words).current_dir(self.folder.path());
        for (name, _) in std::env::vars() {
            let ours =
                ["WATTEST_", "NEXTEST", "RUST_TEST_"].iter().any(|one| name.starts_with(one));
            if ours || name == "CARGO_TARGET_DIR" {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs the command to its end.
    pub(crate) fn wattest(&self, words: &[&str]) -> Run {
        Run::of(words, self.command(words).output().unwrap())
    }

    /// `wattest test` over the script, into `out`.
    pub(crate) fn scripted(&self, words: &[&str]) -> Run {
        let own = ["test", "--backend", "scripted", "--script", "script.yaml", "--out", "out"];
        self.wattest(&[&own, words].concat())
    }

    /// `wattest test` over candle with the parameters that the project ships, into `out`.
    pub(crate) fn candle(&self, words: &[&str]) -> Run {
        self.candle_with(words, |_| {})
    }

    /// The same, in an environment that `change` has changed.
    pub(crate) fn candle_with(&self, words: &[&str], change: impl FnOnce(&mut Command)) -> Run {
        let params = params();
        let own = ["test", "--params", &params, "--backend", "candle", "--out", "out"];
        let words = [&own, words].concat();
        let mut command = self.command(&words);
        change(&mut command);
        Run::of(&words, command.output().unwrap())
    }
}

/// The folder of the parameter files that the project ships.
pub(crate) fn params() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../params");
    folder.canonicalize().unwrap().display().to_string()
}

/// `place` with a copy of these files, as `params`.
pub(crate) fn params_in(place: Place) -> Place {
    let mut folders = vec![PathBuf::from(params())];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(params()).unwrap().display().to_string();
            place.write(&format!("params/{name}"), &std::fs::read_to_string(&path).unwrap());
        }
    }
    place
}

/// The text of a parameter file without the entry of `param`.
pub(crate) fn without(text: &str, param: &str) -> String {
    let start = text.find(&format!("- path: {param}\n")).unwrap();
    let end = text[start..].find("\n\n").unwrap();
    format!("{}{}", &text[..start], &text[start + end + 2..])
}

/// A command that ran to its end. Its `Debug` is the transcript.
pub(crate) struct Run {
    words: Vec<String>,
    /// The exit code; -1 where a signal ended it.
    pub(crate) code: i32,
    /// What it wrote.
    pub(crate) stdout: String,
    /// What it wrote.
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(words: &[&str], output: Output) -> Self {
        Self {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// Asserts that stdout has `text`.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "stdout lacks {text:?}\n{self:?}");
        self
    }

    /// Asserts that stderr has `text`.
    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "stderr lacks {text:?}\n{self:?}");
        self
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ wattest {}", self.words.join(" "))?;
        writeln!(f, "{}--- stderr\n{}--- exit code {}", self.stdout, self.stderr, self.code)
    }
}

/// A JUnit report that was read back.
pub(crate) struct Junit(pub(crate) Report);

impl Junit {
    /// All test cases.
    pub(crate) fn cases(&self) -> Vec<&TestCase> {
        self.0.test_suites.iter().flat_map(|suite| &suite.test_cases).collect()
    }

    /// The test case `name`.
    #[track_caller]
    pub(crate) fn case(&self, name: &str) -> &TestCase {
        let found = self.cases().into_iter().find(|case| case.name.as_str() == name);
        found.unwrap_or_else(|| panic!("junit.xml has no {name}"))
    }

    /// Its failure or error: type and text; none where it passed or was skipped.
    pub(crate) fn failure(&self, name: &str) -> Option<(String, String)> {
        match &self.case(name).status {
            TestCaseStatus::NonSuccess { ty, description, .. } => {
                let text = |one: &Option<quick_junit::XmlString>| {
                    one.as_ref().map(|text| text.as_str().to_owned()).unwrap_or_default()
                };
                Some((text(ty), text(description)))
            }
            _ => None,
        }
    }
}
