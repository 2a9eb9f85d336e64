//! A worker as the supervisor holds it: the process (or thread), its channel and its pipes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::capture::{Pipe, Redirect};
use crate::process::{Exit, WorkerCommand, control};
use crate::run::protocol::{Report, Request};
use crate::run::{processes, worker};

/// Longest message of a worker: one that sends more is out of its mind.
const LONGEST: usize = 64 << 20;

/// The environment variable that is different for each worker: what it starts inherits it, and is
/// found by it even in a process group and session of its own.
const MARK: &str = "WATTEST_WORKER_MARK";

/// How long to wait for a killed process.
const REAPING: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// A worker that was started and not yet waited for.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) stdout: Pipe,
    pub(super) stderr: Pipe,
    control: UnixStream,
    /// Received, but not yet a whole line.
    inbox: Vec<u8>,
    life: Life,
    /// Whether it has said that it listens.
    pub(super) ready: bool,
}

#[derive(Debug)]
enum Life {
    Process { child: Child, handle: OwnedFd, group: Pid, mark: String },
    Thread { handle: Option<JoinHandle<()>>, stdout: OwnedFd, stderr: OwnedFd },
}

/// What the worker said.
#[derive(Debug)]
pub(super) enum Heard {
    Report(Report),
    Nothing,
    Closed,
    /// Not what a worker says.
    Noise(String),
}

impl Worker {
    /// Starts a worker process, in a process group of its own.
    pub(super) fn start(command: &WorkerCommand) -> io::Result<Self> {
        let (stdout, stdout_end) = Pipe::new()?;
        let (stderr, stderr_end) = Pipe::new()?;
        let (control, control_end) = UnixStream::pair()?;
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}.{number}", std::process::id());
        let child = Command::new(&command.program)
            .envs(command.environment.iter().map(|(name, value)| (name, value)))
            .env(MARK, &mark)
            .stdin(Stdio::from(OwnedFd::from(control_end)))
            .stdout(Stdio::from(stdout_end))
            .stderr(Stdio::from(stderr_end))
            .process_group(0)
            .spawn()?;
        let group = Pid::from_child(&child);
        let handle = rustix::process::pidfd_open(group, PidfdFlags::empty())?;
        let life = Life::Process { child, handle, group, mark: format!("{MARK}={mark}") };
        Ok(Self { stdout, stderr, control, inbox: Vec::new(), life, ready: false })
    }

    /// Starts a worker in a thread of this process.
    pub(super) fn start_here() -> io::Result<Self> {
        let (stdout, stdout_end) = Pipe::new()?;
        let (stderr, stderr_end) = Pipe::new()?;
        let (control, control_end) = UnixStream::pair()?;
        let handle = std::thread::Builder::new()
            .name("wattest-worker".to_owned())
            .spawn(move || worker::serve_here(control_end))?;
        let life = Life::Thread { handle: Some(handle), stdout: stdout_end, stderr: stderr_end };
        Ok(Self { stdout, stderr, control, inbox: Vec::new(), life, ready: false })
    }

    /// For a worker in a thread: leads this process's own output to it while the result lives.
    pub(super) fn redirect(&self) -> io::Result<Option<Redirect>> {
        match &self.life {
            Life::Process { .. } => Ok(None),
            Life::Thread { stdout, stderr, .. } => {
                Redirect::install(stdout.as_fd(), stderr.as_fd()).map(Some)
            }
        }
    }

    /// Whether it can be ended from outside.
    pub(super) fn can_be_killed(&self) -> bool {
        matches!(self.life, Life::Process { .. })
    }

    pub(super) fn send(&mut self, request: &Request) -> io::Result<()> {
        control::send(&self.control, request)
    }

    /// The next report, without waiting.
    pub(super) fn hear(&mut self) -> Heard {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.inbox) {
                let line: Vec<u8> = self.inbox.drain(..=end).collect();
                return match serde_json::from_slice(&line) {
                    Ok(report) => Heard::Report(report),
                    Err(error) => Heard::Noise(error.to_string()),
                };
            }
            if self.inbox.len() > LONGEST {
                return Heard::Noise(format!("a message of more than {LONGEST} bytes"));
            }
            let mut chunk = [0; 16 << 10];
            match rustix::net::recv(&self.control, &mut chunk[..], RecvFlags::DONTWAIT) {
                Ok((_, 0)) => return Heard::Closed,
                Ok((_, count)) => self.inbox.extend_from_slice(&chunk[..count]),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Heard::Nothing,
                Err(_) => return Heard::Closed,
            }
        }
    }

    /// Waits until there is something to read or hear, the worker has ended, or `limit` is over.
    pub(super) fn wait(&self, limit: Duration, control: bool) {
        let pipes = [&self.stdout, &self.stderr].into_iter().filter(|pipe| pipe.is_open());
        let mut descriptors: Vec<BorrowedFd<'_>> = pipes.map(Pipe::as_fd).collect();
        if control {
            descriptors.push(self.control.as_fd());
        }
        if let Life::Process { handle, .. } = &self.life {
            descriptors.push(handle.as_fd());
        }
        let poll = |descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN);
        let mut polled: Vec<PollFd<'_>> = descriptors.into_iter().map(poll).collect();
        let limit = Timespec::try_from(limit).ok();
        // An interruption is as good as an event: the caller looks at everything again.
        let _ = rustix::event::poll(&mut polled, limit.as_ref());
    }

    /// How it ended, where it has. A process is reaped by this.
    pub(super) fn exited(&mut self) -> Option<Exit> {
        match &mut self.life {
            Life::Process { child, .. } => match child.try_wait() {
                Ok(status) => status.map(Exit::from),
                // Somebody else has reaped it.
                Err(_) => Some(Exit { code: None, signal: None }),
            },
            Life::Thread { handle, .. } => {
                let over = handle.as_ref().is_none_or(JoinHandle::is_finished);
                over.then_some(Exit { code: Some(0), signal: None })
            }
        }
    }

    /// Sends `signal` to the whole process group.
    pub(super) fn signal(&self, signal: Signal) {
        if let Life::Process { group, .. } = &self.life {
            let _ = rustix::process::kill_process_group(*group, signal);
        }
    }

    /// After its end: names what it has left, in its process group or out of it, and ends that.
    pub(super) fn end_group(&self) -> Vec<String> {
        let Life::Process { group, mark, .. } = &self.life else { return Vec::new() };
        let left = processes::left_of(*group, mark);
        let names = left.iter().map(|&process| processes::name(process)).collect();
        processes::end(&left);
        self.signal(Signal::KILL);
        names
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        match &mut self.life {
            Life::Process { child, handle, group, .. } => {
                if !matches!(child.try_wait(), Ok(Some(_))) {
                    let _ = rustix::process::kill_process_group(*group, Signal::KILL);
                    // Not for ever: a process may hang in the kernel.
                    let mut polled = [PollFd::new(handle, PollFlags::IN)];
                    let _ = rustix::event::poll(&mut polled, Some(&REAPING));
                    let _ = child.try_wait();
                }
            }
            Life::Thread { handle, .. } => {
                // Its reading ends with this, and so does it.
                let _ = self.control.shutdown(std::net::Shutdown::Both);
                if let Some(handle) = handle.take() {
                    let _ = handle.join();
                }
            }
        }
    }
}
