//! `wattest issues prune`: taking out what is stale.

use std::collections::BTreeSet;
use std::io::Write as _;

use clap::Args;
use wattest::issues::{edit, prunable};
use wattest::report::text::count;
use wattest_harness::Exit;

use super::runs::{self, Which};
use crate::output::{Answer, Stop};

#[derive(Debug, Args)]
pub(crate) struct Prune {
    #[command(flatten)]
    which: Which,
    /// Only say what would go.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn answer(command: &Prune) -> Answer {
    let recorded = command.which.read()?;
    let file = command.which.file(&recorded);
    let book = runs::book(&file)?;
    let settled = recorded.iter().map(|run| {
        let planned: Vec<&str> = run.info.planned.iter().map(String::as_str).collect();
        book.settle(&run.records, &planned, &run.info.mode)
    });
    let gone = prunable(&settled.collect::<Vec<_>>());
    if !command.dry_run && !gone.is_empty() {
        let ids: BTreeSet<&str> = gone.iter().map(|standing| standing.id.as_str()).collect();
        let text = edit::remove(&file, &runs::text(&file)?, &ids).map_err(Stop::Faults)?;
        runs::save(&file, &text)?;
    }
    let mut out = std::io::stdout().lock();
    for one in &gone {
        writeln!(out, "{}:{}: {}: {}", file.display(), one.line, one.id, one.reason)?;
    }
    let what = count(gone.len(), "stale issue");
    let how = if command.dry_run { "would be taken out" } else { "taken out" };
    writeln!(out, "{}: {what} {how}", file.display())?;
    out.flush()?;
    Ok(Exit::Ok)
}
