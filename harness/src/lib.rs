//! The test harness: options, trials, console, exit codes.
//!
//! `tests/params.rs` calls [`main`] and nothing more; the `wattest` command calls [`test`] for
//! `wattest test`. Everything that can be decided is decided in the library `wattest`; this crate
//! maps options to it, and what it says to libtest-mimic, the console and the exit code.

pub mod console;
mod events;
mod exit;
pub mod folder;
mod gate;
pub mod inputs;
mod interrupt;
pub mod options;
pub mod preflight;
mod run;
mod select;
mod session;
mod trials;
pub mod views;

use std::process::ExitCode;

pub use exit::Exit;
pub use run::test;
use wattest::run::WorkerCommand;

/// The variable that tells this executable to be a worker.
const WORKER: &str = "WATTEST_WORKER";

/// Serves as a worker where this process was started as one; the first thing that a `main` does.
pub fn serve_if_worker() -> Option<ExitCode> {
    std::env::var_os(WORKER).map(|_| wattest::run::worker::serve())
}

/// How to start this executable as a worker, or as a replica of an engine.
///
/// # Errors
/// The executable cannot be found.
pub fn worker_command() -> std::io::Result<WorkerCommand> {
    let program = std::env::current_exe()?;
    Ok(WorkerCommand { program, environment: vec![(WORKER.to_owned(), "1".to_owned())] })
}

/// The whole of `tests/params.rs`.
pub fn main() -> ExitCode {
    if let Some(code) = serve_if_worker() {
        return code;
    }
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    test("cargo test --test params --", &arguments).into()
}
