//! `wattest issues list`: how often each entry was hit, first and last.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};
use wattest::issues::{Standing, Status};
use wattest_harness::{Exit, folder};

use super::runs;
use crate::output::{Answer, Format, Stop};

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The runs: their names or folders; without any all that are kept beside the latest.
    #[arg(value_name = "RUN")]
    runs: Vec<String>,
    /// The issues file.
    #[arg(long, env = "WATTEST_ISSUES", default_value = "issues.yaml", value_name = "FILE")]
    issues: PathBuf,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What is read of the report of a run.
#[derive(Deserialize)]
struct Report {
    run: Run,
    standings: Vec<Standing>,
}

#[derive(Deserialize)]
struct Run {
    started: String,
}

/// When a run started, and how often it hit each entry.
type Hits = (String, BTreeMap<String, u64>);

/// An entry and its hits.
#[derive(Debug, Serialize)]
struct Row<'a> {
    id: &'a str,
    line: usize,
    status: Status,
    /// Occurrences over all runs.
    count: u64,
    /// Runs in which it was hit.
    runs: usize,
    /// When the first run with a hit started; null where there is none.
    first_seen: Option<String>,
    /// When the last one did.
    last_seen: Option<String>,
}

pub(crate) fn answer(command: &List) -> Answer {
    let book = runs::book(&command.issues)?;
    let reports = reports(&command.runs)?;
    let rows = book.entries().iter().map(|entry| {
        let mut row = Row {
            id: &entry.id,
            line: entry.line,
            status: entry.status,
            count: 0,
            runs: 0,
            first_seen: None,
            last_seen: None,
        };
        for (started, counts) in &reports {
            let Some(count) = counts.get(&entry.id).filter(|count| **count > 0) else { continue };
            row.count += count;
            row.runs += 1;
            row.first_seen.get_or_insert_with(|| started.clone());
            row.last_seen = Some(started.clone());
        }
        row
    });
    let rows: Vec<Row<'_>> = rows.collect();
    let mut out = io::BufWriter::new(io::stdout().lock());
    match command.format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&rows).map_err(Stop::fault)?;
            writeln!(out, "{text}")?;
        }
        Format::Text => {
            for row in &rows {
                let day = |time: &Option<String>| {
                    time.as_deref().map(|time| time.get(..10).unwrap_or(time).to_owned())
                };
                let seen = match (day(&row.first_seen), day(&row.last_seen)) {
                    (Some(first), Some(last)) => {
                        format!(
                            "x{} in {} runs, first seen {first}, last seen {last}",
                            row.count, row.runs
                        )
                    }
                    _ => "never seen".to_owned(),
                };
                writeln!(out, "{}:{}: {}: {seen}", command.issues.display(), row.line, row.id)?;
            }
            writeln!(out, "{} entries, {} runs looked at", rows.len(), reports.len())?;
        }
    }
    out.flush()?;
    Ok(Exit::Ok)
}

/// When each run started and how often it hit each entry, the earliest first. A folder without a
/// report is of a run that wrote none yet.
fn reports(names: &[String]) -> Result<Vec<Hits>, Stop> {
    let mut folders = BTreeSet::new();
    for name in names {
        folders.insert(folder::find(name).map_err(Stop::fault)?);
    }
    if names.is_empty() {
        let kept = std::fs::read_dir(folder::root()).into_iter().flatten().flatten();
        // `latest` is a link to one of them, or to a folder elsewhere.
        folders.extend(kept.filter_map(|entry| std::fs::canonicalize(entry.path()).ok()));
    }
    let mut reports = Vec::new();
    for file in folders.into_iter().map(|folder| folder.join("report.json")) {
        let Ok(text) = std::fs::read(&file) else { continue };
        let report: Report = serde_json::from_slice(&text).map_err(|error| {
            Stop::fault(format!("{}: is not a report: {error}; remove that run", file.display()))
        })?;
        let counts = report.standings.into_iter().map(|one| (one.id, one.count));
        reports.push((report.run.started, counts.collect()));
    }
    reports.sort();
    Ok(reports)
}
