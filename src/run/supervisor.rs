//! The supervisor: starts workers, keeps deadlines, captures and scans, and makes records.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::backends::{self, Availability};
use crate::capture::{CaseCapture, Redirect};
use crate::energy::{self, Measurement};
use crate::process::WorkerCommand;
use crate::record::{Captured, Outcome, Record, SCHEMA_VERSION};
use crate::run::files;
use crate::run::host::Worker;
use crate::run::protocol::{Ended, PROTOCOL, Request, Setup, phase_name};
use crate::run::watch::{Ending, Limits, Reader, Released, Watched, dismiss, release, watch};
use crate::schema::{Case, Names};
use crate::verdict::Verdict;

/// Read at once from a pipe: what a pipe holds at most.
const BUFFER: usize = 1 << 20;

/// How long a worker may take to end when it is asked to; unloading a large model is slow.
const DISMISSAL: Duration = Duration::from_secs(30);

/// What shares a worker process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolate {
    /// The cases with the same load key.
    Group,
    /// Every case has its own.
    Case,
    /// No worker: everything in this process, for debuggers and profilers. Deadlines cannot be
    /// kept then, and a crash ends the run.
    None,
}

/// What the supervisor needs to know.
#[derive(Debug, Clone)]
pub struct SupervisorOptions {
    /// Folder of the run: logs go to `<run>/logs`.
    pub run: PathBuf,
    /// Model directory.
    pub model: PathBuf,
    /// Options of the backends.
    pub backends: backends::Options,
    /// Where the sources of energy are.
    pub energy: energy::Options,
    /// How thoroughly energy is measured. Measuring takes no more than its budget, and half of
    /// the shorter of the two deadlines below.
    pub measurement: Measurement,
    /// Whether what the meters said is written beside each record.
    pub timeseries: bool,
    /// By backend, what its parameters may be called; of one that is not there, nothing is known
    /// beside what the backend knows.
    pub names: BTreeMap<String, Names>,
    /// What shares a process.
    pub isolate: Isolate,
    /// Deadline of one case, loading included.
    pub timeout: Duration,
    /// Longest silence (no output, no report) within a case.
    pub silence: Duration,
    /// How a worker is started.
    pub worker: WorkerCommand,
    /// Hash of the environment snapshot.
    pub environment: String,
    /// Whether to copy what a case writes to this process's own stdout and stderr as well.
    pub echo: bool,
}

impl SupervisorOptions {
    /// How thoroughly energy is measured, such that no deadline is missed for it.
    fn measurement(&self) -> Measurement {
        let most = self.timeout.min(self.silence) / 2;
        let budget = self.measurement.budget.map_or(most, |budget| budget.min(most));
        Measurement { budget: Some(budget), ..self.measurement }
    }
}

/// Runs cases one at a time; keeps the worker between cases of one group, and for another group of
/// the same backend where that says that its process is fit for it.
///
/// What threads and children of a case write after its end is found when the next case starts, or
/// at [`Supervisor::finish`]; the case's record is then given once more, by
/// [`Supervisor::take_late`].
#[derive(Debug)]
pub struct Supervisor {
    options: SupervisorOptions,
    worker: Option<Current>,
    last: Option<Last>,
    late: Option<Record>,
    /// Why a backend cannot run, once it was asked.
    off: BTreeMap<String, Option<String>>,
    buffer: Vec<u8>,
}

/// What a worker is for: backend and load key.
type Group = (String, String);

/// The worker that there is.
#[derive(Debug)]
struct Current {
    /// What it is for now.
    group: Group,
    worker: Worker,
    /// Whether it may serve another group of its backend.
    keeps: bool,
}

/// The last case: open for what is still written.
#[derive(Debug)]
struct Last {
    record: Record,
    capture: CaseCapture,
}

impl Supervisor {
    /// A supervisor without a worker yet.
    pub fn new(options: SupervisorOptions) -> Self {
        let off = BTreeMap::new();
        Self { options, worker: None, last: None, late: None, off, buffer: vec![0; BUFFER] }
    }

    /// What it was made with.
    pub fn options(&self) -> &SupervisorOptions {
        &self.options
    }

    /// Runs `case` whatever it does. The verdict of the record is pending.
    pub fn run(&mut self, case: &Case, attempt: u32) -> Record {
        let group = (case.backend.clone(), case.load_settings().key());
        self.settle(Some(&group));
        let started = Timestamp::now();
        let clock = Instant::now();
        let mut capture = CaseCapture::new();
        let mut phases_s = BTreeMap::new();
        let mut left = Vec::new();
        let ended = match self.watch_case(case, attempt, &group, &mut capture) {
            Ok(watched) => {
                phases_s = watched.phases.clone();
                let lives = matches!(watched.ending, Ending::Ended(_));
                let ended = self.ended(watched);
                match &mut self.worker {
                    Some(current) if lives => {
                        let shares = self.options.isolate == Isolate::Group;
                        current.keeps = ended.keeps_process && shares;
                    }
                    _ => left = self.bury(&mut capture),
                }
                ended
            }
            Err(reason) => {
                self.worker = None;
                Box::new(Ended::with(Outcome::Broken { reason }))
            }
        };
        left.splice(0..0, ended.left_children);
        capture.end();
        let record = Record {
            schema_version: SCHEMA_VERSION,
            case: case.clone(),
            attempt,
            model: self.options.model.display().to_string(),
            group: group.1,
            started: format!("{started:.6}"),
            duration_s: clock.elapsed().as_secs_f64(),
            phases_s,
            outcome: ended.outcome,
            output: ended.output,
            reference: ended.reference,
            resolved: ended.resolved,
            comparison: ended.comparison,
            findings: Vec::new(),
            findings_dropped: 0,
            energy: ended.energy,
            series: ended.series,
            against: None,
            environment: self.options.environment.clone(),
            captured: Captured::default(),
            left_children: left,
            aftermath: None,
            verdict: Verdict::pending(),
        };
        let mut last = Last { record, capture };
        last.settle(&self.options);
        let record = last.record.clone();
        self.last = Some(last);
        if self.options.isolate != Isolate::Case {
            return record;
        }
        // Nothing else will use this worker: all that is still to come can be had now.
        self.settle(None);
        self.late.take().unwrap_or(record)
    }

    /// The record of an earlier case once more, where something came after its end: stray output,
    /// a crash of the worker, processes that outlived it. It replaces the earlier one; its
    /// verdict is pending.
    pub fn take_late(&mut self) -> Option<Record> {
        self.late.take()
    }

    /// Ends the worker. The record of the last case once more, where something came after it.
    pub fn finish(&mut self) -> Option<Record> {
        self.settle(None);
        self.last = None;
        self.late.take()
    }

    /// Collects what the last case's worker wrote since its end, and keeps the worker where it
    /// serves `next`.
    fn settle(&mut self, next: Option<&Group>) {
        let Some(last) = &mut self.last else { return };
        let Some(Current { group, worker, keeps }) = &mut self.worker else { return };
        let redirect = worker.redirect().ok().flatten();
        let echo = self.options.echo.then(|| echo_to(redirect.as_ref()));
        let mut reader = Reader::new(&mut self.buffer, echo);
        let stray = last.capture.stray_bytes();
        reader.drain(worker, &mut last.capture);
        let exit = worker.exited();
        let is_whole = worker.stdout.is_open() && worker.stderr.is_open();
        // In a thread there is one worker for all.
        let serves = next.is_some_and(|next| next == group || !worker.can_be_killed());
        let mut aftermath = exit.map(|exit| exit.to_string());
        let mut left = Vec::new();
        let grace = DISMISSAL.min(self.options.timeout);
        let lives = exit.is_none() && is_whole;
        let (mut stays, mut ends) = (lives && serves, exit.is_none());
        let fits = |next: &&Group| *keeps && next.0 == group.0;
        if let Some(next) = next.filter(fits).filter(|_| lives && !serves) {
            // What is written while the engine goes is of the case that used it last.
            match release(worker, &mut last.capture, &mut reader, grace) {
                Released::Done => {
                    *group = next.clone();
                    stays = true;
                }
                Released::Exited(exit) => {
                    aftermath = Some(format!("asked to drop its engine, it {exit}"));
                    ends = false;
                }
                Released::Late => {
                    let how = "asked to drop its engine, it did not within";
                    aftermath = Some(format!("{how} {grace:?}; killed"));
                    ends = false;
                }
            }
        }
        if !stays {
            if ends {
                aftermath = match dismiss(worker, &mut last.capture, &mut reader, grace) {
                    Some(exit) if exit.code == Some(0) => None,
                    Some(exit) => Some(format!("asked to end, it {exit}")),
                    None => Some(format!("asked to end, it did not within {grace:?}; killed")),
                };
            }
            left = worker.end_group();
            reader.drain(worker, &mut last.capture);
            drop(redirect);
            self.worker = None;
        }
        if last.capture.stray_bytes() > stray || aftermath.is_some() || !left.is_empty() {
            last.record.aftermath = aftermath;
            last.record.left_children.extend(left);
            last.settle(&self.options);
            self.late = Some(last.record.clone());
        }
    }

    /// Starts a worker where there is none, gives it the case and watches it.
    fn watch_case(
        &mut self,
        case: &Case,
        attempt: u32,
        group: &Group,
        capture: &mut CaseCapture,
    ) -> Result<Watched, String> {
        // No process is started for the many cases of a backend that this build or machine lacks.
        if let Some(reason) = self.off(&case.backend) {
            return Ok(Watched::not_run(Outcome::Skipped { reason }));
        }
        let logs = self.options.run.join("logs");
        std::fs::create_dir_all(&logs)
            .map_err(|error| format!("{}: cannot be made: {error}", logs.display()))?;
        let is_new = self.worker.is_none();
        if is_new {
            let worker = self.start().map_err(|error| {
                let program = self.options.worker.program.display();
                format!("no worker can be started: {program}: {error}")
            })?;
            self.worker = Some(Current { group: group.clone(), worker, keeps: false });
        }
        let Some(Current { worker, .. }) = &mut self.worker else {
            return Err("no worker".to_owned());
        };
        let redirect = worker
            .redirect()
            .map_err(|error| format!("descriptors 1 and 2 cannot be redirected: {error}"))?;
        let echo = self.options.echo.then(|| echo_to(redirect.as_ref()));
        if is_new {
            let setup = Setup {
                protocol: PROTOCOL,
                model: self.options.model.clone(),
                backends: self.options.backends.clone(),
                energy: self.options.energy.clone(),
                measurement: self.options.measurement(),
                names: self.options.names.clone(),
                worker: self.options.worker.clone(),
                run: self.options.run.clone(),
            };
            if self.options.timeseries {
                let records = self.options.run.join("records");
                std::fs::create_dir_all(&records)
                    .map_err(|error| format!("{}: cannot be made: {error}", records.display()))?;
            }
            // A worker that ended at once is seen by watching it.
            let _ = worker.send(&Request::Setup(Box::new(setup)));
        }
        let series = self.options.timeseries.then(|| files::series(&case.name, attempt));
        let _ = worker.send(&Request::Run { case: Box::new(case.clone()), series });
        let limits = Limits { timeout: self.options.timeout, silence: self.options.silence };
        Ok(watch(worker, capture, &mut Reader::new(&mut self.buffer, echo), limits))
    }

    /// Why the backend of that name cannot run here, and what to do; none where it can.
    fn off(&mut self, backend: &str) -> Option<String> {
        if let Some(known) = self.off.get(backend) {
            return known.clone();
        }
        let found = backends::find(backend, &self.options.backends)?;
        let reason = match found.availability() {
            Availability::Ready => None,
            Availability::Off { reason, remedy } => Some(format!("{reason}; {remedy}")),
        };
        self.off.insert(backend.to_owned(), reason.clone());
        reason
    }

    fn start(&self) -> std::io::Result<Worker> {
        match self.options.isolate {
            Isolate::None => Worker::start_here(),
            Isolate::Group | Isolate::Case => Worker::start(&self.options.worker),
        }
    }

    /// What the end of watching means.
    fn ended(&self, watched: Watched) -> Box<Ended> {
        let during = phase_name(watched.phase).to_owned();
        let program = self.options.worker.program.display();
        let ready = self.worker.as_ref().is_some_and(|current| current.worker.ready);
        let outcome = match watched.ending {
            Ending::Ended(ended) => return ended,
            Ending::Exited(exit) if ready => {
                Outcome::Died { code: exit.code, signal: exit.signal, during }
            }
            Ending::Exited(exit) => Outcome::Broken {
                reason: format!(
                    "the worker {program} {exit} before it was ready; its main function must call \
                     wattest::run::worker::serve"
                ),
            },
            Ending::Deadline => {
                Outcome::TimedOut { limit_s: self.options.timeout.as_secs_f64(), during }
            }
            Ending::Silence => {
                Outcome::Silent { limit_s: self.options.silence.as_secs_f64(), during }
            }
            Ending::Lost(reason) => Outcome::Broken { reason },
        };
        Box::new(Ended::with(outcome))
    }

    /// The worker has ended, or was killed: ends what is left of its group.
    fn bury(&mut self, capture: &mut CaseCapture) -> Vec<String> {
        let Some(Current { mut worker, .. }) = self.worker.take() else { return Vec::new() };
        let left = worker.end_group();
        Reader::new(&mut self.buffer, None).drain(&mut worker, capture);
        left
    }
}

impl Last {
    /// Brings the record up to what was captured.
    fn settle(&mut self, options: &SupervisorOptions) {
        let record = &mut self.record;
        (record.findings, record.findings_dropped) = self.capture.findings();
        let name = files::name(&record.case.name, record.attempt);
        match self.capture.save(&options.run, &name) {
            Ok(captured) => record.captured = captured,
            Err(error) => {
                let logs = options.run.join("logs");
                let reason = format!(
                    "what the case wrote cannot be kept in {}: {error}; mend that and run again",
                    logs.display()
                );
                record.outcome = Outcome::Broken { reason };
            }
        }
    }
}

/// Where this process's own output goes.
fn echo_to(redirect: Option<&Redirect>) -> [std::os::fd::BorrowedFd<'_>; 2] {
    match redirect {
        Some(redirect) => [redirect.stdout(), redirect.stderr()],
        None => [rustix::stdio::stdout(), rustix::stdio::stderr()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trial of a test harness may run in any thread.
    #[test]
    fn a_supervisor_may_go_to_another_thread() {
        fn is_send<T: Send>() {}
        is_send::<Supervisor>();
    }
}
