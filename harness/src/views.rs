//! Keeping the views up to date while a run goes on, off the path of the cases.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wattest::issues::Standing;
use wattest::record::Record;
use wattest::report::{
    CaseView, Evidence, Report, RunInfo, attempts, breaches, junit, markdown, save,
};
use wattest::run::Journal;

use crate::folder;

/// Shortest time between two writings of the views.
const PAUSE: Duration = Duration::from_millis(250);

/// By how much writing may slow a run down: the pause is so many times the last writing.
const SHARE: u32 = 20;

/// Where the views of a run go.
#[derive(Debug, Clone)]
pub struct Places {
    /// The folder of the run.
    pub folder: PathBuf,
    /// A further place for junit.xml.
    pub junit: Option<PathBuf>,
}

/// Writes the views in a thread of its own: at once after a case where the last writing is long
/// enough ago, a moment later otherwise. What is on disk is always whole.
#[derive(Debug)]
pub struct Views {
    sender: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

enum Message {
    Add(Box<Record>),
    Finish(Vec<Standing>, Sender<io::Result<Vec<CaseView>>>),
}

impl Views {
    /// Starts with the records of an earlier part of the run.
    ///
    /// # Errors
    /// Where the first, empty views cannot be written, or no thread can be started.
    pub fn start(places: Places, info: RunInfo, records: Vec<Record>) -> io::Result<Self> {
        let folder = places.folder.clone();
        let cases = attempts(records, |record| Evidence::load(&folder, record));
        let mut writer = Writer { places, info, cases, standings: Vec::new() };
        writer.write()?;
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("wattest-views".to_owned())
            .spawn(move || writer.serve(&receiver))?;
        Ok(Self { sender, thread: Some(thread) })
    }

    /// Takes the record of a finished case, or of one that has changed since.
    pub fn add(&self, record: Record) {
        // After the end nobody waits for it.
        let _ = self.sender.send(Message::Add(Box::new(record)));
    }

    /// A handle for whoever ends the run from another thread.
    pub fn finisher(&self) -> Finisher {
        Finisher { sender: self.sender.clone() }
    }

    /// Writes everything for the last time and gives the cases.
    ///
    /// # Errors
    /// Where the views cannot be written.
    pub fn finish(mut self, standings: Vec<Standing>) -> io::Result<Vec<CaseView>> {
        let cases = self.finisher().finish(standings);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        cases
    }
}

/// Ends the writing of views, from any thread.
#[derive(Debug, Clone)]
pub struct Finisher {
    sender: Sender<Message>,
}

impl Finisher {
    /// Writes everything that was added, for the last time, and gives the cases.
    ///
    /// # Errors
    /// Where the views cannot be written.
    pub fn finish(&self, standings: Vec<Standing>) -> io::Result<Vec<CaseView>> {
        let gone = || io::Error::other("the writer of the views has ended");
        let (reply, answer) = channel();
        self.sender.send(Message::Finish(standings, reply)).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

/// The thread's own.
struct Writer {
    places: Places,
    info: RunInfo,
    cases: Vec<CaseView>,
    standings: Vec<Standing>,
}

impl Writer {
    fn serve(&mut self, receiver: &Receiver<Message>) {
        let mut due: Option<Instant> = None;
        let mut ready = Instant::now();
        loop {
            let message = match due {
                None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => receiver.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            match message {
                Ok(Message::Add(record)) => {
                    self.add(*record);
                    due.get_or_insert_with(|| ready.max(Instant::now()));
                }
                Ok(Message::Finish(standings, reply)) => {
                    self.standings = standings;
                    let written = self.write();
                    let _ = reply.send(written.map(|()| self.cases.clone()));
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {
                    let begun = Instant::now();
                    // A failure now shows again, and is reported, at the end.
                    let _ = self.write();
                    ready = Instant::now() + PAUSE.max(begun.elapsed() * SHARE);
                    due = None;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Takes `record` in place of the same attempt, or as a further one of its case.
    fn add(&mut self, record: Record) {
        let evidence = Evidence::load(&self.places.folder, &record);
        let known = self.cases.iter_mut().find(|view| view.record.case.name == record.case.name);
        let Some(view) = known else {
            self.cases.push(CaseView { record, earlier: Vec::new(), evidence });
            return;
        };
        let attempt = record.attempt;
        if let Some(earlier) = view.earlier.iter_mut().find(|one| one.attempt == attempt) {
            *earlier = record;
            return;
        }
        let last = std::mem::replace(&mut view.record, record);
        view.evidence = evidence;
        if last.attempt != attempt {
            view.earlier.push(last);
        }
    }

    fn write(&self) -> io::Result<()> {
        write(&self.places, &self.info, &self.cases, &self.standings)
    }
}

/// Writes all views of `cases`.
///
/// # Errors
/// Where one cannot be written.
pub fn write(
    places: &Places,
    info: &RunInfo,
    cases: &[CaseView],
    standings: &[Standing],
) -> io::Result<()> {
    let report = Report::new(info, cases, standings);
    let xml = junit(info, cases, &breaches(info, standings)).map_err(io::Error::other)?;
    save(&places.folder.join("junit.xml"), xml.as_bytes())?;
    if let Some(file) = &places.junit {
        save(file, xml.as_bytes())?;
    }
    save(&places.folder.join("report.json"), report.json()?.as_bytes())?;
    save(&places.folder.join("report.md"), markdown(&report).as_bytes())
}

/// Makes all views anew from the journal in `places`, which several processes may do at a time:
/// the last of them sees all records.
///
/// # Errors
/// Where the journal cannot be read or a view not be written.
pub fn regenerate(
    places: &Places,
    info: &RunInfo,
    standings: impl FnOnce(&[Record]) -> Vec<Standing>,
) -> io::Result<Vec<CaseView>> {
    let _lock = folder::lock(&places.folder)?;
    let journal = Journal::open(&places.folder).map_err(io::Error::other)?;
    let records = journal.records().map_err(io::Error::other)?;
    let standings = standings(&records);
    let cases = attempts(records, |record| Evidence::load(&places.folder, record));
    write(places, info, &cases, &standings)?;
    Ok(cases)
}
