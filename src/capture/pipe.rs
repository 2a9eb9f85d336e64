//! The reading end of a worker's descriptor 1 or 2.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pipe::PipeFlags;

/// What the kernel may hold for us: a case that floods then costs few system calls.
const SIZE: usize = 1 << 20;

/// A reading end that never blocks.
#[derive(Debug)]
pub struct Pipe {
    end: OwnedFd,
    open: bool,
}

/// What reading gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// Nothing any more: nobody holds the other end.
    Closed,
}

impl Pipe {
    /// A pipe: the reading end, and the end to write to. Both are closed on exec.
    ///
    /// # Errors
    /// What the system says, such as too many open files.
    pub fn new() -> io::Result<(Self, OwnedFd)> {
        let (end, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        rustix::fs::fcntl_setfl(&end, OFlags::NONBLOCK)?;
        // An unprivileged process may be refused a large pipe; a small one is slower only.
        let _ = rustix::pipe::fcntl_setpipe_size(&end, SIZE);
        Ok((Self { end, open: true }, writer))
    }

    /// Whether someone may still write to it, as far as reading has shown.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// How many bytes lie ready.
    pub fn waiting(&self) -> u64 {
        if self.open { rustix::io::ioctl_fionread(&self.end).unwrap_or(0) } else { 0 }
    }

    /// Reads what is there, up to the length of `buffer`.
    pub fn read(&mut self, buffer: &mut [u8]) -> Read {
        if !self.open {
            return Read::Closed;
        }
        loop {
            match rustix::io::read(&self.end, &mut *buffer) {
                Ok(0) => {}
                Ok(count) => return Read::Bytes(count),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => return Read::Nothing,
                // No other error is possible for a pipe that we hold; were there one, the stream
                // would be over for us.
                Err(_) => {}
            }
            self.open = false;
            return Read::Closed;
        }
    }
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}
