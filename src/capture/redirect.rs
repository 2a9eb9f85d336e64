//! Descriptors 1 and 2 of this process, for a while led into pipes (`--isolate none`).

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// While it lives, descriptors 1 and 2 lead elsewhere; dropping it (a panic too) puts them back.
///
/// The descriptors belong to the whole process: only one may live at a time.
#[derive(Debug)]
pub struct Redirect {
    stdout: OwnedFd,
    stderr: OwnedFd,
}

impl Redirect {
    /// Leads descriptors 1 and 2 into `stdout` and `stderr`.
    ///
    /// # Errors
    /// What the system says; the descriptors are then as they were.
    pub fn install(stdout: BorrowedFd<'_>, stderr: BorrowedFd<'_>) -> io::Result<Self> {
        flush();
        let saved = Self {
            stdout: rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?,
            stderr: rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?,
        };
        // Where the second fails, dropping `saved` puts the first back.
        rustix::stdio::dup2_stdout(stdout)?;
        rustix::stdio::dup2_stderr(stderr)?;
        Ok(saved)
    }

    /// Where descriptor 1 led before.
    pub fn stdout(&self) -> BorrowedFd<'_> {
        self.stdout.as_fd()
    }

    /// Where descriptor 2 led before.
    pub fn stderr(&self) -> BorrowedFd<'_> {
        self.stderr.as_fd()
    }
}

impl Drop for Redirect {
    fn drop(&mut self) {
        flush();
        // Nothing can be done where this fails, and nobody is left who could be told.
        let _ = rustix::stdio::dup2_stdout(&self.stdout);
        let _ = rustix::stdio::dup2_stderr(&self.stderr);
    }
}

/// Writes out what Rust still holds back of its stdout (its stderr is unbuffered).
fn flush() {
    let _ = io::stdout().flush();
}
