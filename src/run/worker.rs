//! The worker: the one place where backend, energy and capture meet.

use std::process::ExitCode;

/// Serves the supervisor that started this process, until it closes the channel.
pub fn serve() -> ExitCode {
    ExitCode::SUCCESS
}
