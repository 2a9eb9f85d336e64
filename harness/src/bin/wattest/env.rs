//! `wattest env` and `wattest diff-env`: the snapshot of this machine, and how two differ.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use wattest::backends;
use wattest::energy::{self, sources};
use wattest::environment::{Environment, differences};
use wattest_harness::{Exit, console, folder};

use crate::output::{Answer, Format, Stop};

/// Under which key of a JSON object a snapshot may stand: of `wattest env` and of a run, of a
/// measured run.
const KEYS: [&str; 2] = ["environment", "environment_snapshot"];

#[derive(Debug, Args)]
pub(crate) struct Env {
    /// The interpreter whose packages are listed; without, that of VIRTUAL_ENV or of
    /// scripts/engines, where this build has the feature `python`.
    #[arg(long, env = "WATTEST_PYTHON", value_name = "FILE")]
    python: Option<PathBuf>,
    /// The NVML library, in place of the one that the loader finds.
    #[arg(long, env = "WATTEST_NVML", value_name = "FILE")]
    nvml: Option<PathBuf>,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct DiffEnv {
    /// A run (its name, its folder, or `latest`), or a file with a snapshot: of `wattest env
    /// --format json`, or `result.json`.
    a: String,
    /// As A; or `here` for this machine now.
    #[arg(default_value = "here")]
    b: String,
    /// The NVML library that is asked where `here` is compared.
    #[arg(long, env = "WATTEST_NVML", value_name = "FILE")]
    nvml: Option<PathBuf>,
    /// Fail where there is any difference.
    #[arg(long)]
    fail_on_change: bool,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn answer(command: &Env) -> Answer {
    let environment = taken(command.python.clone(), command.nvml.as_deref());
    let mut out = std::io::stdout().lock();
    match command.format {
        Format::Text => write!(out, "{environment}")?,
        Format::Json => {
            let hash = environment.hash();
            let all = serde_json::json!({ "hash": hash, "environment": environment });
            serde_json::to_writer_pretty(&mut out, &all).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    Ok(Exit::Ok)
}

fn taken(python: Option<PathBuf>, nvml: Option<&Path>) -> Environment {
    let options = backends::Options { python, ..backends::Options::default() };
    let sources =
        sources::open(&energy::Options { nvml: nvml.map(Path::to_owned), ..Default::default() });
    Environment::take(backends::interpreter(&options).as_deref()).with_nvml(sources.facts())
}

pub(crate) fn diff(command: &DiffEnv) -> Answer {
    let load = |name: &str| load(name, command.nvml.as_deref());
    let (a, b) = match (load(&command.a), load(&command.b)) {
        (Ok(a), Ok(b)) => (a, b),
        (a, b) => return Err(Stop::Faults([a.err(), b.err()].into_iter().flatten().collect())),
    };
    let found = differences(&a, &b);
    let mut out = std::io::stdout().lock();
    match command.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &found).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        Format::Text if found.is_empty() => writeln!(out, "no difference: both are {}", a.hash())?,
        Format::Text => found.iter().try_for_each(|one| writeln!(out, "{one}"))?,
    }
    out.flush()?;
    if command.fail_on_change && !found.is_empty() {
        let n = found.len();
        let differences =
            if n == 1 { "1 difference".to_owned() } else { format!("{n} differences") };
        console::faults(&[format!("{} is not {}: {differences}", command.b, command.a)]);
        return Ok(Exit::Failed);
    }
    Ok(Exit::Ok)
}

/// The snapshot that `name` stands for.
fn load(name: &str, nvml: Option<&Path>) -> Result<Environment, String> {
    if name == "here" {
        return Ok(taken(None, nvml));
    }
    let path = Path::new(name);
    if !path.is_file() {
        let run = folder::find(name).map_err(|error| format!("{error}, nor a file"))?;
        return Ok(folder::read_info(&run)?.environment);
    }
    let text = fs::read(path).map_err(|error| format!("{name}: cannot be read: {error}"))?;
    let value: Value =
        serde_json::from_slice(&text).map_err(|error| format!("{name}: is no JSON: {error}"))?;
    let found = KEYS.iter().find_map(|key| value.get(key)).unwrap_or(&value);
    // Every field may be missing in a snapshot, so that any object would be an empty one.
    if !found.get("wattest").is_some_and(Value::is_string) {
        return Err(format!(
            "{name}: has no snapshot: neither {}, nor is it one; write one with `wattest env \
             --format json`",
            KEYS.map(|key| format!("`{key}`")).join(" nor ")
        ));
    }
    serde_json::from_value(found.clone())
        .map_err(|error| format!("{name}: its snapshot cannot be read: {error}"))
}
