//! The loop in which the supervisor waits: it reads, scans, answers, and keeps the time.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::capture::{CaseCapture, Pipe, Read};
use crate::process::Exit;
use crate::record::Outcome;
use crate::run::host::{Heard, Worker};
use crate::run::protocol::{Ended, PROTOCOL, Report, Request, phase_name};
use crate::scan::{Phase, Stream};

/// How long a worker that is told to go may take, be it by message or by SIGTERM.
const GRACE: Duration = Duration::from_secs(2);

/// How long the process may outlive its channel: at an exit both end at nearly the same time.
const PARTING: Duration = Duration::from_secs(1);

/// Reads the pipes of a worker into the capture of a case.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    buffer: &'a mut [u8],
    /// Where to copy it to, if anywhere: stdout, stderr.
    echo: Option<[BorrowedFd<'a>; 2]>,
}

/// How watching a case ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// The worker said so.
    Ended(Box<Ended>),
    /// The process ended.
    Exited(Exit),
    /// The deadline passed; the worker is killed.
    Deadline,
    /// It was silent for too long; the worker is killed.
    Silence,
    /// The worker does not behave as one; it is killed.
    Lost(String),
}

/// What watching showed.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) ending: Ending,
    pub(super) phase: Phase,
    pub(super) phases: BTreeMap<String, f64>,
}

impl Watched {
    /// Of a case that no worker was given.
    pub(super) fn not_run(outcome: Outcome) -> Self {
        let ending = Ending::Ended(Box::new(Ended::with(outcome)));
        Self { ending, phase: Phase::Load, phases: BTreeMap::new() }
    }
}

/// The time limits of a case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) timeout: Duration,
    pub(super) silence: Duration,
}

impl<'a> Reader<'a> {
    pub(super) fn new(buffer: &'a mut [u8], echo: Option<[BorrowedFd<'a>; 2]>) -> Self {
        Self { buffer, echo }
    }

    /// Reads everything that was written until now, and not more: somebody may write for ever.
    pub(super) fn drain(&mut self, worker: &mut Worker, capture: &mut CaseCapture) {
        self.drain_pipe(&mut worker.stdout, Stream::Stdout, capture);
        self.drain_pipe(&mut worker.stderr, Stream::Stderr, capture);
    }

    fn drain_pipe(&mut self, pipe: &mut Pipe, stream: Stream, capture: &mut CaseCapture) {
        let mut waiting = pipe.waiting();
        // Where nothing waits, one more reading tells whether the other end is closed.
        loop {
            let count = self.read(pipe, stream, capture) as u64;
            waiting = waiting.saturating_sub(count);
            if count == 0 || waiting == 0 {
                return;
            }
        }
    }

    /// Reads once from both; how many bytes came.
    fn step(&mut self, worker: &mut Worker, capture: &mut CaseCapture) -> usize {
        self.read(&mut worker.stdout, Stream::Stdout, capture)
            + self.read(&mut worker.stderr, Stream::Stderr, capture)
    }

    fn read(&mut self, pipe: &mut Pipe, stream: Stream, capture: &mut CaseCapture) -> usize {
        let Read::Bytes(count) = pipe.read(self.buffer) else { return 0 };
        let bytes = &self.buffer[..count];
        capture.feed(stream, bytes);
        if let Some([stdout, stderr]) = self.echo {
            let mut rest = bytes;
            let to = if stream == Stream::Stdout { stdout } else { stderr };
            // A console that is gone must not end the run.
            while let (false, Ok(written)) = (rest.is_empty(), rustix::io::write(to, rest)) {
                rest = &rest[written..];
            }
        }
        count
    }
}

/// Watches the case that was just sent to `worker`, until it ends in one way or another.
pub(super) fn watch(
    worker: &mut Worker,
    capture: &mut CaseCapture,
    reader: &mut Reader<'_>,
    limits: Limits,
) -> Watched {
    let mut watch =
        Watch { worker, capture, reader, phase: Phase::Load, begun: None, phases: BTreeMap::new() };
    let ending = watch.until_end(limits);
    watch.leave();
    Watched { ending, phase: watch.phase, phases: watch.phases }
}

struct Watch<'a, 'b> {
    worker: &'a mut Worker,
    capture: &'a mut CaseCapture,
    reader: &'a mut Reader<'b>,
    phase: Phase,
    begun: Option<Instant>,
    phases: BTreeMap<String, f64>,
}

impl Watch<'_, '_> {
    fn until_end(&mut self, limits: Limits) -> Ending {
        let start = Instant::now();
        let mut sign_of_life = start;
        let mut closed: Option<Instant> = None;
        loop {
            let left = [
                self.kills().then(|| limits.timeout.saturating_sub(start.elapsed())),
                self.kills().then(|| limits.silence.saturating_sub(sign_of_life.elapsed())),
                closed.map(|at| PARTING.saturating_sub(at.elapsed())),
            ];
            let left = left.into_iter().flatten().min().unwrap_or(Duration::from_secs(3600));
            self.worker.wait(left, closed.is_none());
            if self.reader.step(self.worker, self.capture) > 0 {
                sign_of_life = Instant::now();
            }
            // Asked before hearing: what it had said before it ended is then surely here.
            let exit = self.worker.exited();
            while closed.is_none() {
                match self.worker.hear() {
                    Heard::Report(report) => {
                        sign_of_life = Instant::now();
                        if let Some(ending) = self.take(report) {
                            return ending;
                        }
                    }
                    Heard::Nothing => break,
                    Heard::Closed => closed = Some(Instant::now()),
                    Heard::Noise(what) => {
                        self.kill();
                        return Ending::Lost(format!("the worker sent nonsense: {what}"));
                    }
                }
            }
            if let Some(exit) = exit {
                self.reader.drain(self.worker, self.capture);
                return Ending::Exited(exit);
            }
            if closed.is_some_and(|at| at.elapsed() >= PARTING) {
                self.kill();
                let during = phase_name(self.phase);
                return Ending::Lost(format!("the worker closed its channel during `{during}`"));
            }
            if self.kills() && start.elapsed() >= limits.timeout {
                self.kill();
                return Ending::Deadline;
            }
            if self.kills() && sign_of_life.elapsed() >= limits.silence {
                self.kill();
                return Ending::Silence;
            }
        }
    }

    /// Whether limits can be enforced.
    fn kills(&self) -> bool {
        self.worker.can_be_killed()
    }

    fn take(&mut self, report: Report) -> Option<Ending> {
        match report {
            Report::Ready { protocol: PROTOCOL } => self.worker.ready = true,
            Report::Ready { protocol } => {
                self.kill();
                return Some(Ending::Lost(format!(
                    "the worker speaks version {protocol} of the protocol and this process \
                     version {PROTOCOL}: the executable was replaced during the run; run again"
                )));
            }
            Report::Phase(phase) => {
                self.reader.drain(self.worker, self.capture);
                self.leave();
                self.capture.enter(phase);
                self.phase = phase;
                self.begun = Some(Instant::now());
                // Where this fails the worker is gone, which the next look shows.
                let _ = self.worker.send(&Request::Go);
            }
            Report::Ended(ended) => {
                self.reader.drain(self.worker, self.capture);
                return Some(Ending::Ended(ended));
            }
            Report::Released => {
                self.kill();
                let what = "the worker let an engine go that nobody asked it to";
                return Some(Ending::Lost(what.to_owned()));
            }
        }
        None
    }

    fn leave(&mut self) {
        if let Some(begun) = self.begun.take() {
            let sum = self.phases.entry(phase_name(self.phase).to_owned()).or_default();
            *sum += begun.elapsed().as_secs_f64();
        }
    }

    fn kill(&mut self) {
        self.worker.signal(Signal::TERM);
        if part(self.worker, self.capture, self.reader, GRACE).is_none() {
            self.worker.signal(Signal::KILL);
            // Not even this ends a process that hangs in the kernel; the run goes on without it.
            part(self.worker, self.capture, self.reader, GRACE);
        }
    }
}

/// What became of a worker that was told to let its engine go.
#[derive(Debug)]
pub(super) enum Released {
    /// It has none any more.
    Done,
    /// The process ended over it.
    Exited(Exit),
    /// It was not done in time; the worker is killed.
    Late,
}

/// Tells an idle worker to drop its engine, and reads what is written over that.
pub(super) fn release(
    worker: &mut Worker,
    capture: &mut CaseCapture,
    reader: &mut Reader<'_>,
    grace: Duration,
) -> Released {
    let start = Instant::now();
    let _ = worker.send(&Request::Release);
    let mut hears = true;
    loop {
        let left = grace.saturating_sub(start.elapsed());
        worker.wait(left, hears);
        reader.step(worker, capture);
        let exit = worker.exited();
        let heard = if hears { worker.hear() } else { Heard::Nothing };
        if let Some(exit) = exit {
            reader.drain(worker, capture);
            return Released::Exited(exit);
        }
        match heard {
            Heard::Report(Report::Released) => {
                reader.drain(worker, capture);
                return Released::Done;
            }
            // Nothing else is said by a worker that behaves; how it ends is seen in a moment.
            Heard::Report(_) | Heard::Noise(_) | Heard::Closed => hears = false,
            Heard::Nothing => {}
        }
        if left.is_zero() {
            worker.signal(Signal::KILL);
            part(worker, capture, reader, GRACE);
            return Released::Late;
        }
    }
}

/// Tells an idle worker to go and reads what it still writes. How it ended; none where it had to
/// be killed.
pub(super) fn dismiss(
    worker: &mut Worker,
    capture: &mut CaseCapture,
    reader: &mut Reader<'_>,
    grace: Duration,
) -> Option<Exit> {
    let _ = worker.send(&Request::Quit);
    let exit = part(worker, capture, reader, grace);
    if exit.is_none() {
        worker.signal(Signal::KILL);
        part(worker, capture, reader, GRACE);
    }
    exit
}

/// Reads until the worker has ended, for `limit` at most.
fn part(
    worker: &mut Worker,
    capture: &mut CaseCapture,
    reader: &mut Reader<'_>,
    limit: Duration,
) -> Option<Exit> {
    let start = Instant::now();
    loop {
        if let Some(exit) = worker.exited() {
            reader.drain(worker, capture);
            return Some(exit);
        }
        let left = limit.saturating_sub(start.elapsed());
        if left.is_zero() && worker.can_be_killed() {
            reader.drain(worker, capture);
            return None;
        }
        // A thread has no descriptor that shows its end: its channel's closing does.
        worker.wait(left.max(Duration::from_millis(1)), !worker.can_be_killed());
        reader.step(worker, capture);
    }
}
