//! `wattest issues`: the known issues, and those that are not known yet.

mod bless;
mod list;
mod prune;
mod review;
mod runs;
mod triage;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use wattest::issues::Book;
use wattest::report::text::count;
use wattest_harness::Exit;

use crate::output::{Answer, Stop};

#[derive(Debug, Subcommand)]
pub(crate) enum Issues {
    /// Everything that is wrong with an issues file.
    Lint(Lint),
    /// Unknown findings in clusters: what sets their cases apart, and an entry for each.
    Triage(triage::Triage),
    /// Review unknown findings one by one, and write entries for those accepted.
    Bless(bless::Bless),
    /// Take out the entries that are stale wherever they could be seen.
    Prune(prune::Prune),
    /// The entries with how often they were hit, first and last.
    List(list::List),
}

#[derive(Debug, Args)]
pub(crate) struct Lint {
    /// The issues file.
    #[arg(env = "WATTEST_ISSUES", default_value = "issues.yaml", value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn answer(command: &Issues) -> Answer {
    match command {
        Issues::Lint(command) => lint(command),
        Issues::Triage(command) => triage::answer(command),
        Issues::Bless(command) => bless::answer(command),
        Issues::Prune(command) => prune::answer(command),
        Issues::List(command) => list::answer(command),
    }
}

fn lint(command: &Lint) -> Answer {
    let book = Book::load(&command.file).map_err(Stop::Faults)?;
    let mut out = std::io::stdout().lock();
    for warning in book.warnings() {
        writeln!(out, "warning: {warning}")?;
    }
    let n = book.entries().len();
    let plural = if n == 1 { "entry" } else { "entries" };
    writeln!(
        out,
        "{}: {n} {plural}, no faults, {}",
        command.file.display(),
        count(book.warnings().len(), "warning")
    )?;
    out.flush()?;
    Ok(Exit::Ok)
}
