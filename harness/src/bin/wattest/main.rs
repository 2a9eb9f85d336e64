//! The wattest command.

mod config;
mod coverage;
mod docs;
mod doctor;
mod env;
mod introspect;
mod issues;
mod measured;
mod model;
mod output;
mod params;
mod progress;
mod report;
mod requests;
mod run;
mod scan;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use wattest_harness::{Exit, console};

use output::{Answer, Stop};

/// Every knob of an LLM inference backend as a test case: does it work, does it do anything, does
/// it warn, and what does it cost in joules?
#[derive(Debug, Parser)]
#[command(name = "wattest", version, about, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 ok, 1 something needed is broken (doctor), 2 wrong options or unreadable input, 4 nothing \
selected, 101 failed, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the cases, as `cargo test --test params --` does; `wattest test --help` has the options.
    #[command(disable_help_flag = true)]
    Test {
        /// Options and filters of the test target.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION|FILTER")]
        words: Vec<String>,
    },
    /// What may be set, and what is tried.
    #[command(subcommand)]
    Params(params::Params),
    /// Experiment files: whether the parameters allow them, and what they come to.
    #[command(subcommand)]
    Config(config::Config),
    /// Which names of a surface are tested, refused, skipped or missing.
    Coverage(coverage::Coverage),
    /// What may be set in an installed engine, asked of the engine itself.
    Introspect(introspect::Introspect),
    /// Warnings and errors in a log.
    Scan(scan::Scan),
    /// The known issues.
    #[command(subcommand)]
    Issues(issues::Issues),
    /// Make the views of a run anew from its journal.
    Report(report::Report),
    /// Judge a recorded run again, after the issues file changed, without running anything.
    Rescan(report::Rescan),
    /// Model directories for tests and measurements.
    #[command(subcommand)]
    Model(model::Model),
    /// Measure one experiment, or answer requests, one JSON object a line.
    Run(Box<run::Run>),
    /// What is ready here, and what to do about the rest.
    Doctor(doctor::Doctor),
    /// The snapshot of this machine and build that every run records.
    Env(env::Env),
    /// What is other in one snapshot than in another.
    DiffEnv(env::DiffEnv),
}

fn main() -> ExitCode {
    if let Some(code) = wattest_harness::serve_if_worker() {
        return code;
    }
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => {
            // Help and version are errors to the parser, and none to the user.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Ok }.into();
        }
    };
    match answer(command) {
        Ok(exit) => exit,
        Err(Stop::Faults(faults)) => {
            console::faults(&faults);
            Exit::Usage
        }
        // Whoever reads has seen enough.
        Err(Stop::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Ok,
        Err(Stop::Output(error)) => {
            console::faults(&[format!("the answer cannot be written: {error}")]);
            Exit::Usage
        }
    }
    .into()
}

fn answer(command: Command) -> Answer {
    match command {
        Command::Test { words } => Ok(wattest_harness::test("wattest test", &words)),
        Command::Params(command) => params::answer(&command),
        Command::Config(command) => config::answer(&command),
        Command::Coverage(command) => coverage::answer(&command),
        Command::Introspect(command) => introspect::answer(&command),
        Command::Scan(command) => scan::answer(&command),
        Command::Issues(command) => issues::answer(&command),
        Command::Report(command) => report::answer(&command),
        Command::Rescan(command) => report::rescan(&command),
        Command::Model(command) => model::answer(&command),
        Command::Run(command) => run::answer(&command),
        Command::Doctor(command) => doctor::answer(&command),
        Command::Env(command) => env::answer(&command),
        Command::DiffEnv(command) => env::diff(&command),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
