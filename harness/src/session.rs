//! The run as the trials share it: runs a case, judges it, keeps its record.

use std::collections::BTreeMap;
use std::sync::Arc;

use wattest::issues::Book;
use wattest::record::Record;
use wattest::report::RunInfo;
use wattest::report::text::{count, one_line};
use wattest::run::{Journal, Supervisor};
use wattest::schema::Case;
use wattest::verdict::{Status, Verdict, judge};

use crate::console;
use crate::events::{Event, Events};
use crate::gate::Gate;
use crate::views::Views;

/// Longest reason of a skip on the console.
const REASON: usize = 160;

/// What a trial is told of its case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// It passed.
    Passed,
    /// It was not run, and why.
    Skipped(String),
    /// It did not pass: what the console shows of it.
    Failed(String),
}

/// What the trials of a run share.
#[derive(Debug)]
pub(crate) struct Session {
    supervisor: Supervisor,
    journal: Journal,
    book: Arc<Book>,
    info: Arc<RunInfo>,
    /// None where several processes fill the folder: the views are made from the journal then.
    views: Option<Views>,
    events: Events,
    retries: u32,
    max_fail: Option<usize>,
    /// The records of the part of the run that is resumed.
    recorded: BTreeMap<String, Record>,
    /// What energy is compared with.
    gate: Option<Gate>,
    /// Status of the last attempt of each case.
    statuses: BTreeMap<String, Status>,
    /// Why no further case is started.
    stopped: Option<String>,
}

/// What a session is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Runs the cases.
    pub supervisor: Supervisor,
    /// Keeps the records.
    pub journal: Journal,
    /// The known issues.
    pub book: Arc<Book>,
    /// What was asked for.
    pub info: Arc<RunInfo>,
    /// Keeps the views up to date.
    pub views: Option<Views>,
    /// Tells what happens.
    pub events: Events,
    /// How often a case that did not pass is tried again.
    pub retries: u32,
    /// After how many failures no further case is started.
    pub max_fail: Option<usize>,
    /// The records of the part of the run that is resumed: the last attempt of each case.
    pub recorded: BTreeMap<String, Record>,
    /// What energy is compared with.
    pub gate: Option<Gate>,
}

impl Session {
    /// A session in which nothing has run yet.
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            supervisor: parts.supervisor,
            journal: parts.journal,
            book: parts.book,
            info: parts.info,
            views: parts.views,
            events: parts.events,
            retries: parts.retries,
            max_fail: parts.max_fail,
            recorded: parts.recorded,
            gate: parts.gate,
            statuses: BTreeMap::new(),
            stopped: None,
        }
    }

    /// Runs `case`, again where it does not pass and may be retried. A case that the resumed part
    /// of the run has a record of is told from that.
    pub(crate) fn run(&mut self, case: &Case) -> Told {
        if let Some(record) = self.recorded.get(&case.name) {
            let told = self.told(record);
            self.statuses.insert(case.name.clone(), record.verdict.status);
            return told;
        }
        if let Some(why) = &self.stopped {
            return Told::Skipped(format!("not run: {why}"));
        }
        let mut attempt = 1;
        let told = loop {
            self.events.send(&Event::CaseStarted { name: &case.name, attempt });
            let record = self.supervisor.run(case, attempt);
            while let Some(late) = self.supervisor.take_late() {
                self.keep(late);
            }
            let record = self.keep(record);
            if !record.verdict.status.is_bad() || attempt > self.retries || self.stopped.is_some() {
                break self.told(&record);
            }
            attempt += 1;
        };
        self.stop_after_failures();
        told
    }

    /// Ends the worker, and keeps what came after the end of the last case.
    pub(crate) fn finish(&mut self) {
        if let Some(late) = self.supervisor.finish() {
            self.keep(late);
        }
        // Other processes of a shared run may still want them; a leftover costs disk space only.
        if self.views.is_some() {
            let _ = self.journal.discard_references();
        }
    }

    /// The writer of the views and of the events, for the end of the run.
    pub(crate) fn into_outputs(self) -> (Option<Views>, Events) {
        (self.views, self.events)
    }

    /// Judges `record`, writes it and shows it.
    fn keep(&mut self, mut record: Record) -> Record {
        record.against = self.gate.as_ref().and_then(|gate| gate.case(&record.case.name));
        record.verdict = judge(&record, &self.book, &self.info.mode);
        if let Err(error) = self.journal.write(&record) {
            // Without its record a case has not happened.
            record.verdict = Verdict {
                status: Status::Error,
                kind: "harness".to_owned(),
                cause: format!("the record cannot be kept: {error}"),
                ..record.verdict
            };
            self.stopped = Some("records cannot be written".to_owned());
        }
        self.statuses.insert(record.case.name.clone(), record.verdict.status);
        self.events.send(&Event::CaseFinished { record: &record });
        if let Some(views) = &self.views {
            views.add(record.clone());
        }
        record
    }

    fn told(&self, record: &Record) -> Told {
        match record.verdict.status {
            Status::Pass => Told::Passed,
            Status::Skip => Told::Skipped(one_line(&record.verdict.cause, REASON)),
            Status::Fail | Status::Error => Told::Failed(console::failure(
                record,
                &self.info.command.reproduce(&record.case.name),
                self.journal.folder(),
            )),
        }
    }

    fn stop_after_failures(&mut self) {
        let Some(most) = self.max_fail else { return };
        let failed = self.statuses.values().filter(|status| status.is_bad()).count();
        if failed >= most && self.stopped.is_none() {
            self.stopped = Some(format!("after {}", count(failed, "failure")));
        }
    }
}
