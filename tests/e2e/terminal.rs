//! A terminal with a command at it, and what a person would type and read there.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A pseudo-terminal, and a command that has it as its controlling one.
pub(crate) struct Terminal {
    ours: File,
    child: Child,
    said: Vec<u8>,
}

impl Terminal {
    /// Starts the command. `setsid --ctty` of util-linux makes the terminal the one whose keys
    /// interrupt it.
    pub(crate) fn run(command: &Command) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let open = || File::options().read(true).write(true).open(&name).unwrap();
        let end = || Stdio::from(OwnedFd::from(open()));
        let mut at_it = Command::new("setsid");
        at_it.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
        at_it.current_dir(command.get_current_dir().unwrap());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => at_it.env(name, value),
                None => at_it.env_remove(name),
            };
        }
        let child = at_it.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Self { ours: File::from(ours), child, said: Vec::new() }
    }

    /// Types `keys`.
    pub(crate) fn types(&mut self, keys: &str) {
        self.ours.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads until `words` are on the screen; all that came since the last time.
    #[track_caller]
    pub(crate) fn until(&mut self, words: &str) -> String {
        let mut piece = [0; 4096];
        loop {
            let said = String::from_utf8_lossy(&self.said).into_owned();
            if said.contains(words) {
                self.said.clear();
                return said;
            }
            // Where nobody has the other end any more, that is an error.
            match self.ours.read(&mut piece) {
                Ok(read) if read > 0 => self.said.extend_from_slice(&piece[..read]),
                _ => panic!("the screen never says {words:?}: {said}"),
            }
        }
    }

    /// Waits for the command; its exit code, or none where a signal ended it.
    pub(crate) fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}
