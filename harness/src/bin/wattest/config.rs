//! `wattest config`: experiment files, held against the parameters of their backend.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use wattest::experiment::{Experiment, Level, Problem, Resolved};
use wattest::report::text::count;
use wattest::schema::{Section, Table};
use wattest_harness::inputs::{self, Source};
use wattest_harness::options::Options;
use wattest_harness::{Exit, console};

use crate::output::{Answer, Format, Stop};

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Tell everything that is wrong with an experiment file; exit code 2 where anything is.
    Validate(File),
    /// The settings that an experiment file comes to, by their own names, with the defaults.
    Show(File),
}

#[derive(Debug, Args)]
pub(crate) struct File {
    /// The experiment file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The backend, in place of that of the file.
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Folder of the parameter files.
    #[arg(long, env = "WATTEST_PARAMS", default_value = "params", value_name = "DIR")]
    params: PathBuf,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn answer(command: &Config) -> Answer {
    let (Config::Validate(file) | Config::Show(file)) = command;
    let (experiment, mut problems) = Experiment::load(&file.file).map_err(Stop::fault)?;
    let Some(backend) = file.backend.as_ref().or(experiment.backend.as_ref()) else {
        let line = "names no backend; add `backend`, or give --backend NAME".to_owned();
        let mut faults: Vec<String> = problems.iter().map(|one| told(file, one)).collect();
        faults.push(format!("{}: {line}", file.file.display()));
        return Err(Stop::Faults(faults));
    };
    let table = table(file, backend)?;
    let Resolved { settings, problems: more } = experiment.resolve(&table);
    problems.extend(more);
    problems.sort_by_key(|problem| problem.line);
    let exit = match problems.iter().any(|one| one.level == Level::Error) {
        true => Exit::Usage,
        false => Exit::Ok,
    };
    let resolved = Resolved { settings, problems };
    let mut out = std::io::stdout().lock();
    match command {
        Config::Validate(_) => validate(&mut out, file, &table, &resolved)?,
        Config::Show(_) => show(&mut out, file, &experiment, &table, &resolved)?,
    }
    out.flush()?;
    Ok(exit)
}

fn table(file: &File, backend: &str) -> Result<Table, Stop> {
    let options = Options {
        backends: vec![backend.to_owned()],
        params: file.params.clone(),
        ..Options::default()
    };
    let sources = inputs::sources(&options).map_err(Stop::Faults)?;
    let table = sources.into_iter().find_map(|source| match source {
        Source::Table(table) => Some(*table),
        Source::Script(_) => None,
    });
    table.ok_or_else(|| Stop::fault("the scripted backend has no parameters"))
}

/// The problem with its file, as editors and CI systems read it.
fn told(file: &File, problem: &Problem) -> String {
    format!("{}:{problem}", file.file.display())
}

fn validate(
    out: &mut impl std::io::Write,
    file: &File,
    table: &Table,
    resolved: &Resolved,
) -> std::io::Result<()> {
    if file.format == Format::Json {
        let answer = json!({
            "file": file.file, "backend": table.backend, "settings": resolved.settings,
            "problems": resolved.problems,
        });
        return writeln!(out, "{answer:#}");
    }
    for problem in &resolved.problems {
        writeln!(out, "{}", told(file, problem))?;
    }
    let of = |level: Level, noun: &str| {
        count(resolved.problems.iter().filter(|one| one.level == level).count(), noun)
    };
    writeln!(
        out,
        "{}: {} for {}, {}, {}",
        file.file.display(),
        count(resolved.settings.len(), "setting"),
        table.backend,
        of(Level::Error, "error"),
        of(Level::Warning, "warning")
    )
}

fn show(
    out: &mut impl std::io::Write,
    file: &File,
    experiment: &Experiment,
    table: &Table,
    resolved: &Resolved,
) -> std::io::Result<()> {
    let Resolved { settings, problems } = resolved;
    let errors = problems.iter().filter(|one| one.level == Level::Error);
    let errors: Vec<String> = errors.map(|one| told(file, one)).collect();
    console::faults(&errors);
    if file.format == Format::Json {
        let all = table.params.iter().map(|param| {
            let value = settings.get(&param.path);
            json!({
                "path": param.path, "section": param.section,
                "value": value.unwrap_or(&param.default), "set": value.is_some(),
            })
        });
        let answer = json!({
            "backend": table.backend, "model": experiment.model, "asked": experiment.asked,
            "settings": all.collect::<Vec<_>>(),
        });
        return writeln!(out, "{answer:#}");
    }
    writeln!(out, "{} ({})", table.backend, table.engine)?;
    for section in Section::ALL {
        let params: Vec<_> = table.params.iter().filter(|one| one.section == section).collect();
        if !params.is_empty() {
            writeln!(out, "\n{}", section.word())?;
        }
        for param in params {
            match settings.get(&param.path) {
                Some(value) => writeln!(out, "  {:<32} {value}", param.path)?,
                None => writeln!(out, "  {:<32} {}  (default)", param.path, param.default)?,
            }
        }
    }
    Ok(())
}
