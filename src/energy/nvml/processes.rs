//! Who else computes on a GPU.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The pid namespace that a machine starts with: its number is a constant of the kernel.
const FIRST_NAMESPACE: &str = "pid:[4026531836]";

/// Who computes on a GPU, other than this process and those it started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Foreign {
    /// The UUID of the GPU.
    pub gpu: String,
    /// They.
    pub processes: Vec<Process>,
    /// What the driver said instead of listing them.
    pub unknown: Option<String>,
}

/// A process with a context on a GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number, as the driver has it.
    pub pid: u32,
    /// Memory of the GPU that it holds, in bytes; none where the driver does not tell.
    pub memory_bytes: Option<u64>,
}

/// The processes of this machine, as this one sees them.
///
/// The driver numbers processes as the machine does. A container has numbers of its own, and of the
/// processes outside it sees none; nor can it tell which of the driver's numbers are its own.
pub struct Processes {
    proc: PathBuf,
    me: u32,
    /// In a container, or in another pid namespace of its own.
    apart: bool,
}

impl Processes {
    /// As `/proc` has them.
    pub fn here() -> Self {
        Self::at(Path::new("/proc"), std::process::id())
    }

    pub(crate) fn at(proc: &Path, me: u32) -> Self {
        let namespace = std::fs::read_link(proc.join("self/ns/pid"));
        let apart = namespace.is_ok_and(|name| name != Path::new(FIRST_NAMESPACE));
        Self { proc: proc.to_owned(), me, apart }
    }

    /// Those of `listed` that are neither this process nor its descendants.
    ///
    /// `before` are those that were there, and could not be seen, before this process computed on
    /// the GPU. Within a pid namespace, what cannot be seen and came later is taken for ours; outside
    /// of one nothing of ours is hidden.
    pub(crate) fn foreign(&self, listed: &[u32], before: &BTreeSet<u32>) -> Vec<u32> {
        let is_foreign = |&pid: &u32| {
            if self.is_visible(pid) {
                !self.is_ours(pid)
            } else {
                !self.apart || before.contains(&pid)
            }
        };
        listed.iter().copied().filter(is_foreign).collect()
    }

    /// Those of `listed` that cannot be seen from here.
    pub(crate) fn hidden(&self, listed: &[u32]) -> BTreeSet<u32> {
        listed.iter().copied().filter(|pid| !self.is_visible(*pid)).collect()
    }

    fn is_visible(&self, pid: u32) -> bool {
        self.proc.join(pid.to_string()).exists()
    }

    fn is_ours(&self, pid: u32) -> bool {
        let mut at = pid;
        // Parents change while they are read: a circle must not hold us.
        for _ in 0..1024 {
            if at == self.me {
                return true;
            }
            match self.parent(at) {
                Some(parent) if parent != 0 => at = parent,
                _ => return false,
            }
        }
        false
    }

    fn parent(&self, pid: u32) -> Option<u32> {
        let text = std::fs::read_to_string(self.proc.join(pid.to_string()).join("stat")).ok()?;
        // The name, in parentheses, may hold anything, parentheses as well.
        text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// 10 is we, 11 our child and 12 its child; 20 is another's.
    fn machine(namespace: &str) -> (tempfile::TempDir, Processes) {
        let folder = tempfile::tempdir().unwrap();
        for (pid, parent) in [(10, 1), (11, 10), (12, 11), (20, 1)] {
            let process = folder.path().join(pid.to_string());
            fs::create_dir(&process).unwrap();
            fs::write(process.join("stat"), format!("{pid} (a) b (c) S {parent} 0")).unwrap();
        }
        fs::create_dir_all(folder.path().join("self/ns")).unwrap();
        symlink(namespace, folder.path().join("self/ns/pid")).unwrap();
        let processes = Processes::at(folder.path(), 10);
        (folder, processes)
    }

    #[test]
    fn descendants_are_ours_and_others_are_not() {
        let (_folder, processes) = machine(FIRST_NAMESPACE);
        let none = BTreeSet::new();
        assert_eq!(processes.foreign(&[10, 11, 12], &none), [0; 0]);
        assert_eq!(processes.foreign(&[12, 20], &none), [20]);
        // Nothing of ours is hidden on a machine of which all can be seen.
        assert_eq!(processes.foreign(&[10, 4711], &none), [4711]);
    }

    #[test]
    fn in_a_container_what_was_there_before_us_is_foreign() {
        let (_folder, processes) = machine("pid:[4026532500]");
        let before = processes.hidden(&[20, 4711]);
        assert_eq!(before, BTreeSet::from([4711]));
        assert_eq!(processes.foreign(&[4711, 4712], &before), [4711]);
        assert_eq!(processes.foreign(&[20], &before), [20]);
    }
}
