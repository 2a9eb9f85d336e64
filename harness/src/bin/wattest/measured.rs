//! `wattest run` without `--requests`: one measured experiment.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use wattest::backends::{self, Backend, BackendError, Prompt};
use wattest::capture::Redirect;
use wattest::energy::{Measurement as Thoroughness, Recorder, Sources, sources};
use wattest::environment::Environment;
use wattest::experiment::{Asked, Experiment, Level, Problem};
use wattest::measure::{
    COLUMN, ExperimentResult, Machine, Measurement, Plan, PromptSource, Prompts, WarmUp, measure,
};
use wattest::model::ModelDir;
use wattest::preflight::{ModelNeed, Needs, Reader};
use wattest::report::{save, timeseries};
use wattest::schema::Table;
use wattest::settings::Settings;
use wattest_harness::{Exit, console, folder, preflight};

use crate::output::{Answer, Format, Stop};
use crate::progress::Line;
use crate::run::{self, Measured, Run};

/// What a run leaves.
const RESULT: &str = "result.json";

pub(crate) fn answer(command: &Run) -> Answer {
    let prepared = Prepared::of(command)?;
    let Prepared { name, backend, plan, model } = &prepared;
    if let Err(error) = backend.check(&plan.settings) {
        return Err(Stop::fault(error));
    }
    let started = Timestamp::now();
    let id = id(name, started, &plan.hash(name));
    let out = out(command, &id)?;
    let sources = sources::open(&command.measured.energy());
    check_machine(command, &prepared, &out, &sources)?;
    let environment =
        Environment::take(interpreter(command, name).as_deref()).with_nvml(sources.facts());
    // Engines log to standard output, where the summary goes.
    let redirect = Redirect::install(io::stderr().as_fd(), io::stderr().as_fd())?;
    let mut stdout = File::from(redirect.stdout().try_clone_to_owned()?);
    let line = Line::new();
    let mut recorder = Recorder::open(&command.measured.energy(), thoroughness(plan));
    let measured = measure(plan, &**backend, &mut recorder, &mut |progress| line.show(progress));
    drop(line);
    let measurement = match measured {
        Ok(measurement) => measurement,
        Err(error) if matches!(*error.error, BackendError::Refused(_)) => {
            return Err(Stop::fault(error));
        }
        Err(error) => {
            console::faults(&[error.to_string()]);
            return Ok(Exit::Failed);
        }
    };
    let machine = Machine {
        started: started.to_string(),
        ended: Timestamp::now().to_string(),
        environment_hash: environment.hash(),
        environment: entries(&environment),
        optimised: !cfg!(debug_assertions),
    };
    let config = match model {
        Some(model) => Ok(model.config()),
        None => Err("the backend reads no model".to_owned()),
    };
    let result = ExperimentResult::new(id, name, plan, config, &measurement, machine);
    let text = written(&out, &result, &measurement)?;
    match command.format {
        Some(Format::Json) => stdout.write_all(text.as_bytes())?,
        _ => writeln!(stdout, "{}  result      {}", result.summary(), out.join(RESULT).display())?,
    }
    Ok(Exit::Ok)
}

/// What the run needs of this machine. Warnings go to stderr.
fn check_machine(
    command: &Run,
    prepared: &Prepared,
    out: &Path,
    sources: &Sources,
) -> Result<(), Stop> {
    let Prepared { name, plan, model, .. } = prepared;
    let reader = Reader::of([name.as_str()]);
    let device = plan.settings.get("device").and_then(|device| device.as_str());
    let is_measured = !command.measured.energy().off;
    let needs = Needs {
        model: model.is_some().then(|| ModelNeed { name: plan.model.clone(), reader }),
        cuda: device.filter(|one| one.starts_with("cuda")).map(|one| format!("device={one}")),
        folder: Some(out.to_owned()),
        energy: is_measured.then(|| sources.probes.clone()),
        ..Needs::default()
    }
    .with_nvml(sources);
    preflight::pass(&needs, &wattest::environment::Machine::here()).map_err(Stop::fault)
}

/// The interpreter whose packages are told of: that of an engine in Python.
fn interpreter(command: &Run, name: &str) -> Option<PathBuf> {
    let options = backends::Options { python: command.python.clone(), ..Default::default() };
    backends::runs_python(name).then(|| backends::interpreter(&options)).flatten()
}

/// Baselines are taken, and the edges of the window lie at ticks.
fn thoroughness(plan: &Plan) -> Thoroughness {
    Thoroughness { repeats: Some(1), min_window: plan.min_window, budget: None }
}

/// Everything that is decided before the backend is asked.
struct Prepared {
    name: String,
    backend: Box<dyn Backend>,
    plan: Plan,
    /// None for a backend that reads none.
    model: Option<ModelDir>,
}

impl Prepared {
    /// What `command` says, over what its experiment file says; all that is wrong with it at once.
    fn of(command: &Run) -> Result<Self, Stop> {
        let asked = &command.measured;
        let (mut experiment, mut problems) = match &asked.config {
            Some(file) => Experiment::load(file).map_err(Stop::fault)?,
            None => (Experiment::default(), Vec::new()),
        };
        let named = command.backend.as_ref().or(experiment.backend.as_ref()).cloned();
        let Some(name) = named else {
            return Err(Stop::fault("no backend is named; give --backend NAME, or --config FILE"));
        };
        let mut faults = Vec::new();
        let backend = run::backend(command, &name).map_err(|stop| collect(stop, &mut faults));
        let table = run::table(command, &name).map_err(|stop| collect(stop, &mut faults));
        let table = table.unwrap_or_default();
        let over = set(asked, table.as_ref(), &mut faults);
        let prompts = prompts(asked, &experiment).map_err(|fault| faults.push(fault)).ok();
        let mut settings = over.clone();
        if let Some(table) = &table {
            // What is asked is known by now, whatever the file says of it.
            experiment.asked = Asked::Prompts(Vec::new());
            experiment.over = over;
            let resolved = experiment.resolve(table);
            problems.extend(resolved.problems);
            settings = resolved.settings;
        } else if experiment.settings.as_object().is_some_and(|settings| !settings.is_empty()) {
            faults.push(format!(
                "the settings of the experiment file need the parameter file of {name}; name its \
                 folder with --params"
            ));
        }
        problems.sort_by_key(|problem| problem.line);
        for problem in &problems {
            match problem.level {
                Level::Error => faults.push(told(asked, problem)),
                Level::Warning => {
                    console::print(&format!("warning: {}\n", told(asked, problem)), true);
                }
                Level::Note => {}
            }
        }
        let folder = command.model.as_ref().or(experiment.model.as_ref());
        let model = match folder {
            Some(folder) => run::model(&name, folder).map_err(|stop| collect(stop, &mut faults)),
            None if name == "scripted" => Ok(None),
            None => {
                faults.push("no model is named; give --model DIR, or --config FILE".to_owned());
                Err(())
            }
        };
        let (Ok(backend), Some(prompts), Ok(model), true) =
            (backend, prompts, model, faults.is_empty())
        else {
            return Err(Stop::Faults(faults));
        };
        let plan = Plan {
            model: folder.cloned().unwrap_or_default(),
            settings,
            names: table.map(|table| table.names()).unwrap_or_default(),
            prompts,
            count: asked.count,
            per_request: asked.per_request,
            warm_up: WarmUp {
                most: asked.warm_up,
                most_cv: asked.warm_up_cv / 100.0,
                ..WarmUp::default()
            },
            repeat: asked.repeat,
            min_window: asked.min_window,
        };
        Ok(Self { name, backend, plan, model })
    }
}

/// Adds what `stop` says to `faults`.
fn collect(stop: Stop, faults: &mut Vec<String>) {
    match stop {
        Stop::Faults(more) => faults.extend(more),
        Stop::Output(error) => faults.push(error.to_string()),
    }
}

/// The settings of `--set`, typed by the parameters where they are known.
fn set(asked: &Measured, table: Option<&Table>, faults: &mut Vec<String>) -> Settings {
    let mut settings = Settings::new();
    for one in &asked.set {
        let read = match table {
            Some(table) => one.read(table),
            None => Ok((one.name.clone(), one.free())),
        };
        match read {
            Ok((path, value)) => settings.set(path, value),
            Err(refusal) => faults.push(format!("--set {refusal}")),
        }
    }
    settings
}

/// What is asked: by the command line, or else by the experiment file, or else what is built in.
fn prompts(asked: &Measured, experiment: &Experiment) -> Result<Prompts, String> {
    let load = |file: &Path| Prompts::load(file, &asked.column).map_err(|error| error.to_string());
    match (&asked.prompts, &experiment.asked) {
        (Some(file), _) => load(file),
        (None, Asked::Requests(file)) => load(file),
        (None, Asked::Prompts(texts)) if !texts.is_empty() => {
            let all = texts.iter().cloned().map(Prompt::Text).collect();
            Ok(Prompts { source: PromptSource::Experiment, all })
        }
        (None, _) if asked.column != COLUMN => {
            Err("--column is of a JSONL file; name one with --prompts FILE".to_owned())
        }
        (None, _) => Ok(Prompts::built_in()),
    }
}

/// The problem with the place where it stands: a line of the experiment file, or `--set`.
fn told(asked: &Measured, problem: &Problem) -> String {
    match (&asked.config, problem.line) {
        (Some(file), 1..) => format!("{}:{problem}", file.display()),
        _ => {
            let name = problem.key.strip_prefix("settings.").unwrap_or(&problem.key);
            format!("--set {name}: {}", problem.message)
        }
    }
}

/// `candle-20261121T100000.123Z-0123abcd`.
fn id(backend: &str, started: Timestamp, hash: &str) -> String {
    let when = started.strftime("%Y%m%dT%H%M%S.%3fZ");
    format!("{backend}-{when}-{}", hash.get(..8).unwrap_or(hash))
}

/// The folder for what is found.
fn out(command: &Run, id: &str) -> Result<PathBuf, Stop> {
    let out = command.measured.out.clone().unwrap_or_else(|| folder::root().join(id));
    // Before any work: what cannot be written is not worth measuring, and what was is kept.
    if out.join(RESULT).exists() {
        let there = out.display();
        return Err(Stop::fault(format!("{there}: has a {RESULT} already; name another folder")));
    }
    std::fs::create_dir_all(&out)
        .map_err(|error| Stop::fault(format!("{}: cannot be made: {error}", out.display())))?;
    Ok(out)
}

fn entries(environment: &Environment) -> BTreeMap<String, serde_json::Value> {
    match serde_json::to_value(environment) {
        Ok(serde_json::Value::Object(entries)) => entries.into_iter().collect(),
        _ => BTreeMap::new(),
    }
}

/// Writes the files, the result last, so that whoever finds one finds all; gives its text.
fn written(
    out: &Path,
    result: &ExperimentResult,
    measurement: &Measurement,
) -> Result<String, Stop> {
    let series = timeseries::parquet(&measurement.energy.series, &result.experiment_id)
        .map_err(|error| Stop::fault(format!("the time series cannot be written: {error}")))?;
    let text = serde_json::to_string_pretty(result).map_err(io::Error::from)? + "\n";
    let name = &result.timeseries.file;
    for (name, bytes) in [(name.as_str(), series.as_slice()), (RESULT, text.as_bytes())] {
        let file = out.join(name);
        save(&file, bytes).map_err(|error| {
            Stop::fault(format!("{}: cannot be written: {error}", file.display()))
        })?;
    }
    Ok(text)
}
