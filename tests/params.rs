//! Every parameter of every backend as a test case: `cargo test --test params -- --smoke`.

use std::process::ExitCode;

fn main() -> ExitCode {
    wattest_harness::main()
}
