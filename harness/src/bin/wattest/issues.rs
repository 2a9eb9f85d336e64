//! `wattest issues`: the known issues.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use wattest::issues::Book;
use wattest_harness::Exit;

use crate::output::{Answer, Stop};

#[derive(Debug, Subcommand)]
pub(crate) enum Issues {
    /// Everything that is wrong with an issues file.
    Lint(Lint),
}

#[derive(Debug, Args)]
pub(crate) struct Lint {
    /// The issues file.
    #[arg(env = "WATTEST_ISSUES", default_value = "issues.yaml", value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn answer(command: &Issues) -> Answer {
    let Issues::Lint(lint) = command;
    let book = Book::load(&lint.file).map_err(Stop::Faults)?;
    let mut out = std::io::stdout().lock();
    for warning in book.warnings() {
        writeln!(out, "warning: {warning}")?;
    }
    let n = book.entries().len();
    let plural = if n == 1 { "entry" } else { "entries" };
    writeln!(out, "{}: {n} {plural}, no faults", lint.file.display())?;
    out.flush()?;
    Ok(Exit::Ok)
}
