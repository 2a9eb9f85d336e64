//! What a worker does with a case: the one place where a backend is called.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::backends::score_tables::without_scores;
use crate::backends::{self, Availability, Backend, BackendError, Engine, Generation, guarded};
use crate::energy::{Reading, Recorder};
use crate::record::{Comparison, Outcome};
use crate::report::timeseries::{self, Series, Window};
use crate::run::files;
use crate::run::placeholder;
use crate::run::prompts::prompts;
use crate::run::protocol::{Ended, Setup, phase_name};
use crate::run::references::{Reference, References};
use crate::run::requirement::{Found, model_type};
use crate::scan::Phase;
use crate::schema::{self, Case, Kind};
use crate::settings::Settings;

/// Tells the supervisor which phase begins.
pub(super) trait Marks {
    /// Announces `phase`; returns when it may begin.
    fn begin(&mut self, phase: Phase) -> Result<(), Gone>;
}

/// The supervisor is no longer there.
#[derive(Debug)]
pub(super) struct Gone;

/// What a worker keeps between cases.
pub(super) struct Session {
    setup: Setup,
    backends: HashMap<String, Box<dyn Backend>>,
    engine: Option<Loaded>,
    /// Whether any engine was loaded in this process, or was to be.
    has_loaded: bool,
    references: References,
    found: Found,
    /// Opened where first a model is loaded: what loads none costs nothing.
    recorder: Option<Recorder>,
    /// What the meters said of the case, where that is to be kept.
    series: Option<Series>,
}

struct Loaded {
    backend: String,
    key: String,
    engine: Box<dyn Engine>,
}

/// Why a case goes no further.
enum Stop {
    Gone,
    Because(Box<Outcome>),
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<Outcome> for Stop {
    fn from(outcome: Outcome) -> Self {
        Self::Because(Box::new(outcome))
    }
}

impl Session {
    pub(super) fn new(mut setup: Setup) -> Self {
        setup.backends.replica = Some(setup.worker.clone());
        let references = References::new(&setup.run, &setup.model);
        let found = Found::new(backends::interpreter(&setup.backends));
        Self {
            setup,
            backends: HashMap::new(),
            engine: None,
            has_loaded: false,
            references,
            found,
            recorder: None,
            series: None,
        }
    }

    /// Runs `case`, and writes what the meters said to the file `series` in the run folder, where
    /// one is named. Whether it left processes behind is the caller's to see.
    pub(super) fn run(
        &mut self,
        case: &Case,
        series: Option<String>,
        marks: &mut dyn Marks,
    ) -> Result<Ended, Gone> {
        let mut ended = Ended::with(Outcome::Completed);
        ended.series = series;
        // The model is known by now, so it is filled in first.
        let model = |settings| placeholder::fill_model(settings, &self.setup.model);
        let known = Case {
            settings: model(&case.settings),
            reference: model(&case.reference),
            ..case.clone()
        };
        ended.resolved = (known.settings != case.settings).then(|| known.settings.clone());
        match self.try_run(&known, marks, &mut ended) {
            Ok(()) => {}
            Err(Stop::Gone) => return Err(Gone),
            Err(Stop::Because(outcome)) => {
                ended.outcome = *outcome;
                ended.series = None;
            }
        }
        ended.keeps_process = self.keeps_process(&case.backend);
        Ok(ended)
    }

    /// Whether this process is fit for another engine of `backend`. One that has loaded none, as
    /// all its cases were skipped, is as new.
    fn keeps_process(&self, backend: &str) -> bool {
        let says = |backend: &dyn Backend| guarded(|| Ok(backend.keeps_process()));
        let backend = self.backends.get(backend);
        !self.has_loaded || backend.is_some_and(|one| says(one.as_ref()).unwrap_or(false))
    }

    fn try_run(
        &mut self,
        case: &Case,
        marks: &mut dyn Marks,
        ended: &mut Ended,
    ) -> Result<(), Stop> {
        self.check_backend(case)?;
        self.check_requirements(case)?;
        let case = &self.resolve(case)?;
        let (settings, reference) = self.fill_in(case, marks)?;
        if settings != case.settings {
            ended.resolved = Some(settings.clone());
        }
        ended.reference = reference.as_ref().map(|made| without_scores(&made.generation));
        self.load(case, &settings, marks)?;
        // The model's type may be known only now.
        if let Some(loaded) = &self.engine {
            let architecture = loaded.engine.architecture();
            let model = &self.setup.model;
            skip_if(self.found.missing(&case.requirements, Some(&architecture), model))?;
        }
        marks.begin(Phase::Run)?;
        let wanted = ended.series.take();
        let (output, energy) = self.measured(case, &settings, wanted.is_some())?;
        ended.energy = energy;
        ended.series = self.keep_series(case, wanted)?;
        ended.comparison = reference.map(|made| Comparison::between(&output, &made.generation));
        // The tables have been compared; a record must stay small.
        ended.output = Some(without_scores(&output));
        if case.kind == Kind::Baseline {
            // The baseline is what most cases of other engines are compared with.
            let row = self.row(&output);
            let reference = Reference { generation: output, row };
            self.references.put(&case.backend, &settings, reference, true);
        }
        Ok(())
    }

    fn check_backend(&mut self, case: &Case) -> Result<(), Stop> {
        if !self.backends.contains_key(&case.backend) {
            let Some(backend) = backends::find(&case.backend, &self.setup.backends) else {
                let known = backends::names().join(", ");
                let reason = format!("there is no backend `{}`; there are: {known}", case.backend);
                return Err(Outcome::Broken { reason }.into());
            };
            self.backends.insert(case.backend.clone(), backend);
        }
        match self.backends[&case.backend].availability() {
            Availability::Ready => Ok(()),
            Availability::Off { reason, remedy } => skip_if(Some(format!("{reason}; {remedy}"))),
        }
    }

    fn check_requirements(&mut self, case: &Case) -> Result<(), Stop> {
        if case.requirements.is_empty() {
            return Ok(());
        }
        let architecture = model_type(&self.setup.model);
        let model = &self.setup.model;
        let missing = self.found.missing(&case.requirements, architecture.as_deref(), model);
        let backend = self.backends.get(&case.backend);
        if let (Kind::Negative, Some(_), Some(backend)) = (case.kind, &missing, backend) {
            // What is refused without any work is refused on every machine.
            guarded(|| backend.check(&case.settings)).map_err(|said| errored(said, Phase::Load))?;
        }
        skip_if(missing)
    }

    /// The case with its settings by the names that the backend knows. A name that is refused as
    /// declared goes no further, unless the backend takes it: then the case is to show that.
    fn resolve(&self, case: &Case) -> Result<Case, Stop> {
        let Some(names) = self.setup.names.get(&case.backend) else { return Ok(case.clone()) };
        match names.resolve(&case.given()) {
            Ok(named) => Ok(Case { settings: named.settings, ..case.clone() }),
            Err(refusal) => {
                let mut alone = Settings::new();
                alone.set(refusal.parameter.clone(), refusal.value.clone());
                let backend = self.backends.get(&case.backend);
                match backend.map(|backend| guarded(|| backend.check(&alone))) {
                    Some(Ok(())) => Ok(case.clone()),
                    _ => Err(errored(refusal.into(), Phase::Load)),
                }
            }
        }
    }

    /// The settings of the case with their placeholders filled in, and the output to compare with.
    ///
    /// Placeholders in the value point into the reference output. Those in other settings
    /// (companions, the reference's own) point into the output without any of them.
    fn fill_in(
        &mut self,
        case: &Case,
        marks: &mut dyn Marks,
    ) -> Result<(Settings, Option<Rc<Reference>>), Stop> {
        let is_value = |path: &str| case.parameter.as_deref() == Some(path);
        let has = |settings: &Settings, value: bool| {
            settings
                .iter()
                .any(|(path, one)| is_value(path) == value && schema::Reference::within(one))
        };
        let mut settings = case.settings.clone();
        let mut reference = case.reference.clone();
        if has(&settings, false) || has(&reference, false) || has(&reference, true) {
            let plain = reference.only(|path| {
                reference.get(path).is_some_and(|value| !schema::Reference::within(value))
            });
            let base = self.reference(case, &plain, marks)?;
            settings = fill(&base.row, &settings, |path| !is_value(path))?;
            reference = fill(&base.row, &reference, |_| true)?;
        }
        let in_value = has(&settings, true);
        if case.kind != Kind::Valid && !in_value {
            return Ok((settings, None));
        }
        let made = self.reference(case, &reference, marks)?;
        if in_value {
            settings = fill(&made.row, &settings, is_value)?;
        }
        Ok((settings, (case.kind == Kind::Valid).then_some(made)))
    }

    /// The output of the backend of `case` with `settings`.
    fn reference(
        &mut self,
        case: &Case,
        settings: &Settings,
        marks: &mut dyn Marks,
    ) -> Result<Rc<Reference>, Stop> {
        if let Some(known) = self.references.get(&case.backend, settings) {
            return Ok(known);
        }
        let load = settings.only(|path| case.load_paths.iter().any(|one| one == path));
        let key = load.key();
        let (generation, row);
        let own_key = case.load_settings().key();
        if self.has(&case.backend, &key) || key == own_key {
            self.load(case, settings, marks)?;
            marks.begin(Phase::Reference)?;
            generation = self.generate(settings, Phase::Reference)?;
            row = self.row(&generation);
        } else {
            // Another engine than that of the case. It goes before the case's own is loaded where
            // it can, as two may not fit. Where two never fit, the case's own is loaded anew.
            marks.begin(Phase::Reference)?;
            let alone = self.backends.get(&case.backend).is_some_and(|one| one.one_engine());
            let stays = !alone && self.has(&case.backend, &own_key);
            let own = if stays { self.engine.take() } else { None };
            self.drop_engine();
            let made =
                self.load_engine(case, &load, Phase::Reference, own.is_some()).and_then(|loaded| {
                    self.engine = Some(loaded);
                    let generation = self.generate(settings, Phase::Reference)?;
                    Ok((self.row(&generation), generation))
                });
            self.drop_engine();
            self.engine = own;
            (row, generation) = made?;
        }
        // Other groups may want what is not of this one's engine.
        let shared = key != own_key;
        Ok(self.references.put(&case.backend, settings, Reference { generation, row }, shared))
    }

    fn row(&self, generation: &Generation) -> placeholder::Row {
        placeholder::Row::of(generation, |token| {
            self.engine.as_ref().map(|loaded| loaded.engine.token_text(token)).unwrap_or_default()
        })
    }

    fn has(&self, backend: &str, key: &str) -> bool {
        self.engine.as_ref().is_some_and(|own| own.backend == backend && own.key == key)
    }

    /// Makes the engine for the load settings among `settings` the current one.
    fn load(
        &mut self,
        case: &Case,
        settings: &Settings,
        marks: &mut dyn Marks,
    ) -> Result<(), Stop> {
        let load = settings.only(|path| case.load_paths.iter().any(|one| one == path));
        if self.has(&case.backend, &load.key()) {
            return Ok(());
        }
        marks.begin(Phase::Load)?;
        self.drop_engine();
        self.engine = Some(self.load_engine(case, &load, Phase::Load, false)?);
        Ok(())
    }

    /// Loads an engine; `others` says whether another one stays.
    fn load_engine(
        &mut self,
        case: &Case,
        load: &Settings,
        phase: Phase,
        others: bool,
    ) -> Result<Loaded, Stop> {
        let Some(backend) = self.backends.get(&case.backend) else {
            let reason = format!("backend `{}` is not open", case.backend);
            return Err(Outcome::Broken { reason }.into());
        };
        self.has_loaded = true;
        let open = || Recorder::open(&self.setup.energy, self.setup.measurement);
        self.recorder.get_or_insert_with(open).before_load(others);
        let loaded = guarded(|| backend.load(&self.setup.model, load));
        let engine = loaded.map_err(|error| errored(error, phase))?;
        Ok(Loaded { backend: case.backend.clone(), key: load.key(), engine })
    }

    /// The output of the case, and what it cost.
    fn measured(
        &mut self,
        case: &Case,
        settings: &Settings,
        keeps: bool,
    ) -> Result<(Generation, Reading), Stop> {
        self.series = None;
        // A negative one is to do no work: there is nothing to measure.
        let taken = if case.kind == Kind::Negative { None } else { self.recorder.take() };
        let Some(mut recorder) = taken else {
            let reading = Reading::unknown("a negative case is not measured");
            return Ok((self.generate(settings, Phase::Run)?, reading));
        };
        if keeps {
            recorder.keep_traces();
        }
        let generate = || self.generate(settings, Phase::Run);
        let (measured, window) = Window::around(|| recorder.measure(Generation::work, generate));
        if keeps && measured.is_ok() {
            self.series = Some(Series::of(recorder.traces(), Some(window)));
        }
        self.recorder = Some(recorder);
        measured
    }

    /// Writes what the meters said of the case to `file`; none where no meter said anything.
    fn keep_series(&mut self, case: &Case, file: Option<String>) -> Result<Option<String>, Stop> {
        let Some((file, series)) = file.zip(self.series.take()) else { return Ok(None) };
        if series.rows.is_empty() {
            return Ok(None);
        }
        let path = self.setup.run.join(&file);
        let bytes = timeseries::parquet(&series, &case.name).map_err(std::io::Error::other);
        bytes.and_then(|bytes| files::replace(&path, &bytes)).map_err(|error| {
            let path = path.display();
            let reason = format!("{path} cannot be written: {error}; mend that and run again");
            Outcome::Broken { reason }
        })?;
        Ok(Some(file))
    }

    fn generate(&mut self, settings: &Settings, phase: Phase) -> Result<Generation, Stop> {
        let Some(loaded) = &mut self.engine else {
            let reason = "no engine is loaded".to_owned();
            return Err(Outcome::Broken { reason }.into());
        };
        guarded(|| loaded.engine.generate(&prompts(), settings)).map_err(|error| {
            // A refusal comes before any work; after anything else the engine may be half-way
            // through something, and the next case shall not suffer from it.
            if !matches!(error, BackendError::Refused(_)) {
                self.drop_engine();
            }
            errored(error, phase)
        })
    }

    /// Ends the engine. A panic while it is dropped has been written to stderr, and is over.
    pub(super) fn drop_engine(&mut self) {
        if let Some(loaded) = self.engine.take() {
            let _ = catch_unwind(AssertUnwindSafe(move || drop(loaded)));
        }
    }
}

fn errored(error: BackendError, phase: Phase) -> Stop {
    let outcome = match error {
        // What is not there is not at fault.
        BackendError::Unavailable { reason, remedy } => {
            Outcome::Skipped { reason: format!("{reason}; {remedy}") }
        }
        error => Outcome::Errored { error, during: phase_name(phase).to_owned() },
    };
    outcome.into()
}

fn skip_if(reason: Option<String>) -> Result<(), Stop> {
    reason.map_or(Ok(()), |reason| Err(Outcome::Skipped { reason }.into()))
}

fn fill(
    row: &placeholder::Row,
    settings: &Settings,
    wanted: impl Fn(&str) -> bool,
) -> Result<Settings, Stop> {
    let filled = row.fill(settings, wanted);
    filled.map_err(|beyond| Outcome::Skipped { reason: beyond.reason() }.into())
}
