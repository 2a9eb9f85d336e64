//! One replica as the engine holds it: the process, and the line to it.

use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};

use super::protocol::{Reply, Request};
use super::serve::NUMBER;
use crate::backends::score_tables;
use crate::process::{Exit, WorkerCommand, control};

/// Longest line of a reply: it holds the rows without their score tables.
const LONGEST: u64 = 1 << 30;

/// How long a killed process may take to be gone (it may hang in the kernel).
const REAPING: Duration = Duration::from_secs(2);

/// A replica that was started and not yet waited for.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) process: Process,
    pub(super) line: Line,
}

impl Replica {
    /// Starts replica `number`, in the process group of this process.
    pub(super) fn start(command: &WorkerCommand, number: usize) -> io::Result<Self> {
        let (control, end) = UnixStream::pair()?;
        let child = Command::new(&command.program)
            .envs(command.environment.iter().map(|(name, value)| (name, value)))
            .env(NUMBER, number.to_string())
            .stdin(Stdio::from(OwnedFd::from(end)))
            .spawn()?;
        let process = Process::of(child)?;
        let wire = Wire { control, process: process.handle.try_clone()? };
        Ok(Self { process, line: Line(BufReader::new(wire)) })
    }
}

/// The process of a replica: it is ended with this.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    handle: OwnedFd,
}

impl Process {
    fn of(mut child: Child) -> io::Result<Self> {
        match rustix::process::pidfd_open(Pid::from_child(&child), PidfdFlags::empty()) {
            Ok(handle) => Ok(Self { child, handle }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error.into())
            }
        }
    }

    /// What others may end it by.
    pub(super) fn handle(&self) -> &OwnedFd {
        &self.handle
    }

    /// How it ended, where it has. It is reaped by this.
    pub(super) fn exited(&mut self) -> Option<Exit> {
        self.child.try_wait().ok().flatten().map(Exit::from)
    }

    /// Waits until it has ended; where that takes longer than `grace`, it is killed.
    pub(super) fn end(&mut self, grace: Duration) {
        if !has_ended(&self.handle, grace) {
            kill(&self.handle);
            has_ended(&self.handle, REAPING);
        }
        let _ = self.child.try_wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

/// Ends the process of `handle`.
pub(super) fn kill(handle: &OwnedFd) {
    let _ = rustix::process::pidfd_send_signal(handle, Signal::KILL);
}

/// Whether the process of `handle` ends within `limit`.
pub(super) fn has_ended(handle: &OwnedFd, limit: Duration) -> bool {
    let limit = Timespec::try_from(limit).ok();
    loop {
        let mut polled = [PollFd::new(handle, PollFlags::IN)];
        match rustix::event::poll(&mut polled, limit.as_ref()) {
            Err(Errno::INTR) => {}
            ended => return ended.is_ok_and(|ready| ready > 0),
        }
    }
}

/// The line to a replica.
#[derive(Debug)]
pub(super) struct Line(BufReader<Wire>);

/// Why there is no reply.
#[derive(Debug)]
pub(super) enum Silence {
    /// The replica is gone, or goes.
    Gone,
    /// It said something else.
    Noise(String),
}

impl From<io::Error> for Silence {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl Line {
    /// Says `request`, to which there is no reply.
    pub(super) fn say(&mut self, request: &Request) -> io::Result<()> {
        control::send(&self.0.get_ref().control, request)
    }

    /// Says `request` and waits for the reply.
    pub(super) fn ask(&mut self, request: &Request) -> Result<Reply, Silence> {
        self.say(request)?;
        let mut text = Vec::new();
        (&mut self.0).take(LONGEST).read_until(b'\n', &mut text)?;
        if text.last() != Some(&b'\n') {
            return Err(Silence::Gone);
        }
        let noise = |error: serde_json::Error| Silence::Noise(error.to_string());
        let mut reply: Reply = serde_json::from_slice(&text).map_err(noise)?;
        if let Reply::Generated { generation, scores } = &mut reply {
            let mut tables = Vec::new();
            (&mut self.0).take(*scores).read_to_end(&mut tables)?;
            score_tables::decode(generation, &tables)
                .ok_or_else(|| Silence::Noise("score tables that are cut short".to_owned()))?;
        }
        Ok(reply)
    }
}

/// The channel, which ends with the process: a child that the replica has left may hold its end
/// open.
#[derive(Debug)]
struct Wire {
    control: UnixStream,
    process: OwnedFd,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut polled = [
                PollFd::new(&self.control, PollFlags::IN),
                PollFd::from_borrowed_fd(self.process.as_fd(), PollFlags::IN),
            ];
            match rustix::event::poll(&mut polled, None) {
                Err(Errno::INTR) => continue,
                ready => ready?,
            };
            // What was said before the end comes first.
            if !polled[0].revents().is_empty() {
                return self.control.read(buffer);
            }
            if !polled[1].revents().is_empty() {
                return Ok(0);
            }
        }
    }
}
