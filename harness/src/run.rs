//! The test target from the command line to the exit code.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{Timestamp, Zoned};
use wattest::backends;
use wattest::environment::Environment;
use wattest::issues::{Book, Standing};
use wattest::record::Record;
use wattest::report::text::console_line;
use wattest::report::{CaseView, Command, Report, RunInfo, Summary, attempts};
use wattest::run::{Journal, Manifest, Supervisor, SupervisorOptions};
use wattest::schema::{Case, Selection};
use wattest::verdict::{Mode, judge};

use crate::events::{Event, Events};
use crate::folder::{self, RunFolder};
use crate::gate::{self, Gate};
use crate::inputs::{self, Source};
use crate::options::{NoTests, Options, Parsed, help, parse};
use crate::select::{self, Selected};
use crate::session::{Parts, Session};
use crate::views::{self, Places, Views};
use crate::{Exit, console, interrupt, preflight, trials};

/// Runs the target with the words `arguments`; `program` is how the user called it.
pub fn test(program: &str, arguments: &[String]) -> Exit {
    let variable = |name: &str| std::env::var(name).ok();
    match parse(arguments, variable) {
        Ok(Parsed::Help) => {
            console::print(&help(program), false);
            Exit::Ok
        }
        Ok(Parsed::Options { options, repeats }) => {
            if let Some(fault) = gate::fault(&options) {
                console::faults(&[fault]);
                return Exit::Usage;
            }
            let command = Command { program: program.to_owned(), options: repeats };
            select_and_run(&options, command).unwrap_or_else(|faults| {
                console::faults(&faults);
                Exit::Usage
            })
        }
        Err(faults) => {
            console::faults(&faults);
            Exit::Usage
        }
    }
}

/// One fault, as the functions here report them.
fn fault(error: impl ToString) -> Vec<String> {
    vec![error.to_string()]
}

fn select_and_run(options: &Options, command: Command) -> Result<Exit, Vec<String>> {
    let sources = inputs::sources(options);
    if options.list {
        let sources = sources?;
        return Ok(list(
            &select::select(
                select::offered(&sources, options),
                options,
                options.shuffle_seed,
                None,
            ),
            options,
        ));
    }
    // The issues file is looked at even where the parameters are broken: all faults at once.
    let book = inputs::book(options);
    let (sources, (book, issues)) = match (sources, book) {
        (Ok(sources), Ok(book)) => (sources, book),
        (sources, book) => {
            return Err([sources.err(), book.err()].into_iter().flatten().flatten().collect());
        }
    };
    let failed =
        if options.rerun_failed { Some(folder::failed_in_latest().map_err(fault)?) } else { None };
    let seed = seed(options);
    let offered = select::offered(&sources, options);
    let selected = select::select(offered, options, seed, failed.as_ref());
    if selected.chosen.is_empty() {
        return Ok(nothing(options, &sources, selected));
    }
    let model = match preflight::check(options, &selected.chosen) {
        Ok(Some(model)) => model,
        Ok(None) => inputs::tiny_model(&sources, &folder::root().join("models")).map_err(fault)?,
        Err(error) => {
            console::print(&format!("{error}\n"), true);
            return Ok(Exit::Usage);
        }
    };
    if let Some(file) = &options.logfile {
        std::fs::File::create(file)
            .map_err(|error| fault(format!("{file}: cannot be made: {error}")))?;
    }
    Setup { options, command, seed, sources, book: Arc::new(book), issues, model }.run(selected)
}

/// The seed of the order: that which was given, that of the run that is gone on with, or one that
/// is drawn; none for the order of the parameter files.
fn seed(options: &Options) -> Option<u64> {
    options.shuffle_seed.or_else(|| {
        // Whether the run is there is told later, with what else is wrong.
        let resumed = options.resume.as_ref().and_then(|_| RunFolder::choose(options, None).ok());
        match resumed.and_then(|folder| folder.earlier()) {
            Some(earlier) => earlier.shuffle_seed,
            None => select::drawn_seed(options),
        }
    })
}

/// Prints the names, and nothing else.
fn list(selected: &Selected, options: &Options) -> Exit {
    let mut text = String::new();
    if options.is_json() {
        text.push_str("{\"type\":\"suite\",\"event\":\"discovery\"}\n");
    }
    for case in &selected.chosen {
        if options.is_json() {
            let event = serde_json::json!({
                "type": "test", "event": "discovered", "name": case.name, "ignore": false,
            });
            text.push_str(&format!("{event}\n"));
        } else {
            text.push_str(&format!("{}: test\n", case.name));
        }
    }
    if options.is_json() {
        let n = selected.chosen.len();
        let event = serde_json::json!({
            "type": "suite", "event": "completed", "tests": n, "benchmarks": 0, "total": n, "ignored": 0,
        });
        text.push_str(&format!("{event}\n"));
    }
    let mut out = io::stdout().lock();
    // `| head` closes the pipe early; that is no fault.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    Exit::Ok
}

fn nothing(options: &Options, sources: &[Source], selected: Selected) -> Exit {
    if options.no_tests != NoTests::Pass {
        let names = all_names(sources, options);
        let word = if options.no_tests == NoTests::Fail { "error" } else { "warning" };
        console::print(&format!("{word}: {}\n", select::nothing_selected(options, &names)), true);
    }
    if options.no_tests == NoTests::Fail {
        return Exit::NothingSelected;
    }
    let arguments = trials::arguments(options, &selected.left_out);
    let left_out = selected.left_out.into_iter();
    let left_out = left_out.map(|name| libtest_mimic::Trial::test(name, || Ok(())));
    let _ = libtest_mimic::run(&arguments, left_out.collect());
    Exit::Ok
}

fn all_names(sources: &[Source], options: &Options) -> Vec<String> {
    let cases = select::all(sources, Selection::All, options).into_iter();
    cases.map(|case| case.name).collect()
}

/// Everything that a run needs, read and found to be in order.
struct Setup<'a> {
    options: &'a Options,
    command: Command,
    seed: Option<u64>,
    sources: Vec<Source>,
    book: Arc<Book>,
    issues: Option<PathBuf>,
    model: PathBuf,
}

impl Setup<'_> {
    fn run(self, selected: Selected) -> Result<Exit, Vec<String>> {
        let options = self.options;
        let nextest = std::env::var("NEXTEST_RUN_ID").ok();
        let folder = RunFolder::choose(options, nextest.as_deref()).map_err(fault)?;
        let unwritable = |error: io::Error| {
            fault(format!("{}: cannot be written: {error}; see --out", folder.path.display()))
        };
        // Of several processes the first clears away what an earlier run left, the others find
        // that done.
        let lock = folder.shared.then(|| folder::lock(&folder.path)).transpose();
        let lock = lock.map_err(unwritable)?;
        let mut info = self.info(&folder, &selected);
        let earlier = folder.earlier();
        let gate = Gate::load(options, &folder, earlier.as_ref()).map_err(fault)?;
        if let Some(gate) = &gate {
            info.mode.energy = Some(gate.gate.clone());
            gate.pin(&mut info.command.options);
        }
        if let Some(earlier) = earlier {
            info.started = earlier.started;
        }
        let info = Arc::new(info);
        let supervisor = self.supervisor(&folder.path, &info)?;
        let manifest = Manifest::new(&supervisor, &selected.chosen);
        let journal = if folder.resumes {
            let journal = Journal::open(&folder.path).map_err(fault)?;
            let earlier = journal.manifest().map_err(fault)?;
            if let Some(conflict) = earlier.and_then(|earlier| earlier.conflict(&manifest)) {
                return Err(vec![conflict]);
            }
            journal
        } else {
            folder.prepare().map_err(unwritable)?;
            let journal = Journal::open(&folder.path).map_err(fault)?;
            journal.begin(&manifest).map_err(fault)?;
            journal
        };
        folder::write_info(&folder.path, &info).map_err(unwritable)?;
        drop(lock);
        let records = match folder.resumes {
            true => self.rejudged(&journal, &info, gate.as_ref())?,
            false => Vec::new(),
        };
        let recorded = last_attempts(&records);
        let places = Places { folder: folder.path.clone(), junit: options.junit.clone() };
        let views = if folder.shared {
            None
        } else {
            Some(Views::start(places.clone(), RunInfo::clone(&info), records).map_err(unwritable)?)
        };
        let mut events = Events::create(options.events.as_deref())
            .map_err(|error| fault(format!("--events: cannot be made: {error}")))?;
        events.send(&Event::RunStarted { run: &info.id, selected: selected.chosen.len() });
        let end = End {
            info,
            own: Arc::new(selected.chosen.iter().map(|case| case.name.clone()).collect()),
            book: Arc::clone(&self.book),
            places,
            json: options.is_json(),
            colours: console::colours(options),
        };
        if let Some(views) = &views {
            let (end, finisher) = (end.clone(), views.finisher());
            let watched = interrupt::watch(move || {
                if let Ok(cases) = finisher.finish(Vec::new()) {
                    end.show(&cases, &[]);
                    console::print("interrupted: go on with --resume\n", true);
                }
            });
            watched.map_err(|error| fault(format!("signals cannot be watched: {error}")))?;
        }
        let session = Session::new(Parts {
            supervisor: Supervisor::new(supervisor),
            journal,
            book: self.book,
            info: Arc::clone(&end.info),
            views,
            events,
            retries: options.retries,
            max_fail: options.max_fail,
            recorded,
            gate,
        });
        Ok(execute(options, selected, session, &end))
    }

    fn info(&self, folder: &RunFolder, selected: &Selected) -> RunInfo {
        let options = self.options;
        let sources = wattest::energy::sources::open(&options.energy);
        let environment = Environment::take(self.interpreter(&selected.chosen).as_deref())
            .with_nvml(sources.facts());
        RunInfo {
            schema_version: wattest::report::SCHEMA_VERSION,
            id: folder.id.clone(),
            started: format!("{:.3}", Timestamp::now()),
            mode: Mode {
                smoke: options.smoke,
                today: options.today.unwrap_or_else(|| Zoned::now().date()),
                engine_versions: environment
                    .engine_versions(self.sources.iter().map(Source::backend)),
                gpu: environment.gpus.first().cloned(),
                energy: None,
            },
            strict_issues: options.strict_issues,
            issues: self.issues.as_ref().map(|file| file.display().to_string()),
            model: self.model.display().to_string(),
            backends: self.sources.iter().map(|source| source.backend().to_owned()).collect(),
            // One process of several knows only of its own case.
            selected: if folder.shared { 0 } else { selected.chosen.len() },
            planned: all_names(&self.sources, options),
            shuffle_seed: self.seed,
            command: self.command(),
            junit_properties: options.junit_properties,
            environment,
            energy: sources.probes,
        }
    }

    /// The command that repeats a case, with the seed that was drawn.
    fn command(&self) -> Command {
        let mut command = self.command.clone();
        if let (Some(seed), None) = (self.seed, self.options.shuffle_seed) {
            command.options.push(format!("--shuffle-seed={seed}"));
        }
        command
    }

    /// The interpreter, where a backend in Python is among those of `cases`.
    fn interpreter(&self, cases: &[Case]) -> Option<PathBuf> {
        let python = self.options.python.clone();
        let options = backends::Options { python, ..backends::Options::default() };
        let runs = cases.iter().any(|case| backends::runs_python(&case.backend));
        runs.then(|| backends::interpreter(&options)).flatten()
    }

    fn supervisor(&self, run: &Path, info: &RunInfo) -> Result<SupervisorOptions, Vec<String>> {
        let worker = crate::worker_command()
            .map_err(|error| fault(format!("this executable cannot be found: {error}")))?;
        let options = self.options;
        Ok(SupervisorOptions {
            run: run.to_owned(),
            model: self.model.clone(),
            backends: backends::Options {
                script: options.script.clone(),
                python: options.python.clone(),
                ..Default::default()
            },
            energy: options.energy.clone(),
            measurement: options.measurement,
            timeseries: options.timeseries,
            names: self.sources.iter().filter_map(Source::names).collect(),
            isolate: options.isolate,
            timeout: options.timeout,
            silence: options.silence,
            worker,
            environment: info.environment.hash(),
            echo: options.no_capture && !options.is_json(),
        })
    }

    /// The records of the resumed run, judged by what is known and asked now.
    fn rejudged(
        &self,
        journal: &Journal,
        info: &RunInfo,
        gate: Option<&Gate>,
    ) -> Result<Vec<Record>, Vec<String>> {
        let mut records = journal.records().map_err(fault)?;
        for record in &mut records {
            let against = gate.and_then(|gate| gate.case(&record.case.name));
            let changed = against != record.against;
            record.against = against;
            let verdict = judge(record, &self.book, &info.mode);
            if verdict != record.verdict || changed {
                record.verdict = verdict;
                journal.write(record).map_err(fault)?;
            }
        }
        Ok(records)
    }
}

/// The last attempt of each case.
fn last_attempts(records: &[Record]) -> BTreeMap<String, Record> {
    let mut last: BTreeMap<String, Record> = BTreeMap::new();
    for record in records {
        let known = last.get(&record.case.name);
        if known.is_none_or(|known| known.attempt < record.attempt) {
            last.insert(record.case.name.clone(), record.clone());
        }
    }
    last
}

/// Runs the trials and what follows after the last.
fn execute(options: &Options, selected: Selected, session: Session, end: &End) -> Exit {
    let arguments = trials::arguments(options, &selected.left_out);
    let session = Arc::new(Mutex::new(session));
    let trials = trials::trials(selected, &session);
    let echoes = options.no_capture && !options.is_json();
    let stopped = if echoes { console::stop_commands() } else { None };
    // It panics where stdout is closed under it; what has run shall be reported all the same.
    let printed = catch_unwind(AssertUnwindSafe(|| libtest_mimic::run(&arguments, trials)));
    if let Some(token) = stopped {
        console::resume_commands(&token);
    }
    let Some(session) = Arc::into_inner(session) else { return Exit::Failed };
    let mut session = session.into_inner().unwrap_or_else(PoisonError::into_inner);
    session.finish();
    let (views, mut events) = session.into_outputs();
    let summary = match end.finish(views) {
        Ok(summary) => summary,
        Err(error) => {
            console::faults(&[format!(
                "{}: the report cannot be written: {error}",
                end.places.folder.display()
            )]);
            return Exit::Failed;
        }
    };
    events.send(&Event::RunFinished { summary: &summary });
    if printed.is_err() || summary.has_failed() { Exit::Failed } else { Exit::Ok }
}

/// What is needed at the end of a run.
#[derive(Debug, Clone)]
struct End {
    info: Arc<RunInfo>,
    /// The cases that this process was to run.
    own: Arc<BTreeSet<String>>,
    book: Arc<Book>,
    places: Places,
    json: bool,
    colours: bool,
}

impl End {
    /// Writes the views for the last time and prints the summary.
    fn finish(&self, views: Option<Views>) -> io::Result<Summary> {
        let Some(views) = views else {
            // Which entries matched nothing can only be said over all cases, in `wattest report`.
            let cases = views::regenerate(&self.places, &self.info, |_| Vec::new())?;
            return Ok(self.own(&cases));
        };
        let cases = views.finish(Vec::new())?;
        let standings = self.standings(&cases);
        views::write(&self.places, &self.info, &cases, &standings)?;
        Ok(self.show(&cases, &standings))
    }

    fn standings(&self, cases: &[CaseView]) -> Vec<Standing> {
        let records: Vec<Record> = cases.iter().map(|view| view.record.clone()).collect();
        let planned: Vec<&str> = self.info.planned.iter().map(String::as_str).collect();
        self.book.settle(&records, &planned, &self.info.mode)
    }

    fn show(&self, cases: &[CaseView], standings: &[Standing]) -> Summary {
        let report = Report::new(&self.info, cases, standings);
        console::print(&console::summary(&report, &self.places.folder, self.colours), self.json);
        console::annotate(&self.info, standings, self.json);
        report.summary
    }

    /// Under nextest: of all cases in the folder, those of this process.
    fn own(&self, cases: &[CaseView]) -> Summary {
        let own = cases.iter().filter(|view| self.own.contains(&view.record.case.name));
        let records = own.map(|view| view.record.clone()).collect();
        let own = attempts(records, |_| wattest::report::Evidence::default());
        let mut summary = Report::new(&self.info, &own, &[]).summary;
        // What other processes run may be decided by the gate, if this one's case is none for it.
        summary.energy_gate = summary.energy_gate.filter(|gate| gate.undecided > 0);
        if let Some(why) = summary.idle_gate() {
            console::print(&format!("the energy gate {why}\n"), true);
        }
        // nextest shows the end of stderr first.
        for row in &summary.failures {
            let cause = console_line(&row.cause, 400);
            console::print(&format!("{}: {}: {cause}\n", row.name, row.kind), true);
        }
        summary
    }
}
