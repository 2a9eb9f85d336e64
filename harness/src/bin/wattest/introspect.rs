//! `wattest introspect`: the surface of an engine, and what changed between two of them.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, builder::PossibleValuesParser};
use wattest::introspect::{self, ENGINES};
use wattest::schema::{Change, ChangeKind, Surface, changes};
use wattest_harness::{Exit, console};

use crate::output::{Answer, Format, Stop};

#[derive(Debug, Args)]
pub(crate) struct Introspect {
    /// The backend whose engine is asked.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(ENGINES))]
    #[arg(required_unless_present = "diff")]
    backend: Option<String>,
    /// The interpreter that has the engine installed; without, that of VIRTUAL_ENV, or python3.
    #[arg(long, env = "WATTEST_PYTHON", value_name = "FILE")]
    python: Option<PathBuf>,
    /// The source tree of an engine that cannot be imported here (tensorrt).
    #[arg(long, value_name = "DIR", required_if_eq("backend", "tensorrt"))]
    source: Option<PathBuf>,
    /// Where the surface is written; `-` for the standard output. Without, a file of its own in
    /// `upstream/` of the parameter files.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Folder of the parameter files.
    #[arg(long, env = "WATTEST_PARAMS", default_value = "params", value_name = "DIR")]
    params: PathBuf,
    /// Tell what is other in NEW than in OLD, two files of surfaces, and ask no engine.
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with = "backend")]
    diff: Option<Vec<PathBuf>>,
    /// With --diff: fail where NEW has names that OLD has not.
    #[arg(long, requires = "diff")]
    fail_on_new_param: bool,
    /// With --diff: fail where NEW differs from OLD in anything.
    #[arg(long, requires = "diff")]
    fail_on_change: bool,
    /// Form of what --diff prints.
    #[arg(long, value_enum, default_value_t, requires = "diff")]
    format: Format,
}

pub(crate) fn answer(command: &Introspect) -> Answer {
    match (command.diff.as_deref(), &command.backend) {
        (Some([old, new]), _) => diff(command, old, new),
        (_, Some(backend)) => ask(command, backend),
        _ => Err(Stop::fault("name an engine with --backend, or two files with --diff")),
    }
}

fn ask(command: &Introspect, backend: &str) -> Answer {
    let python = command.python.clone().unwrap_or_else(interpreter);
    let surface =
        introspect::introspect(backend, &python, command.source.as_deref()).map_err(Stop::fault)?;
    let text = surface.to_yaml();
    let file = match &command.out {
        Some(file) if file.as_os_str() == "-" => {
            std::io::stdout().lock().write_all(text.as_bytes())?;
            return Ok(Exit::Ok);
        }
        Some(file) => file.clone(),
        None => {
            let name = format!("{}-{}.yaml", surface.engine, surface.version);
            command.params.join("upstream").join(name)
        }
    };
    let write = || {
        file.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(&file, &text)
    };
    write().map_err(|error| Stop::fault(format!("{}: {error}", file.display())))?;
    let count = surface.params.len();
    writeln!(std::io::stdout(), "{}: {count} parameters of {}", file.display(), surface.title())?;
    Ok(Exit::Ok)
}

/// The interpreter of the virtual environment at hand, or else the one that the shell finds.
fn interpreter() -> PathBuf {
    match std::env::var_os("VIRTUAL_ENV") {
        Some(folder) => Path::new(&folder).join("bin/python"),
        None => "python3".into(),
    }
}

fn diff(command: &Introspect, old: &Path, new: &Path) -> Answer {
    let load = |file: &Path| {
        Surface::load(file)
            .map_err(|faults| Stop::Faults(faults.iter().map(ToString::to_string).collect()))
    };
    let found = changes(&load(old)?, &load(new)?);
    let mut out = std::io::stdout().lock();
    match command.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &found).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        Format::Text => found.iter().try_for_each(|one| writeln!(out, "{}", told(one)))?,
    }
    out.flush()?;
    let added: Vec<&str> = found
        .iter()
        .filter(|change| change.kind == ChangeKind::Added)
        .map(|change| change.path.as_str())
        .collect();
    let fault = if command.fail_on_new_param && !added.is_empty() {
        let names = added.join(", ");
        format!(
            "has names that {} has not: {names}; give each a row in the parameter file",
            old.display()
        )
    } else if command.fail_on_change && !found.is_empty() {
        format!("is not {}: {} changes; introspect the engine anew", old.display(), found.len())
    } else {
        return Ok(Exit::Ok);
    };
    console::faults(&[format!("{} {fault}", new.display())]);
    Ok(Exit::Failed)
}

/// A change for people.
fn told(change: &Change) -> String {
    match &change.kind {
        ChangeKind::Added => format!("added    {}", change.path),
        ChangeKind::Removed => format!("removed  {}", change.path),
        ChangeKind::Altered { what, old, new } => {
            format!("altered  {}: {what} {old} -> {new}", change.path)
        }
    }
}
