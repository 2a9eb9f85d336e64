//! `wattest run`: one measured experiment, or requests that are answered one by one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use wattest::backends::{self, Availability, Backend};
use wattest::measure::{self, Assignment};
use wattest::model::ModelDir;
use wattest::schema::Table;
use wattest_harness::Exit;
use wattest_harness::options::duration;

use crate::output::{Answer, Format, Stop};
use crate::{measured, requests};

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The backend; without, that of the experiment file.
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<String>,
    /// The model directory; without, that of the experiment file.
    #[arg(long, env = "WATTEST_MODEL", value_name = "DIR")]
    pub(crate) model: Option<PathBuf>,
    /// Answer the requests of this file, one JSON object a line, in place of measuring; `-` for
    /// standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) requests: Option<String>,
    /// With --requests: settings of all requests, which may override them: a JSON object.
    #[arg(long, value_name = "JSON", requires = "requests")]
    pub(crate) settings: Option<String>,
    #[command(flatten)]
    pub(crate) measured: Measured,
    /// Folder of the parameter files: other names of parameters, and names that are refused with a
    /// reason, are known where there is one for the backend. Its default is `params`.
    #[arg(long, env = "WATTEST_PARAMS", value_name = "DIR")]
    pub(crate) params: Option<PathBuf>,
    /// Form of the output: a summary, or the result as JSON; of --requests one JSON object a line
    /// is the only one.
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// The script of the scripted backend.
    #[arg(long, env = "WATTEST_SCRIPT", value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,
    /// The interpreter with the engines in Python; without, that of VIRTUAL_ENV or of
    /// scripts/engines.
    #[arg(long, env = "WATTEST_PYTHON", value_name = "FILE")]
    pub(crate) python: Option<PathBuf>,
}

/// What a measured run is told beside backend and model.
#[derive(Debug, Args)]
#[command(next_help_heading = "Measuring")]
pub(crate) struct Measured {
    /// An experiment file: backend, model, settings, prompts.
    #[arg(long, value_name = "FILE", conflicts_with = "requests")]
    pub(crate) config: Option<PathBuf>,
    /// A setting, over those of the experiment file: `--set top_k=5`; may be given again.
    #[arg(long = "set", value_name = "NAME=VALUE", conflicts_with = "requests")]
    pub(crate) set: Vec<Assignment>,
    /// Ask so many prompts: the first ones, from the beginning again where there are fewer.
    #[arg(short = 'n', long = "count", value_name = "N", conflicts_with = "requests")]
    #[arg(value_parser = positive)]
    pub(crate) count: Option<usize>,
    /// The prompts: a text file with one a line, or JSONL with one an object; without, those of the
    /// experiment file, or those that are built in.
    #[arg(long, value_name = "FILE", conflicts_with = "requests")]
    pub(crate) prompts: Option<PathBuf>,
    /// The column of a JSONL file that has the prompts.
    #[arg(long, value_name = "NAME", default_value = measure::COLUMN)]
    #[arg(conflicts_with = "requests")]
    pub(crate) column: String,
    /// Prompts that make a request.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive)]
    #[arg(conflicts_with = "requests")]
    pub(crate) per_request: usize,
    /// Most requests to warm up with; 0 for no warm-up.
    #[arg(long, value_name = "N", default_value_t = 20, conflicts_with = "requests")]
    pub(crate) warm_up: usize,
    /// The engine is warm where the last five requests differ by at most this, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = percent)]
    #[arg(conflicts_with = "requests")]
    pub(crate) warm_up_cv: f64,
    /// Ask everything so often.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive)]
    #[arg(conflicts_with = "requests")]
    pub(crate) repeat: usize,
    /// Ask everything again until this long has passed: `10s`, `500ms`.
    #[arg(long, value_name = "TIME", conflicts_with = "requests")]
    #[arg(value_parser = window)]
    pub(crate) min_window: Option<Duration>,
    /// auto or off: measure energy where there is a source.
    #[arg(long, env = "WATTEST_ENERGY", value_enum, default_value_t)]
    pub(crate) energy: Energy,
    /// The NVML library; without, the one that the loader finds.
    #[arg(long, env = "WATTEST_NVML", value_name = "FILE")]
    pub(crate) nvml: Option<PathBuf>,
    /// The powercap tree; without, /sys/class/powercap.
    #[arg(long, env = "WATTEST_POWERCAP", value_name = "DIR")]
    pub(crate) powercap: Option<PathBuf>,
    /// Where `result.json` and `timeseries.parquet` go; without, a folder of its own in
    /// target/wattest.
    #[arg(long, value_name = "DIR", conflicts_with = "requests")]
    pub(crate) out: Option<PathBuf>,
    /// Print the JSON schema of `result.json`, and do nothing else.
    #[arg(long)]
    pub(crate) print_schema: bool,
}

/// Whether energy is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Energy {
    /// Where there is a source.
    #[default]
    Auto,
    /// Not at all.
    Off,
}

impl Measured {
    /// Where the sources of energy are looked for.
    pub(crate) fn energy(&self) -> wattest::energy::Options {
        wattest::energy::Options {
            off: self.energy == Energy::Off,
            nvml: self.nvml.clone(),
            powercap: self.powercap.clone(),
        }
    }
}

/// A number of things, at least one.
fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a whole number of at least 1".to_owned()),
        Ok(count) => Ok(count),
    }
}

/// A share in percent.
fn percent(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').unwrap_or(text).trim().parse();
    let percent = percent.ok().filter(|percent: &f64| percent.is_finite() && *percent >= 0.0);
    percent.ok_or_else(|| "a number of percent, such as 5".to_owned())
}

fn window(text: &str) -> Result<Duration, String> {
    duration(text)
}

pub(crate) fn answer(command: &Run) -> Answer {
    if command.measured.print_schema {
        use std::io::Write as _;
        std::io::stdout().write_all(measure::schema().as_bytes())?;
        return Ok(Exit::Ok);
    }
    match &command.requests {
        Some(file) => requests::answer(command, file),
        None => measured::answer(command),
    }
}

/// The backend of that name, made ready to be asked.
pub(crate) fn backend(command: &Run, name: &str) -> Result<Box<dyn Backend>, Stop> {
    let replica = wattest_harness::worker_command()
        .map_err(|error| Stop::fault(format!("this executable cannot be found: {error}")))?;
    let options = backends::Options {
        script: command.script.clone(),
        python: command.python.clone(),
        replica: Some(replica),
    };
    let Some(backend) = backends::find(name, &options) else {
        let known = backends::names().join(", ");
        return Err(Stop::fault(format!("there is no backend `{name}`; there are: {known}")));
    };
    if let Availability::Off { reason, remedy } = backend.availability() {
        return Err(Stop::fault(format!("backend `{name}`: {reason}; {remedy}")));
    }
    Ok(backend)
}

/// The model in `folder`; none for the scripted backend, which reads none.
pub(crate) fn model(backend: &str, folder: &Path) -> Result<Option<ModelDir>, Stop> {
    if backend == "scripted" {
        return Ok(None);
    }
    ModelDir::open(folder).map(Some).map_err(Stop::fault)
}

/// The parameters of the backend; none without a parameter file, which a folder that is named must
/// have.
pub(crate) fn table(command: &Run, backend: &str) -> Result<Option<Table>, Stop> {
    let folder = command.params.as_deref().unwrap_or(Path::new("params"));
    let file = folder.join(format!("{backend}.yaml"));
    if backend == "scripted" || (command.params.is_none() && !file.exists()) {
        return Ok(None);
    }
    let table = Table::load(&file)
        .map_err(|faults| Stop::Faults(faults.iter().map(ToString::to_string).collect()))?;
    Ok(Some(table))
}
