//! Which interpreter an engine is to run in, and what it says of itself.

use std::env;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags};
use serde::Deserialize;

use super::adapter::Adapter;
use super::libtorch;
use crate::backends::Availability;

/// Where `scripts/engines` puts an environment, in the root of a checkout.
const ENGINES: &str = "target/engines/bin/python";

/// What the interpreter is asked: nothing is imported that is not in its standard library.
const QUESTION: &str = r#"
import importlib.util, json, site, sys
sys.path[:] = [one for one in sys.path if one]
found = importlib.util.find_spec(sys.argv[1])
folders = site.getsitepackages() + ([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])
print("\n" + json.dumps({
    "implementation": sys.implementation.name, "version": list(sys.version_info[:3]),
    "prefix": sys.prefix, "base_prefix": sys.base_prefix, "executable": sys.executable,
    "site_packages": [one for one in folders if one in sys.path],
    "package": found and (found.origin or str(list(found.submodule_search_locations or [])[0])),
}))
"#;

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// An interpreter as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Interpreter {
    /// `cpython` is the only one that can be in this process.
    pub(super) implementation: String,
    /// Its version: major, minor, micro.
    pub(super) version: [u32; 3],
    /// The environment.
    pub(super) prefix: PathBuf,
    /// The installation that the environment was made of.
    pub(super) base_prefix: PathBuf,
    /// The interpreter in the environment.
    pub(super) executable: PathBuf,
    /// Where packages of the environment lie.
    pub(super) site_packages: Vec<PathBuf>,
    /// Where the package that was asked for lies; none where there is none.
    pub(super) package: Option<PathBuf>,
}

/// Where the choice of an interpreter comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Option,
    Environment,
    Checkout,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Option => "of --python",
            Self::Environment => "of VIRTUAL_ENV",
            Self::Checkout => "of `scripts/engines`",
        })
    }
}

/// Why an interpreter cannot be used, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unfit {
    pub(super) reason: String,
    pub(super) remedy: String,
}

impl From<Unfit> for Availability {
    fn from(unfit: Unfit) -> Self {
        Self::Off { reason: unfit.reason, remedy: unfit.remedy }
    }
}

impl Interpreter {
    /// The interpreter to use for the engine of `adapter`: the one `named`, else that of the virtual
    /// environment at hand, else that of `scripts/engines` where it is there.
    ///
    /// # Errors
    /// Where there is none, it does not answer, it lacks the package, or it cannot be this
    /// process: another version than the one that is linked, another libtorch than the one that is
    /// here already.
    pub(super) fn find(named: Option<&Path>, adapter: &Adapter) -> Result<Self, Unfit> {
        let (file, origin) = choice(named).ok_or_else(|| Unfit {
            reason: "no Python environment is named".to_owned(),
            remedy: adapter.remedy.to_owned(),
        })?;
        let found = ask(&file, adapter.package).map_err(|error| Unfit {
            reason: format!("the interpreter {origin}, {}, {error}", file.display()),
            remedy: "name an interpreter with --python, or run `scripts/engines`".to_owned(),
        })?;
        found.fits(env!("WATTEST_PYTHON_VERSION"))?;
        if found.package.is_none() {
            let file = file.display();
            return Err(Unfit {
                reason: format!(
                    "the interpreter {origin}, {file}, has no package `{}`",
                    adapter.package
                ),
                remedy: adapter.remedy.to_owned(),
            });
        }
        match libtorch::mapped() {
            Some(folder) if !libtorch::is_of(&folder, &found.site_packages) => Err(Unfit {
                reason: format!(
                    "this program is linked with the libtorch in {}, and that of {} cannot be \
                     loaded beside it",
                    folder.display(),
                    found.prefix.display()
                ),
                remedy: "build without `--features torch`, or link the same: run \
                         `LIBTORCH_USE_PYTORCH=1 scripts/libtorch` with that environment activated"
                    .to_owned(),
            }),
            _ => Ok(found),
        }
    }

    /// Whether it is of version `linked` (`major.minor`), the one of libpython in this program.
    fn fits(&self, linked: &str) -> Result<(), Unfit> {
        let [major, minor, micro] = self.version;
        if self.implementation == "cpython" && linked == format!("{major}.{minor}") {
            return Ok(());
        }
        Err(Unfit {
            reason: format!(
                "{} is {} {major}.{minor}.{micro}, and this program is linked with CPython {linked}",
                self.executable.display(),
                self.implementation
            ),
            remedy: format!(
                "name an environment of CPython {linked} with --python, or build anew with \
                 PYO3_PYTHON={}",
                self.executable.display()
            ),
        })
    }
}

/// The interpreter to use, where there is one: that which is `named` goes first.
pub(in crate::backends) fn chosen(named: Option<&Path>) -> Option<PathBuf> {
    choice(named).map(|(file, _)| file)
}

fn choice(named: Option<&Path>) -> Option<(PathBuf, Origin)> {
    let in_environment = env::var_os("VIRTUAL_ENV").filter(|folder| !folder.is_empty());
    choose(named, in_environment.map(PathBuf::from), Path::new(ENGINES))
}

/// The interpreter to use and where that comes from.
fn choose(
    named: Option<&Path>,
    environment: Option<PathBuf>,
    of_checkout: &Path,
) -> Option<(PathBuf, Origin)> {
    if let Some(named) = named {
        return Some((named.to_owned(), Origin::Option));
    }
    if let Some(folder) = environment {
        return Some((folder.join("bin/python"), Origin::Environment));
    }
    of_checkout.exists().then(|| (of_checkout.to_owned(), Origin::Checkout))
}

/// What the interpreter in `file` says, in words that go behind its name where it says nothing.
fn ask(file: &Path, package: &str) -> Result<Interpreter, String> {
    let answer = answer(file, package).map_err(|error| format!("cannot be asked: {error}"))?;
    let line = answer.lines().rfind(|line| !line.is_empty()).unwrap_or_default();
    serde_json::from_str(line).map_err(|_| {
        let told = answer.trim();
        let told = if told.is_empty() { "nothing" } else { told };
        format!("is no Python 3: asked what it is, it said {told}")
    })
}

/// What a process of it writes.
fn answer(file: &Path, package: &str) -> io::Result<String> {
    let mut child = Command::new(file)
        // No bytecode is left behind.
        .args(["-B", "-c", QUESTION, package])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let handle = rustix::process::pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    let limit = Timespec::try_from(PATIENCE).map_err(io::Error::other)?;
    let mut polled = [PollFd::new(&handle, PollFlags::IN)];
    if rustix::event::poll(&mut polled, Some(&limit))? == 0 {
        child.kill()?;
        child.wait()?;
        return Err(io::Error::other(format!("no answer within {PATIENCE:?}")));
    }
    child.wait()?;
    // It is shorter than what a pipe holds; what it has left behind may hold the pipe open.
    let mut text = vec![0; 64 << 10];
    let mut pipe = child.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?;
    let length = pipe.read(&mut text)?;
    Ok(String::from_utf8_lossy(&text[..length]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interpreter(version: [u32; 3]) -> Interpreter {
        Interpreter {
            implementation: "cpython".to_owned(),
            version,
            prefix: "/env".into(),
            base_prefix: "/usr".into(),
            executable: "/env/bin/python".into(),
            site_packages: Vec::new(),
            package: None,
        }
    }

    #[test]
    fn what_is_named_goes_first_and_what_is_not_there_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().join("python");
        assert_eq!(choose(None, None, &here), None);
        std::fs::write(&here, "").unwrap();
        let named = Path::new("/named");
        let choice = |named, venv: Option<&str>| choose(named, venv.map(PathBuf::from), &here);
        assert_eq!(choice(None, None), Some((here.clone(), Origin::Checkout)));
        let (file, origin) = choice(None, Some("/env")).unwrap();
        assert_eq!((file.as_path(), origin), (Path::new("/env/bin/python"), Origin::Environment));
        assert_eq!(choice(Some(named), Some("/env")).unwrap().0, named);
    }

    #[test]
    fn another_version_is_told_with_both_and_a_way_out() {
        assert_eq!(interpreter([3, 11, 2]).fits("3.11"), Ok(()));
        let Unfit { reason, remedy } = interpreter([3, 12, 1]).fits("3.11").unwrap_err();
        insta::assert_snapshot!(
            format!("{reason}\n{remedy}"),
            @r"
        /env/bin/python is cpython 3.12.1, and this program is linked with CPython 3.11
        name an environment of CPython 3.11 with --python, or build anew with PYO3_PYTHON=/env/bin/python
        "
        );
        let other = Interpreter { implementation: "pypy".to_owned(), ..interpreter([3, 11, 0]) };
        assert!(other.fits("3.11").is_err());
    }

    #[test]
    fn what_is_no_interpreter_is_told_with_what_it_said() {
        let told = |file: &str| ask(Path::new(file), "x").unwrap_err();
        insta::assert_snapshot!(told("/nowhere"), @"cannot be asked: No such file or directory (os error 2)");
        insta::assert_snapshot!(told("/bin/true"), @"is no Python 3: asked what it is, it said nothing");
    }
}
