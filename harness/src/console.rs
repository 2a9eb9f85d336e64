//! What is printed beside libtest-mimic's own output. Captured text is made safe before.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use libtest_mimic::ColorSetting;
use wattest::issues::Standing;
use wattest::record::Record;
use wattest::report::text::{console_line, count, seconds};
use wattest::report::{Evidence, Report, RunInfo, annotations};
use wattest::schema::Answer;
use wattest::verdict::Status;

use crate::options::Options;

/// Longest line of captured text on the console.
const LINE: usize = 160;

/// Lines shown of the end of each stream of a case that did not pass.
const TAIL: usize = 12;

/// Rows of issues in the summary.
const ISSUES: usize = 10;

/// Whether to colour what is printed after libtest's own output.
pub fn colours(options: &Options) -> bool {
    match options.color {
        ColorSetting::Always => true,
        ColorSetting::Never => false,
        ColorSetting::Auto => {
            let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            wanted && !options.is_json() && io::stdout().is_terminal()
        }
    }
}

/// What libtest-mimic shows of a case that did not pass: the cause first, the command that
/// repeats it last.
pub fn failure(record: &Record, reproduce: &str, run: &Path) -> String {
    let verdict = &record.verdict;
    let mut text = format!("{}: {}\n", verdict.kind, console_line(&verdict.cause, 2 * LINE));
    for cause in &verdict.further {
        let _ = writeln!(text, "also: {}", console_line(cause, 2 * LINE));
    }
    if !verdict.evidence.is_empty() {
        let _ = writeln!(text, "evidence: {}", console_line(&verdict.evidence, 2 * LINE));
    }
    for index in verdict.unknown.iter().skip(1).take(ISSUES) {
        if let Some(finding) = record.findings.get(*index) {
            let _ = writeln!(text, "unknown issue: {}", console_line(&finding.message, LINE));
        }
    }
    for child in &record.left_children {
        let _ = writeln!(text, "left behind and ended: {}", console_line(child, LINE));
    }
    let evidence = Evidence::load(run, record);
    for (name, output) in [("stdout", &evidence.stdout), ("stderr", &evidence.stderr)] {
        let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
        if lines.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{name}{}:", if lines.len() > TAIL { ", its end" } else { "" });
        for line in lines.iter().skip(lines.len().saturating_sub(TAIL)) {
            let _ = writeln!(text, "  | {}", console_line(line, LINE));
        }
    }
    let _ = write!(text, "reproduce: {reproduce}");
    text
}

/// The summary after libtest's last line.
pub fn summary(report: &Report<'_>, run: &Path, colours: bool) -> String {
    let (red, yellow, bold, plain) =
        if colours { ("\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[0m") } else { ("", "", "", "") };
    let summary = &report.summary;
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = (|| -> std::fmt::Result {
        write!(
            text,
            "{bold}wattest:{plain} {}: {} passed",
            count(summary.selected, "case"),
            summary.passed
        )?;
        for (n, what) in [
            (summary.failed, "failed"),
            (summary.errors, if summary.errors == 1 { "error" } else { "errors" }),
            (summary.skipped, "skipped"),
            (summary.flaky, "flaky"),
            (summary.not_run, "not run"),
        ] {
            if n > 0 {
                write!(text, ", {n} {what}")?;
            }
        }
        writeln!(text, "; {}", seconds(summary.duration_s))?;
        issues(&mut text, report, yellow, plain)?;
        let effects: Vec<_> =
            summary.effects.iter().map(|(effect, n)| format!("{n} {}", effect.word())).collect();
        if !effects.is_empty() {
            writeln!(text, "  effects: {}", effects.join(", "))?;
        }
        as_known(&mut text, report)?;
        if summary.passed + summary.failed + summary.errors > 0 {
            writeln!(text, "  energy: {}", console_line(&summary.energy.line(), LINE))?;
        }
        for (backend, band) in &summary.noise {
            writeln!(text, "  noise: J per output token of {backend} within {band}")?;
        }
        match (&summary.energy_gate, summary.idle_gate()) {
            (_, Some(why)) => {
                writeln!(text, "  {red}energy gate{plain}: {}", console_line(&why, 2 * LINE))?;
            }
            (Some(gate), None) => {
                writeln!(text, "  energy gate: {}", console_line(&gate.line(), LINE))?;
            }
            (None, None) => {}
        }
        if let Some(seed) = report.run.shuffle_seed {
            writeln!(text, "  order: shuffled, --shuffle-seed={seed}")?;
        }
        if summary.slowest.len() > 1 {
            let slowest: Vec<_> = summary
                .slowest
                .iter()
                .map(|(name, time)| format!("{name} {}", seconds(*time)))
                .collect();
            writeln!(text, "  slowest: {}", slowest.join(", "))?;
        }
        for row in &summary.failures {
            writeln!(
                text,
                "  {red}{}{plain}: {}: {}",
                row.name,
                row.kind,
                console_line(&row.cause, LINE)
            )?;
            writeln!(text, "    {}", row.reproduce)?;
        }
        for breach in &summary.breaches {
            let file = report.run.issues.as_deref().unwrap_or("issues.yaml");
            writeln!(
                text,
                "  {red}{}{plain}: {file}:{}: {}: {}",
                breach.kind,
                breach.line,
                breach.id,
                console_line(&breach.reason, LINE)
            )?;
        }
        writeln!(text, "  report: {}", run.join("report.md").display())
    })();
    text
}

fn issues(text: &mut String, report: &Report<'_>, yellow: &str, plain: &str) -> std::fmt::Result {
    let summary = &report.summary;
    let mut parts = Vec::new();
    for (source, severities) in &summary.issues {
        for (severity, count) in severities {
            let word = format!("{severity:?}").to_lowercase();
            if count.unknown > 0 {
                parts.push(format!("{yellow}{source} {word} {} unknown{plain}", count.unknown));
            }
            if count.known > 0 {
                parts.push(format!("{source} {word} {} known", count.known));
            }
        }
    }
    if parts.is_empty() {
        return writeln!(text, "  issues: none");
    }
    writeln!(text, "  issues: {}", parts.join(", "))?;
    if !report.run.mode.smoke {
        // In a smoke run they are the failures below.
        for issue in report.issues.iter().filter(|issue| issue.unknown).take(ISSUES) {
            writeln!(
                text,
                "    {yellow}unknown{plain} x{} in {}: {}",
                issue.count,
                issue.cases.first().map_or("", String::as_str),
                console_line(&issue.message, LINE)
            )?;
        }
    }
    Ok(())
}

/// How what must be refused was answered, and what ended as is known of the engine.
fn as_known(text: &mut String, report: &Report<'_>) -> std::fmt::Result {
    let words = |counts: &BTreeMap<Answer, usize>| -> String {
        let parts = counts.iter().map(|(answer, n)| format!("{n} {}", answer.word()));
        parts.collect::<Vec<_>>().join(", ")
    };
    let summary = &report.summary;
    if summary.answers.keys().any(|answer| *answer != Answer::Refused) {
        writeln!(text, "  what must be refused: {}", words(&summary.answers))?;
    }
    if summary.as_known.is_empty() {
        return Ok(());
    }
    let all: usize = summary.as_known.values().sum();
    writeln!(text, "  as known: {}: {}", count(all, "case"), words(&summary.as_known))?;
    let known = report.cases.iter().filter(|case| case.status == Status::Pass);
    let known = known.filter_map(|case| Some((&case.name, case.as_known.as_ref()?)));
    for (name, what) in known.take(ISSUES) {
        writeln!(text, "    {name}: as known: {}", console_line(what, LINE))?;
    }
    if all > ISSUES {
        writeln!(text, "    and {} more, see the report", all - ISSUES)?;
    }
    Ok(())
}

/// Prints `text` to stdout, or to stderr where stdout is for events only.
pub fn print(text: &str, json: bool) {
    // Whoever closed the pipe does not want it; the run is over, and its report is on disk.
    let _ = if json {
        io::stderr().lock().write_all(text.as_bytes())
    } else {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    };
}

/// Whether this is a job of GitHub, which takes lines of its output for commands.
fn is_github() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// Has GitHub take nothing for a command until the result is given to [`resume_commands`]: what
/// cases write is about to be passed on as it is. None where nobody would.
pub fn stop_commands() -> Option<String> {
    if !is_github() {
        return None;
    }
    // What ends it must not be guessed by those it is for.
    let random = || RandomState::new().build_hasher().finish();
    let token = format!("{:016x}{:016x}", random(), random());
    print(&format!("::stop-commands::{token}\n"), false);
    Some(token)
}

/// Ends what [`stop_commands`] began.
pub fn resume_commands(token: &str) {
    print(&format!("\n::{token}::\n"), false);
}

/// Has GitHub show the entries of the issues file that fail `run` or want a look, each at its line,
/// where this is a job of GitHub.
pub fn annotate(run: &RunInfo, standings: &[Standing], json: bool) {
    if is_github() {
        print(&annotations(run, standings), json);
    }
}

/// Prints each of `faults` to stderr, and what they mean.
pub fn faults(faults: &[String]) {
    let mut text = String::new();
    for fault in faults {
        let _ = writeln!(text, "error: {fault}");
    }
    print(&text, true);
}
