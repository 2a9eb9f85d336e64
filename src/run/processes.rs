//! Processes that a worker has around it, read from `/proc`.

use std::fs::{self, File};
use std::io::Read;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};

/// Longest name of a process in a record, in characters.
const NAME_LIMIT: usize = 200;

/// How long a process that was killed may take to be gone (it may hang in the kernel).
const GONE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// The processes below process `root` that are running.
pub(super) fn descendants(root: Pid) -> Vec<Pid> {
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        for child in children(parent) {
            if is_running(child) {
                found.push(child);
            }
            open.push(child);
        }
    }
    found
}

/// The running processes of process group `group`, and those with `mark` (`NAME=value`) in the
/// environment that they were started with.
pub(super) fn left_of(group: Pid, mark: &str) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| pid(entry.file_name().to_str()?));
    pids.filter(|&pid| {
        let Some(stat) = Stat::read(pid) else { return false };
        stat.is_running() && (stat.group == group.as_raw_pid() || has_mark(pid, mark.as_bytes()))
    })
    .collect()
}

/// Of processes of other users this cannot be read; they are not ours.
fn has_mark(pid: Pid, mark: &[u8]) -> bool {
    let environment = fs::read(format!("/proc/{}/environ", pid.as_raw_pid())).unwrap_or_default();
    environment.split(|&byte| byte == 0).any(|variable| variable == mark)
}

/// How often an empty command line is read again: some milliseconds in all.
const READS: usize = 200;

/// The command line of `pid`; its short name where it has none.
pub(super) fn name(pid: Pid) -> String {
    let folder = format!("/proc/{}", pid.as_raw_pid());
    // While a process becomes another program, it has no command line for a moment. One that has
    // ended has none any more, and is asked as often in vain.
    let mut name = command_line(&folder);
    for _ in 0..READS {
        if !name.is_empty() {
            break;
        }
        std::thread::yield_now();
        name = command_line(&folder);
    }
    if name.is_empty() {
        let short = fs::read_to_string(format!("{folder}/comm")).unwrap_or_default();
        name = short.trim().to_owned();
    }
    // A process names itself: the name must not carry control characters into a report.
    name.chars().map(|one| if one.is_control() { ' ' } else { one }).take(NAME_LIMIT).collect()
}

/// The command line in the process folder `folder`; empty where there is none now.
fn command_line(folder: &str) -> String {
    let mut line = [0; 4 * NAME_LIMIT];
    // In one read: between two, the process may become another program.
    let length = File::open(format!("{folder}/cmdline"))
        .and_then(|mut file| file.read(&mut line))
        .unwrap_or_default();
    String::from_utf8_lossy(&line[..length]).replace('\0', " ").trim().to_owned()
}

/// Ends `processes` and waits until they are gone, so that all they wrote is in the pipes.
pub(super) fn end(processes: &[Pid]) {
    for &process in processes {
        let Ok(handle) = rustix::process::pidfd_open(process, PidfdFlags::empty()) else {
            continue;
        };
        let _ = rustix::process::pidfd_send_signal(&handle, Signal::KILL);
        let mut poll = [PollFd::new(&handle, PollFlags::IN)];
        let _ = rustix::event::poll(&mut poll, Some(&GONE));
        // Only a child of this process can be reaped; any other has a parent that does it.
        let _ = rustix::process::waitpid(Some(process), WaitOptions::NOHANG);
    }
}

fn children(parent: Pid) -> Vec<Pid> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{}/task", parent.as_raw_pid())) else {
        return Vec::new();
    };
    let mut children = Vec::new();
    for task in tasks.flatten() {
        let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.extend(text.split_ascii_whitespace().filter_map(pid));
    }
    children
}

fn pid(text: &str) -> Option<Pid> {
    Pid::from_raw(text.parse().ok()?)
}

fn is_running(pid: Pid) -> bool {
    Stat::read(pid).is_some_and(|stat| stat.is_running())
}

/// What is needed of `/proc/<pid>/stat`.
struct Stat {
    state: char,
    group: i32,
}

impl Stat {
    fn read(pid: Pid) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
        // pid (name) state ppid pgrp ...; the name may hold spaces and parentheses.
        let (_, after_name) = text.rsplit_once(')')?;
        let mut fields = after_name.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let group = fields.nth(1)?.parse().ok()?;
        Some(Self { state, group })
    }

    /// A zombie has ended; it only waits for its parent to notice.
    fn is_running(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }
}
