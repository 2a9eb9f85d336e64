//! The channel to the process that started this one: a socket in place of standard input, with one
//! JSON document a line.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};

use rustix::fs::{Mode, OFlags};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Where the channel is put: out of the way of descriptors that a case may open and close.
const CONTROL: i32 = 200;

/// The channel, away from descriptor 0, as reading and writing half. Whatever reads its standard
/// input here finds it empty, and no child inherits the channel.
///
/// # Errors
/// Descriptor 0 is no socket: the process was started by hand.
pub(crate) fn take() -> io::Result<(UnixStream, UnixStream)> {
    let control = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), CONTROL)?;
    rustix::net::sockopt::socket_type(&control)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    let writer = UnixStream::from(control);
    Ok((writer.try_clone()?, writer))
}

/// Starts reading messages. The reader is a thread so that the loss of the other side is noticed
/// whatever this process is doing: `lost` is called where the channel ends, or brings what is no
/// message, before the last one, as `is_last` knows it. (The parent-death signal of Linux would
/// not do: it is bound to the thread that started the child.)
pub(crate) fn listen<M: DeserializeOwned + Send + 'static>(
    reader: UnixStream,
    is_last: fn(&M) -> bool,
    lost: impl FnOnce() + Send + 'static,
) -> Receiver<M> {
    let (sender, messages) = channel();
    let read = move || {
        if read(reader, &sender, is_last).is_none() {
            lost();
        }
    };
    // Without the thread, the channel of messages is closed at once.
    let reading = std::thread::Builder::new().name("wattest-control".to_owned()).spawn(read);
    drop(reading);
    messages
}

/// Hands messages on; none where they end before the last.
fn read<M: DeserializeOwned>(
    reader: UnixStream,
    sender: &Sender<M>,
    is_last: fn(&M) -> bool,
) -> Option<()> {
    let mut lines = BufReader::new(reader).lines();
    loop {
        let message = serde_json::from_str(&lines.next()?.ok()?).ok()?;
        let is_last = is_last(&message);
        if sender.send(message).is_err() || is_last {
            return Some(());
        }
    }
}

/// Writes `message`.
///
/// # Errors
/// Those of writing: the other side is gone.
pub(crate) fn send(mut control: impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    control.write_all(&line)
}
