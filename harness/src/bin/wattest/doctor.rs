//! `wattest doctor`: what is ready here, and what to do about the rest.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use wattest::backends::{self, Availability};
use wattest::energy::{self, Probe, Sources, sources};
use wattest::environment::{Environment, Machine};
use wattest::preflight::{self, Check, ModelNeed, Needs, NoCuda, Outcome, Reader};
use wattest_harness::options::Options;
use wattest_harness::{Exit, console, folder, inputs};

use crate::output::{Answer, Format, Stop};

/// What `--help` ends with.
const NEEDED: &str = "\
Needed are the parameter files, the issues file where there is one, room where runs are written, at \
least one backend that runs a model, and what is named: the backends of --backend, the model of \
--model, CUDA with --cuda. What is not needed and not there is `off`, and no fault.

Exit codes: 0 all that is needed is there, 1 something needed is broken.";

#[derive(Debug, Args)]
#[command(after_help = NEEDED)]
pub(crate) struct Doctor {
    /// A backend that is needed; may be repeated.
    #[arg(long, value_name = "NAME")]
    backend: Vec<String>,
    /// The model that is needed: a directory, or the id of one in the local cache of the hub.
    #[arg(long, env = "WATTEST_MODEL", value_name = "DIR")]
    model: Option<PathBuf>,
    /// CUDA is needed.
    #[arg(long)]
    cuda: bool,
    /// Folder of the parameter files.
    #[arg(long, env = "WATTEST_PARAMS", default_value = "params", value_name = "DIR")]
    params: PathBuf,
    /// Issues file.
    #[arg(long, env = "WATTEST_ISSUES", value_name = "FILE")]
    issues: Option<PathBuf>,
    /// The interpreter with the engines in Python; without, that of VIRTUAL_ENV or of
    /// scripts/engines.
    #[arg(long, env = "WATTEST_PYTHON", value_name = "FILE")]
    python: Option<PathBuf>,
    /// The NVML library, in place of the one that the loader finds.
    #[arg(long, env = "WATTEST_NVML", value_name = "FILE")]
    nvml: Option<PathBuf>,
    /// The powercap tree, in place of `/sys/class/powercap`.
    #[arg(long, env = "WATTEST_POWERCAP", value_name = "DIR")]
    powercap: Option<PathBuf>,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How a thing is that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// There.
    Ok,
    /// There, and not as good as it could be.
    Warning,
    /// Not there, and not needed.
    Off,
    /// Needed, and not there.
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Row {
    what: String,
    state: State,
    found: String,
    remedy: Option<String>,
}

pub(crate) fn answer(command: &Doctor) -> Answer {
    let machine = Machine::here();
    let options = backends::Options { python: command.python.clone(), ..Default::default() };
    let mut rows = of_backends(command, &options);
    rows.extend(of_files(command));
    let sources = sources::open(&energy::Options {
        off: false,
        nvml: command.nvml.clone(),
        powercap: command.powercap.clone(),
    });
    let checks = preflight::run_preflight(&needs(command, &sources), &machine);
    rows.extend(checks.into_iter().map(Row::from));
    if !command.cuda {
        rows.push(match preflight::cuda(&machine) {
            Ok(found) => Row { what: "CUDA".to_owned(), state: State::Ok, found, remedy: None },
            Err(NoCuda { problem, remedy }) => Row {
                what: "CUDA".to_owned(),
                state: State::Off,
                found: problem,
                remedy: Some(remedy),
            },
        });
    }
    rows.extend(sources.probes.iter().map(Row::from));
    let environment =
        Environment::take(backends::interpreter(&options).as_deref()).with_nvml(sources.facts());
    let gpus = environment.gpu_details.iter().enumerate();
    rows.extend(gpus.map(|(place, gpu)| Row {
        what: format!("GPU {place}"),
        state: State::Ok,
        found: gpu.to_string(),
        remedy: None,
    }));
    print(command.format, &rows, &sources, &environment)?;
    let broken = rows.iter().filter(|row| row.state == State::Broken);
    let broken: Vec<String> = broken.map(|row| format!("{}: {}", row.what, row.found)).collect();
    if broken.is_empty() {
        return Ok(Exit::Ok);
    }
    console::faults(&broken);
    Ok(Exit::Broken)
}

fn print(
    format: Format,
    rows: &[Row],
    sources: &Sources,
    environment: &Environment,
) -> Result<(), Stop> {
    let mut out = std::io::stdout().lock();
    match format {
        Format::Json => {
            let all = serde_json::json!({
                "checks": rows, "sources": sources.probes, "environment": environment,
            });
            serde_json::to_writer_pretty(&mut out, &all).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        Format::Text => {
            for row in rows {
                let word = match row.state {
                    State::Ok => "ok ",
                    State::Warning => "!! ",
                    State::Off => "off",
                    State::Broken => "BAD",
                };
                writeln!(out, "{word} {}: {}", row.what, row.found)?;
                if let Some(remedy) = &row.remedy {
                    writeln!(out, "    {remedy}")?;
                }
            }
            if environment.gpus.is_empty() {
                writeln!(out, "    gpus: none")?;
            }
            writeln!(out, "    environment: {} (`wattest env`)", environment.hash())?;
        }
    }
    out.flush()?;
    Ok(())
}

/// What is checked beside backends and files.
fn needs(command: &Doctor, sources: &Sources) -> Needs {
    let reader = Reader::of(command.backend.iter().map(String::as_str));
    Needs {
        model: command.model.clone().map(|name| ModelNeed { name, reader }),
        cuda: command.cuda.then(|| "--cuda".to_owned()),
        folder: Some(folder::root()),
        // Where there is one, the line of each says so.
        energy: sources.meters.is_empty().then(|| sources.probes.clone()),
        ..Needs::default()
    }
    .with_nvml(sources)
}

/// All backends there are, and those names of `--backend` that none has. One that is off is a
/// choice, where it is not named; where all are off, nothing can be run.
fn of_backends(command: &Doctor, options: &backends::Options) -> Vec<Row> {
    let needed = |name: &str| command.backend.iter().any(|one| one == name);
    let mut runs = false;
    let mut rows = Vec::new();
    for name in backends::names() {
        let needs = Needs::default().with_backend(name, options);
        let ready = needs.backends.iter().any(|(_, found)| *found == Some(Availability::Ready));
        runs |= ready && *name != "scripted";
        for check in preflight::run_preflight(&needs, &Machine::here()) {
            let mut row = Row::from(check);
            if row.state == State::Broken && !needed(name) {
                row.state = State::Off;
            }
            rows.push(row);
        }
    }
    for name in command.backend.iter().filter(|name| !backends::names().contains(&name.as_str())) {
        let needs = Needs::default().with_backend(name, options);
        rows.extend(preflight::run_preflight(&needs, &Machine::here()).into_iter().map(Row::from));
    }
    if !runs {
        rows.push(Row {
            what: "backends".to_owned(),
            state: State::Broken,
            found: "none is ready that runs a model".to_owned(),
            remedy: Some("build with `--features candle`, or follow one of the above".to_owned()),
        });
    }
    rows
}

fn of_files(command: &Doctor) -> [Row; 2] {
    let options = Options {
        params: command.params.clone(),
        issues: command.issues.clone(),
        ..Options::default()
    };
    let parameters = inputs::sources(&options).map(|sources| {
        let names: Vec<_> = sources.iter().map(|source| source.backend().to_owned()).collect();
        format!("{} in {}", names.join(", "), command.params.display())
    });
    let issues = inputs::book(&options).map(|(book, file)| match file {
        Some(file) => format!("{} entries in {}", book.entries().len(), file.display()),
        None => "no issues.yaml here: nothing is known".to_owned(),
    });
    [of_file("parameters", parameters), of_file("known issues", issues)]
}

fn of_file(what: &str, read: Result<String, Vec<String>>) -> Row {
    let state = if read.is_ok() { State::Ok } else { State::Broken };
    let remedy = read.is_err().then(|| "mend what is named, or name another file".to_owned());
    let found = read.unwrap_or_else(|faults| faults.join("\n    "));
    Row { what: what.to_owned(), state, found, remedy }
}

impl From<&Probe> for Row {
    /// A source in one line, by the word of its state.
    fn from(probe: &Probe) -> Self {
        let what = probe.source.to_string();
        match probe.presence.lack() {
            None => {
                let found = format!("present: {}", probe.presence.scope().join(", "));
                Self { what, state: State::Ok, found, remedy: None }
            }
            Some((state, reason, remedy)) => Self {
                what,
                state: State::Off,
                found: format!("{state}: {reason}"),
                remedy: remedy.map(str::to_owned),
            },
        }
    }
}

impl From<Check> for Row {
    fn from(check: Check) -> Self {
        let (state, found, remedy) = match check.outcome {
            Outcome::Good { found } => (State::Ok, found, None),
            Outcome::Warning { problem, remedy } => (State::Warning, problem, Some(remedy)),
            Outcome::Failed { problem, remedy } => (State::Broken, problem, Some(remedy)),
        };
        Self { what: check.what, state, found, remedy }
    }
}
