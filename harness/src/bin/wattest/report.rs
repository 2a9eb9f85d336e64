//! `wattest report` and `wattest rescan`: the views of a recorded run.

use std::path::PathBuf;

use clap::Args;
use jiff::civil::Date;
use wattest::issues::Book;
use wattest::record::Record;
use wattest::report::{Report as Summed, RunInfo};
use wattest::run::Journal;
use wattest::verdict::judge;
use wattest_harness::views::{self, Places};
use wattest_harness::{Exit, console, folder};

use crate::output::{Answer, Stop};

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The run: its name, its folder, or `latest`.
    #[arg(default_value = "latest")]
    run: String,
    /// Write junit.xml here, too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Rescan {
    /// The run: its name, its folder, or `latest`.
    #[arg(default_value = "latest")]
    run: String,
    /// Another issues file than that of the run.
    #[arg(long, value_name = "FILE")]
    issues: Option<PathBuf>,
    /// Judge as a smoke run, even if it was none.
    #[arg(long)]
    smoke: bool,
    /// Stale entries fail, even if they did not then.
    #[arg(long)]
    strict_issues: bool,
    /// The day by which issues expire, in place of that of the run.
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,
    /// Write junit.xml here, too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

pub(crate) fn answer(command: &Report) -> Answer {
    let folder = folder::find(&command.run).map_err(Stop::fault)?;
    let info = folder::read_info(&folder).map_err(Stop::fault)?;
    let book = book(&info)?;
    show(&Places { folder, junit: command.junit.clone() }, &info, &book)?;
    Ok(Exit::Ok)
}

pub(crate) fn rescan(command: &Rescan) -> Answer {
    let folder = folder::find(&command.run).map_err(Stop::fault)?;
    let mut info = folder::read_info(&folder).map_err(Stop::fault)?;
    if let Some(file) = &command.issues {
        info.issues = Some(file.display().to_string());
    }
    info.mode.smoke |= command.smoke;
    info.strict_issues |= command.strict_issues;
    if let Some(today) = command.today {
        info.mode.today = today;
    }
    let book = book(&info)?;
    let journal = Journal::open(&folder).map_err(Stop::fault)?;
    for mut record in journal.records().map_err(Stop::fault)? {
        let verdict = judge(&record, &book, &info.mode);
        if verdict != record.verdict {
            record.verdict = verdict;
            journal.write(&record).map_err(Stop::fault)?;
        }
    }
    folder::write_info(&folder, &info).map_err(Stop::fault)?;
    let failed = show(&Places { folder, junit: command.junit.clone() }, &info, &book)?;
    Ok(if failed { Exit::Failed } else { Exit::Ok })
}

/// The known issues of the run. Its file must still be there: an empty book in its place would
/// turn what was known into what is not.
fn book(info: &RunInfo) -> Result<Book, Stop> {
    match &info.issues {
        Some(file) => Book::load(file.as_ref()).map_err(Stop::Faults),
        None => Ok(Book::empty()),
    }
}

/// Makes the views and prints the summary; whether the run failed.
fn show(places: &Places, info: &RunInfo, book: &Book) -> Result<bool, Stop> {
    let planned: Vec<&str> = info.planned.iter().map(String::as_str).collect();
    let mut standings = Vec::new();
    let settle = |records: &[Record]| {
        standings = book.settle(records, &planned, &info.mode);
        standings.clone()
    };
    let cases = views::regenerate(places, info, settle).map_err(Stop::fault)?;
    let report = Summed::new(info, &cases, &standings);
    console::print(&console::summary(&report, &places.folder, false), false);
    console::annotate(info, &standings, false);
    Ok(report.summary.has_failed())
}
