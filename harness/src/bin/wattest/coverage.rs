//! `wattest coverage`: which names of a surface are accounted for.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Zoned;
use jiff::civil::Date;
use wattest::coverage::{self, Evidence, Ledger, Row};
use wattest::run::Journal;
use wattest::schema::{Surface, Table};
use wattest_harness::inputs::{self, Source};
use wattest_harness::options::Options;
use wattest_harness::{Exit, console, folder};

use crate::output::{Answer, Stop};

/// How many open names a message lists.
const LISTED: usize = 20;

#[derive(Debug, Args)]
pub(crate) struct Coverage {
    /// The backend.
    #[arg(long, value_name = "NAME")]
    backend: String,
    /// The surface to cover, once or several times; without, those that the parameter file names.
    #[arg(long, value_name = "FILE")]
    surface: Vec<PathBuf>,
    /// A run (its name, its folder, or `latest`): a name counts only if its cases ran there.
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Fail where less of a surface than this is accounted for, in percent.
    #[arg(long, value_name = "PCT", value_parser = percent)]
    min: Option<f64>,
    /// Fail where less than this of what may be set has values to try, in percent.
    #[arg(long, value_name = "PCT", value_parser = percent)]
    min_declared: Option<f64>,
    /// Fail where less than this of what this machine can do was tried in the run, in percent.
    #[arg(long, value_name = "PCT", value_parser = percent, requires = "run")]
    min_exercised: Option<f64>,
    /// The day by which exclusions expire, in place of today.
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,
    /// Folder of the parameter files.
    #[arg(long, env = "WATTEST_PARAMS", default_value = "params", value_name = "DIR")]
    params: PathBuf,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t)]
    format: Form,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    #[default]
    Text,
    /// For programs: a list of ledgers, one for each surface.
    Json,
    /// For a pull request.
    Markdown,
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text.parse().ok().filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| "a percentage is a number from 0 to 100".to_owned())
}

pub(crate) fn answer(command: &Coverage) -> Answer {
    let table = table(command)?;
    let evidence = command.run.as_deref().map(|run| evidence(run, &table.backend)).transpose()?;
    let today = command.today.unwrap_or_else(|| Zoned::now().date());
    let surfaces = surfaces(command, &table)?;
    let ledgers: Vec<Ledger> = surfaces
        .iter()
        .map(|surface| Ledger::new(&table, surface, evidence.as_ref(), today))
        .collect();
    show(&ledgers, command.format)?;
    let below: Vec<String> = ledgers.iter().flat_map(|ledger| below(ledger, command)).collect();
    if below.is_empty() {
        return Ok(Exit::Ok);
    }
    console::faults(&below);
    Ok(Exit::Failed)
}

/// The parameters of the backend.
fn table(command: &Coverage) -> Result<Table, Stop> {
    let options = Options {
        backends: vec![command.backend.clone()],
        params: command.params.clone(),
        ..Options::default()
    };
    let sources = inputs::sources(&options).map_err(Stop::Faults)?;
    let table = sources.into_iter().find_map(|source| match source {
        Source::Table(table) => Some(*table),
        Source::Script(_) => None,
    });
    table.ok_or_else(|| Stop::fault("the scripted backend has no parameters to cover"))
}

fn surfaces(command: &Coverage, table: &Table) -> Result<Vec<Surface>, Stop> {
    let files = if command.surface.is_empty() { &table.surfaces } else { &command.surface };
    if files.is_empty() {
        return Err(Stop::fault(format!(
            "the parameter file of {} names no `surfaces`; name one with --surface FILE",
            table.backend
        )));
    }
    let mut faults = Vec::new();
    let mut surfaces = Vec::new();
    for file in files {
        match Surface::load(file) {
            Ok(surface) => surfaces.push(surface),
            Err(more) => faults.extend(more.iter().map(ToString::to_string)),
        }
    }
    if faults.is_empty() { Ok(surfaces) } else { Err(Stop::Faults(faults)) }
}

fn evidence(run: &str, backend: &str) -> Result<Evidence, Stop> {
    let folder = folder::find(run).map_err(Stop::fault)?;
    // A folder that is none of a run shall not be made one by opening its journal.
    folder::read_info(&folder).map_err(Stop::fault)?;
    let journal = Journal::open(&folder).map_err(Stop::fault)?;
    let records = journal.records().map_err(Stop::fault)?;
    Ok(Evidence::new(&records, backend))
}

fn show(ledgers: &[Ledger], format: Form) -> Result<(), Stop> {
    let mut out = std::io::stdout().lock();
    match format {
        Form::Json => {
            serde_json::to_writer_pretty(&mut out, ledgers).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        Form::Text | Form::Markdown => {
            let one = if format == Form::Text { coverage::text } else { coverage::markdown };
            let texts: Vec<String> = ledgers.iter().map(one).collect();
            write!(out, "{}", texts.join("\n"))?;
        }
    }
    out.flush()?;
    Ok(())
}

/// What is said of a ledger, for each gate that it does not pass.
fn below(ledger: &Ledger, command: &Coverage) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(min) = command.min.filter(|min| !ledger.reaches(*min)) {
        let percent = ledger.totals.percent;
        all.push(told(ledger, ledger.open(), percent, ("are accounted for", "--min", min)));
    }
    if let Some(min) = command.min_declared.filter(|min| !ledger.declares(*min)) {
        let percent = ledger.totals.settable.declared_percent();
        let gate = ("of what may be set has values", "--min-declared", min);
        all.push(told(ledger, ledger.undeclared(), percent, gate));
    }
    if let Some(min) = command.min_exercised.filter(|min| !ledger.exercises(*min)) {
        let percent = ledger.totals.here.and_then(|here| here.exercised_percent());
        let gate = ("of what this machine can do was tried", "--min-exercised", min);
        all.push(told(ledger, ledger.unexercised(), percent.unwrap_or_default(), gate));
    }
    all
}

/// That `percent` is below a gate (what is counted, its option, and what that asks for), and what
/// is `open`.
fn told<'a>(
    ledger: &Ledger,
    open: impl Iterator<Item = &'a Row>,
    percent: f64,
    (what, option, min): (&str, &str, f64),
) -> String {
    let names: Vec<&str> = open.map(|row| row.path.as_str()).collect();
    let mut listed = names.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
    if names.len() > LISTED {
        listed.push_str(&format!(" and {} more", names.len() - LISTED));
    }
    let Ledger { backend, engine, version, .. } = ledger;
    format!(
        "{backend} over {engine} {version}: {percent} % {what}, and {option} asks for {min} %; \
         open: {listed}"
    )
}
