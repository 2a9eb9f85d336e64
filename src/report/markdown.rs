//! The markdown view, for people and for the summary page of a CI job.

use std::fmt::{self, Write};

use crate::report::text::{count, markdown as literal, seconds};
use crate::report::{Report, state_word};
use crate::verdict::Status;

/// Longest cell in characters.
const CELL: usize = 200;

/// Rows of a table beyond which only their number is given: GitHub cuts a summary at 1 MiB, and
/// `report.json` has everything.
const ROWS: usize = 100;

/// The text of `report.md`.
pub fn markdown(report: &Report<'_>) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut text, report);
    text
}

fn write_all(out: &mut String, report: &Report<'_>) -> fmt::Result {
    let run = report.run;
    let summary = &report.summary;
    let word = match (summary.has_failed(), summary.not_run) {
        (true, _) => "failed",
        (false, 0) => "passed",
        (false, _) => "not finished",
    };
    writeln!(out, "# wattest: {word}\n")?;
    writeln!(
        out,
        "{}: {} passed, {} failed, {}, {} skipped, {} flaky, {} not run; {} in cases.\n",
        count(summary.selected, "case"),
        summary.passed,
        summary.failed,
        count(summary.errors, "error"),
        summary.skipped,
        summary.flaky,
        summary.not_run,
        seconds(summary.duration_s)
    )?;
    writeln!(out, "- run: {}, started {}", literal(&run.id, CELL), literal(&run.started, CELL))?;
    writeln!(out, "- backends: {}", literal(&run.backends.join(", "), CELL))?;
    writeln!(out, "- model: {}", literal(&run.model, CELL))?;
    writeln!(out, "- mode: {}", if run.mode.smoke { "smoke" } else { "report only" })?;
    let effects: Vec<_> =
        summary.effects.iter().map(|(effect, n)| format!("{n} {}", effect.word())).collect();
    writeln!(out, "- effects: {}", literal(&or_none(&effects), CELL))?;
    if !summary.answers.is_empty() {
        let answers: Vec<_> =
            summary.answers.iter().map(|(answer, n)| format!("{n} {}", answer.word())).collect();
        writeln!(out, "- what must be refused: {}", literal(&answers.join(", "), CELL))?;
    }
    writeln!(out, "- energy: {}", literal(&summary.energy.line(), CELL))?;
    for (backend, band) in &summary.noise {
        let line = format!("J per output token of {backend} within {band}");
        writeln!(out, "- noise: {}", literal(&line, CELL))?;
    }
    if let Some(gate) = &summary.energy_gate {
        writeln!(out, "- energy gate: {}", literal(&gate.line(), 2 * CELL))?;
    }
    if let Some(seed) = run.shuffle_seed {
        writeln!(out, "- order: shuffled by the seed {seed}")?;
    }
    writeln!(out)?;
    failures(out, report)?;
    issues(out, report)?;
    standings(out, report)?;
    as_known(out, report)?;
    skipped(out, report)?;
    effects_table(out, report)?;
    energy_gate(out, report)?;
    slowest(out, report)?;
    environment(out, report)
}

fn or_none(parts: &[String]) -> String {
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

/// A table, or nothing where there are no rows.
fn table(out: &mut String, title: &str, head: &[&str], rows: &[Vec<String>]) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "## {title}\n\n| {} |", head.join(" | "))?;
    writeln!(out, "|{}", " --- |".repeat(head.len()))?;
    for row in rows.iter().take(ROWS) {
        let cells: Vec<_> = row.iter().map(|cell| literal(cell, CELL)).collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    if rows.len() > ROWS {
        writeln!(out, "\n{} more rows are in report.json.", rows.len() - ROWS)?;
    }
    writeln!(out)
}

fn failures(out: &mut String, report: &Report<'_>) -> fmt::Result {
    let failures = report.summary.failures.iter();
    let rows = failures.map(|row| {
        vec![row.name.clone(), row.kind.clone(), row.cause.clone(), row.reproduce.clone()]
    });
    table(out, "Failures", &["case", "kind", "cause", "reproduce"], &rows.collect::<Vec<_>>())?;
    let breaches = report.summary.breaches.iter();
    let rows = breaches.map(|breach| {
        vec![
            breach.id.clone(),
            breach.line.to_string(),
            breach.kind.to_owned(),
            breach.reason.clone(),
        ]
    });
    table(
        out,
        "Entries that fail the run",
        &["entry", "line", "kind", "reason"],
        &rows.collect::<Vec<_>>(),
    )
}

fn issues(out: &mut String, report: &Report<'_>) -> fmt::Result {
    let rows = report.issues.iter().map(|issue| {
        vec![
            if issue.unknown { "unknown" } else { "known" }.to_owned(),
            format!("{:?}", issue.severity).to_lowercase(),
            issue.source.clone(),
            issue.count.to_string(),
            issue.cases.len().to_string(),
            issue.message.clone(),
        ]
    });
    let head = ["", "severity", "source", "count", "cases", "message"];
    table(out, "Issues", &head, &rows.collect::<Vec<_>>())
}

fn standings(out: &mut String, report: &Report<'_>) -> fmt::Result {
    let rows = report.standings.iter().map(|standing| {
        let state = state_word(standing.state).to_owned();
        vec![standing.id.clone(), state, standing.count.to_string(), standing.reason.clone()]
    });
    table(out, "Known issues", &["entry", "state", "count", "reason"], &rows.collect::<Vec<_>>())
}

/// What the engine is known to get wrong, and got wrong.
fn as_known(out: &mut String, report: &Report<'_>) -> fmt::Result {
    let rows = report
        .cases
        .iter()
        .filter_map(|case| Some(vec![case.name.clone(), case.as_known.clone()?]));
    table(out, "As known", &["case", "what the engine does"], &rows.collect::<Vec<_>>())
}

fn skipped(out: &mut String, report: &Report<'_>) -> fmt::Result {
    let cases = report.cases.iter().filter(|case| case.status == Status::Skip);
    let rows = cases.map(|case| vec![case.name.clone(), case.cause.clone()]);
    table(out, "Skipped", &["case", "reason"], &rows.collect::<Vec<_>>())
}

fn effects_table(out: &mut String, report: &Report<'_>) -> fmt::Result {
    let rows = report.cases.iter().filter_map(|case| {
        Some(vec![case.name.clone(), case.effect?.word().to_owned(), case.evidence.clone()])
    });
    table(out, "Effects", &["case", "effect", "evidence"], &rows.collect::<Vec<_>>())
}

/// What the energy gate says of each case.
fn energy_gate(out: &mut String, report: &Report<'_>) -> fmt::Result {
    let rows = report.cases.iter().filter_map(|case| {
        let gated = case.energy_gate.as_ref()?;
        let mut line = gated.line.clone();
        if !gated.notes.is_empty() {
            line = format!("{line}; other than there: {}", gated.notes.join(", "));
        }
        Some(vec![case.name.clone(), gated.state.word().to_owned(), line])
    });
    table(out, "Energy gate", &["case", "", "figures"], &rows.collect::<Vec<_>>())
}

fn slowest(out: &mut String, report: &Report<'_>) -> fmt::Result {
    let rows = report.summary.slowest.iter();
    let rows = rows.map(|(name, time)| vec![name.clone(), seconds(*time)]);
    table(out, "Slowest cases", &["case", "time"], &rows.collect::<Vec<_>>())
}

fn environment(out: &mut String, report: &Report<'_>) -> fmt::Result {
    let environment = &report.run.environment;
    let unknown = || "unknown".to_owned();
    let rows = vec![
        vec!["wattest".to_owned(), format!("{} ({})", environment.wattest, environment.profile)],
        vec!["features".to_owned(), or_none(&environment.features)],
        vec!["target".to_owned(), environment.target.clone()],
        vec!["kernel".to_owned(), environment.kernel.clone().unwrap_or_else(unknown)],
        vec!["processor".to_owned(), environment.processor.clone().unwrap_or_else(unknown)],
        vec![
            "processors".to_owned(),
            environment.processors.map_or_else(unknown, |n| n.to_string()),
        ],
        vec![
            "memory".to_owned(),
            environment.memory_bytes.map_or_else(unknown, |n| format!("{} MiB", n >> 20)),
        ],
        vec!["gpus".to_owned(), or_none(&environment.gpus)],
    ];
    table(out, "Environment", &["", ""], &rows)
}
