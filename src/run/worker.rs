//! The worker: serves a supervisor with cases, in a process of its own or in a thread.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::mpsc::Receiver;

use rustix::process::{Pid, Signal};

use crate::backends;
use crate::process::control;
use crate::run::processes;
use crate::run::protocol::{PROTOCOL, Report, Request};
use crate::run::session::{Gone, Marks, Session};
use crate::scan::Phase;
use crate::schema::Case;

/// Serves the supervisor that started this process, until it closes the channel.
///
/// The channel is descriptor 0; a process without one (started by hand) fails at once. Where the
/// supervisor dies, the process group of this worker is killed, whatever the case is doing.
///
/// A replica of an engine is started in the same way, and serves that engine.
pub fn serve() -> ExitCode {
    if backends::replica_number().is_some() {
        return backends::serve_replica();
    }
    let Ok(control) = control::take() else { return ExitCode::from(2) };
    // Orphans of a case come to this process and not to init, so that they can be found.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    match listen(control, Host::Process).serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Gone) => ExitCode::FAILURE,
    }
}

/// Serves `control` in this thread, until the other side closes it.
pub(super) fn serve_here(control: UnixStream) {
    if let Ok(control) = control.try_clone().map(|reader| (reader, control)) {
        let _ = listen(control, Host::Thread).serve();
    }
}

/// What is to be ended with the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    Process,
    Thread,
}

/// Starts reading.
fn listen((reader, writer): (UnixStream, UnixStream), host: Host) -> Worker {
    let is_last = |request: &Request| matches!(request, Request::Quit);
    let requests = control::listen(reader, is_last, move || {
        if host == Host::Process {
            end_group();
        }
    });
    Worker { requests, control: writer, host }
}

/// Ends this process and what the case has started, at once.
fn end_group() {
    let this = rustix::process::getpid();
    // Started by hand, it may stand in the group of somebody's shell.
    let _ = match rustix::process::getpgrp() == this {
        true => rustix::process::kill_current_process_group(Signal::KILL),
        false => rustix::process::kill_process(this, Signal::KILL),
    };
}

struct Worker {
    requests: Receiver<Request>,
    control: UnixStream,
    host: Host,
}

impl Worker {
    fn serve(mut self) -> Result<(), Gone> {
        let Ok(Request::Setup(setup)) = self.requests.recv() else { return Err(Gone) };
        self.report(&Report::Ready { protocol: PROTOCOL })?;
        if setup.protocol != PROTOCOL {
            return Err(Gone);
        }
        let mut session = Session::new(*setup);
        while let Ok(request) = self.requests.recv() {
            match request {
                Request::Run { case, series } => self.run(&mut session, &case, series)?,
                Request::Release => {
                    session.drop_engine();
                    flush();
                    self.report(&Report::Released)?;
                }
                Request::Quit => break,
                Request::Setup(_) | Request::Go => return Err(Gone),
            }
        }
        session.drop_engine();
        flush();
        Ok(())
    }

    fn run(
        &mut self,
        session: &mut Session,
        case: &Case,
        series: Option<String>,
    ) -> Result<(), Gone> {
        let mut children = Children::before(self.host);
        let mut marks = Channel { worker: self, children: &mut children };
        let mut ended = session.run(case, series, &mut marks)?;
        ended.left_children = children.end();
        flush();
        self.report(&Report::Ended(Box::new(ended)))
    }

    fn report(&mut self, report: &Report) -> Result<(), Gone> {
        control::send(&self.control, report).map_err(|_| Gone)
    }
}

/// Announces phases to the supervisor.
struct Channel<'a> {
    worker: &'a mut Worker,
    children: &'a mut Children,
}

impl Marks for Channel<'_> {
    fn begin(&mut self, phase: Phase) -> Result<(), Gone> {
        self.children.enter(phase);
        flush();
        self.worker.report(&Report::Phase(phase))?;
        match self.worker.requests.recv() {
            Ok(Request::Go) => Ok(()),
            _ => Err(Gone),
        }
    }
}

/// Writes out what Rust holds back of stdout: it belongs to what came before.
fn flush() {
    let _ = std::io::stdout().flush();
}

/// The processes around a case.
struct Children {
    host: Host,
    before: Vec<Pid>,
    loading: bool,
}

impl Children {
    /// In a thread the children are those of the whole program: they are not for us to end.
    fn before(host: Host) -> Self {
        let mut children = Self { host, before: Vec::new(), loading: false };
        children.adopt();
        children
    }

    fn enter(&mut self, phase: Phase) {
        // A loaded engine may well keep processes: those are not the case's.
        if self.loading {
            self.adopt();
        }
        self.loading = phase == Phase::Load;
    }

    fn adopt(&mut self) {
        if self.host == Host::Process {
            self.before = processes::descendants(rustix::process::getpid());
        }
    }

    /// Ends what the case has left behind, and names it.
    fn end(self) -> Vec<String> {
        if self.host == Host::Thread {
            return Vec::new();
        }
        let mut left = processes::descendants(rustix::process::getpid());
        left.retain(|child| !self.before.contains(child));
        let names = left.iter().map(|&child| processes::name(child)).collect();
        processes::end(&left);
        names
    }
}
