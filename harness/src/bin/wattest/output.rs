//! What the subcommands share: their answer, and the form of what they print.

use std::io;

use clap::ValueEnum;
use wattest_harness::Exit;

/// How a subcommand ends.
pub(crate) type Answer = Result<Exit, Stop>;

/// Why a subcommand cannot answer.
#[derive(Debug)]
pub(crate) enum Stop {
    /// What was asked cannot be done: one message each.
    Faults(Vec<String>),
    /// The answer cannot be written.
    Output(io::Error),
}

impl Stop {
    /// A single fault.
    pub(crate) fn fault(message: impl ToString) -> Self {
        Self::Faults(vec![message.to_string()])
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// The form of what is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}
