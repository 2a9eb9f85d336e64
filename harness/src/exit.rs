//! The exit codes of the test target and of the command.

use std::process::ExitCode;

/// What the exit code of a run means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything that was asked holds.
    Ok = 0,
    /// Something that is needed here is broken, as `wattest doctor` found.
    Broken = 1,
    /// Wrong options, or an input that cannot be read; nothing was run.
    Usage = 2,
    /// Nothing was selected. The number that nextest uses.
    NothingSelected = 4,
    /// A case failed, or an entry of issues.yaml fails the run. The number that libtest uses.
    Failed = 101,
    /// Interrupted: 128 + SIGINT, as shells count.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
