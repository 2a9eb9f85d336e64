//! `wattest run`: requests answered by a backend in this process.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use clap::Args;
use wattest::backends::{self, Availability};
use wattest::capture::Redirect;
use wattest::model::ModelDir;
use wattest::run::requests::{self, RequestsError};
use wattest::schema::{Names, Table};
use wattest::settings::Settings;
use wattest_harness::Exit;

use crate::output::{Answer, Format, Stop};

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The backend.
    #[arg(long, value_name = "NAME")]
    backend: String,
    /// The model directory.
    #[arg(long, env = "WATTEST_MODEL", value_name = "DIR")]
    model: PathBuf,
    /// Requests, one JSON object a line; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    requests: String,
    /// Settings of all requests, which may override them: a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    settings: String,
    /// Folder of the parameter files: other names of parameters, and names that are refused with a
    /// reason, are known where there is one for the backend. Its default is `params`.
    #[arg(long, env = "WATTEST_PARAMS", value_name = "DIR")]
    params: Option<PathBuf>,
    /// Form of the output: one JSON object a line is the only one.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// The script of the scripted backend.
    #[arg(long, env = "WATTEST_SCRIPT", value_name = "FILE")]
    script: Option<PathBuf>,
    /// The interpreter with the engines in Python; without, that of VIRTUAL_ENV or of
    /// scripts/engines.
    #[arg(long, env = "WATTEST_PYTHON", value_name = "FILE")]
    python: Option<PathBuf>,
}

pub(crate) fn answer(command: &Run) -> Answer {
    if command.format == Format::Text {
        return Err(Stop::fault("answers are JSON; use --format json"));
    }
    let replica = wattest_harness::worker_command()
        .map_err(|error| Stop::fault(format!("this executable cannot be found: {error}")))?;
    let options = backends::Options {
        script: command.script.clone(),
        python: command.python.clone(),
        replica: Some(replica),
    };
    let name = &command.backend;
    let Some(backend) = backends::find(name, &options) else {
        let known = backends::names().join(", ");
        return Err(Stop::fault(format!("there is no backend `{name}`; there are: {known}")));
    };
    if let Availability::Off { reason, remedy } = backend.availability() {
        return Err(Stop::fault(format!("backend `{name}`: {reason}; {remedy}")));
    }
    if name != "scripted" {
        ModelDir::open(&command.model).map_err(Stop::fault)?;
    }
    let names = names(command)?;
    let settings: Settings = serde_json::from_str(&command.settings)
        .map_err(|error| Stop::fault(format!("--settings is no JSON object: {error}")))?;
    let input: Box<dyn BufRead> = match command.requests.as_str() {
        "-" => Box::new(io::stdin().lock()),
        file => Box::new(BufReader::new(
            File::open(file)
                .map_err(|error| Stop::fault(format!("{file}: cannot be read: {error}")))?,
        )),
    };
    // Engines log to standard output, where the answers go.
    let redirect = Redirect::install(io::stderr().as_fd(), io::stderr().as_fd())?;
    let output = File::from(redirect.stdout().try_clone_to_owned()?);
    match requests::serve(&*backend, &command.model, &names, &settings, input, output) {
        Ok(tally) if tally.failed > 0 => Ok(Exit::Failed),
        Ok(_) => Ok(Exit::Ok),
        Err(RequestsError::Write { source, .. }) => Err(source.into()),
        Err(error) => Err(Stop::fault(error)),
    }
}

/// What the parameters of the backend may be called. Without a parameter file they have their own
/// names only; a folder that is named must have one.
fn names(command: &Run) -> Result<Names, Stop> {
    let folder = command.params.as_deref().unwrap_or(Path::new("params"));
    let file = folder.join(format!("{}.yaml", command.backend));
    if command.backend == "scripted" || (command.params.is_none() && !file.exists()) {
        return Ok(Names::default());
    }
    let table = Table::load(&file)
        .map_err(|faults| Stop::Faults(faults.iter().map(ToString::to_string).collect()))?;
    Ok(table.names())
}
