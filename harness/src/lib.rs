//! The test harness: options, trials, console, exit codes.

mod exit;
pub mod options;

pub use exit::Exit;
