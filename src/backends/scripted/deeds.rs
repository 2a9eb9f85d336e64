//! The deeds themselves: what the steps of a script do to the process they run in.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;

use crate::backends::scripted::script::{PARAMETER, Step};
use crate::backends::{self, BackendError};
use crate::refusal::Refusal;

/// What is written at once when flooding.
const CHUNK: usize = 64 << 10;

/// A line of a flood.
const LINE: &[u8] = b"all is well and nothing of interest happens in this line of the flood\n";

/// Threads that print after the end of their case. Dropping this lets those that wait for it
/// print, and waits for all.
#[derive(Debug, Default)]
pub(super) struct Late {
    waiting: Vec<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
    exit: Option<i32>,
}

impl Drop for Late {
    fn drop(&mut self) {
        self.waiting.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        if let Some(code) = self.exit {
            std::process::exit(code);
        }
    }
}

/// Does `step` for the case `name`.
pub(super) fn perform(step: &Step, name: &str, late: &mut Late) -> Result<(), BackendError> {
    match step {
        Step::Stdout(print) => write(rustix::stdio::stdout(), &print.bytes()),
        Step::Stderr(print) => write(rustix::stdio::stderr(), &print.bytes()),
        Step::Flood(bytes) => flood(*bytes),
        Step::Sleep(seconds) => std::thread::sleep(duration(*seconds)),
        Step::Hang => loop {
            std::thread::park();
        },
        Step::Exit(code) => std::process::exit(*code),
        Step::Abort => std::process::abort(),
        Step::Segfault => kill(Signal::SEGV),
        Step::Signal(number) => match Signal::from_named_raw(*number) {
            Some(signal) => kill(signal),
            None => {
                return Err(BackendError::Failed(format!("there is no signal {number}").into()));
            }
        },
        Step::Panic(message) => panic!("{message}"),
        Step::CloseDescriptors => close_descriptors().map_err(failed)?,
        Step::LeaveChild { seconds, prints, orphan, detached } => {
            leave_child(*seconds, prints, *orphan, *detached).map_err(failed)?;
        }
        Step::Late(text) => {
            let (sender, waiting) = channel();
            late.waiting.push(sender);
            let text = text.clone();
            late.threads.push(std::thread::spawn(move || {
                let _ = waiting.recv();
                write(rustix::stdio::stdout(), text.as_bytes());
            }));
        }
        Step::ExitLate(code) => late.exit = Some(*code),
        Step::LateOn { pipe, done, prints } => {
            let (pipe, done, prints) = (pipe.clone(), done.clone(), prints.clone());
            late.threads.push(std::thread::spawn(move || {
                // Opening blocks until there is a writer.
                drop(File::open(pipe));
                write(rustix::stdio::stdout(), prints.as_bytes());
                let _ = File::create(done);
            }));
        }
        Step::Refuse { rule } => return Err(Refusal::new(PARAMETER, name, rule).into()),
        Step::Fail(message) => return Err(BackendError::Failed(message.clone().into())),
        Step::OutOfMemory(message) => {
            return Err(BackendError::OutOfMemory(message.clone().into()));
        }
        Step::InReplica { number, steps } => {
            if backends::replica_number() == Some(*number) {
                for step in steps {
                    perform(step, name, late)?;
                }
            }
        }
        // Act on the tokens and on the backend, not here.
        Step::SlowTokens(_) | Step::Unfit => {}
    }
    Ok(())
}

/// A length of time that is not one is none.
pub(super) fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn failed(error: impl std::fmt::Display) -> BackendError {
    BackendError::Failed(error.to_string().into())
}

/// Writes past Rust's own buffers, as the C++ of an engine does. Where nobody reads any more,
/// what is left is lost.
fn write(to: impl AsFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(&to, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

fn flood(mut bytes: u64) {
    let chunk: Vec<u8> =
        LINE.iter().copied().cycle().take(CHUNK / LINE.len() * LINE.len()).collect();
    while bytes > 0 {
        let count = bytes.min(chunk.len() as u64);
        // Never more than the chunk, so it fits.
        write(rustix::stdio::stdout(), &chunk[..count as usize]);
        bytes -= count;
    }
}

/// Rust's own handler takes the first SIGSEGV that no memory access has caused, and then steps
/// aside; so every signal is sent twice.
fn kill(signal: Signal) {
    for _ in 0..2 {
        let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
        // It may be delivered to another thread, a moment later.
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A descriptor that was opened for its path alone answers to writing as a closed one does, and
/// keeps the number from being given to the next file.
fn close_descriptors() -> rustix::io::Result<()> {
    let nothing = rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)
}

/// Starts a shell that prints and then sleeps; returns when it has printed.
fn leave_child(seconds: u32, prints: &str, orphan: bool, detached: bool) -> std::io::Result<()> {
    const SCRIPT: &str = r#"printf '%s' "$1"; echo >&0; exec sleep "$2" <&-"#;
    const ORPHANING: &str = r#"exec 3<&0; sh -c "$0" sh "$1" "$2" <&3 &"#;
    let (mut told, tell) = UnixStream::pair()?;
    let mut command = Command::new("sh");
    if detached {
        command.process_group(0);
    }
    command.arg("-c");
    match orphan {
        true => command.args([ORPHANING, SCRIPT]),
        false => command.args([SCRIPT, "sh"]),
    };
    let (prints, seconds) = (prints.to_owned(), seconds.to_string());
    command.args([prints, seconds]).stdin(Stdio::from(OwnedFd::from(tell)));
    let mut child = command.spawn()?;
    drop(command);
    told.read_exact(&mut [0])?;
    if orphan {
        child.wait()?;
    }
    Ok(())
}
