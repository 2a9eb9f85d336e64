//! Whether a package of Python is there, without importing it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What an interpreter is asked. The folder that it happens to run in holds no packages.
const QUESTION: &str = "\
import importlib.util, sys
sys.path[:] = [one for one in sys.path if one]
sys.exit(0 if importlib.util.find_spec(sys.argv[1]) else 3)
";

/// The exit code for a package that is not there.
const ABSENT: i32 = 3;

/// The packages that were asked for: each once.
#[derive(Debug, Default)]
pub(super) struct Packages {
    /// The interpreter of the engines in Python; none where none is chosen.
    interpreter: Option<PathBuf>,
    /// By name, why it is missing; none where it is there.
    asked: BTreeMap<String, Option<String>>,
}

impl Packages {
    /// Those of `interpreter`.
    pub(super) fn new(interpreter: Option<PathBuf>) -> Self {
        Self { interpreter, asked: BTreeMap::new() }
    }

    /// Why a case that needs the package `name` cannot run; none where it is there.
    pub(super) fn missing(&mut self, name: &str) -> Option<String> {
        if let Some(known) = self.asked.get(name) {
            return known.clone();
        }
        let missing = ask(self.interpreter.as_deref(), name)
            .map(|found| format!("needs the Python package `{name}`, {found}"));
        self.asked.insert(name.to_owned(), missing.clone());
        missing
    }
}

/// What was found in place of the package `name`; none where it is there.
fn ask(interpreter: Option<&Path>, name: &str) -> Option<String> {
    // To look for a module of a package is to import the package.
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Some("which is no name of one: letters, digits and _".to_owned());
    }
    let Some(file) = interpreter else {
        return Some("and no interpreter is named to look in: give --python".to_owned());
    };
    let mut command = Command::new(file);
    command.args(["-B", "-c", QUESTION, name]).stdin(Stdio::null());
    let file = file.display();
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return Some(format!("and {file} cannot be asked for it: {error}")),
    };
    match output.status.code() {
        Some(0) => None,
        Some(ABSENT) => Some(format!("which {file} does not have")),
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().rfind(|line| !line.is_empty()).unwrap_or("nothing");
            let status = output.status;
            Some(format!("and {file}, asked for it, ended with {status} and said: {said}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skip_says_what_was_found_in_its_place() {
        let told = |interpreter: Option<&str>, name| {
            Packages::new(interpreter.map(PathBuf::from)).missing(name).unwrap()
        };
        insta::assert_snapshot!(told(None, "ray"), @"needs the Python package `ray`, and no interpreter is named to look in: give --python");
        insta::assert_snapshot!(told(None, "os.path"), @"needs the Python package `os.path`, which is no name of one: letters, digits and _");
        insta::assert_snapshot!(told(Some("/nowhere"), "ray"), @"needs the Python package `ray`, and /nowhere cannot be asked for it: No such file or directory (os error 2)");
        insta::assert_snapshot!(told(Some("/bin/false"), "ray"), @"needs the Python package `ray`, and /bin/false, asked for it, ended with exit status: 1 and said: nothing");
    }

    /// An interpreter that has one package, and notes each time that it is asked.
    #[test]
    fn each_package_is_asked_for_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("python");
        let notes = dir.path().join("notes");
        let script = format!(
            "#!/bin/sh\necho \"$4\" >> {}\n[ \"$4\" = here ] || exit {ABSENT}\n",
            notes.display()
        );
        // What this process has open for writing cannot be run, also by way of another thread.
        let write = r#"printf %s "$1" > "$0" && chmod +x "$0""#;
        let mut writer = Command::new("sh");
        writer.arg("-c").arg(write).arg(&file).arg(script);
        assert!(writer.status().unwrap().success());
        let mut packages = Packages::new(Some(file.clone()));
        for _ in 0..3 {
            assert_eq!(packages.missing("here"), None);
            let missing = packages.missing("away").unwrap();
            assert!(missing.ends_with(&format!("which {} does not have", file.display())));
        }
        assert_eq!(std::fs::read_to_string(notes).unwrap(), "here\naway\n");
    }
}
