//! Supervisor and worker over the scripted backend: whatever a case does, every case is reported,
//! and what it wrote is kept and attributed.
//!
//! This program is its own worker, which is why it has no `#[test]` functions.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "this is all tests, which the lints cannot know of a target without `#[test]`"
)]

mod bench;
mod deaths;
mod fixture;
mod here;
mod output;
mod replicas;
mod requests;
mod reuse;
mod survival;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    if std::env::var_os(fixture::WORKER).is_some() {
        fixture::note_start();
        return wattest::run::worker::serve();
    }
    if let Some(role) = std::env::var_os(fixture::ROLE) {
        return match role.to_str() {
            Some("flood") => output::flood_role(),
            Some("here") => here::role(),
            Some("replicate") => replicas::role(),
            Some("supervise") => survival::role(),
            _ => ExitCode::from(2),
        };
    }
    let trial = |(name, test): &(&'static str, fn())| {
        let test = *test;
        Trial::test(*name, move || {
            test();
            Ok(())
        })
    };
    let modules = [
        deaths::TESTS,
        output::TESTS,
        requests::TESTS,
        here::TESTS,
        survival::TESTS,
        replicas::TESTS,
        reuse::TESTS,
        bench::TESTS,
    ];
    let trials = modules.concat().iter().map(trial).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
