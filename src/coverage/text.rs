//! The ledger for people.

use std::fmt::{self, Write as _};

use crate::coverage::{Ledger, Reach, Standing, Totals};
use crate::report::text::console_line;

/// Longest reason of a row.
const REASON: usize = 160;

/// One line of sums and one line a name.
pub fn text(ledger: &Ledger) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut text, ledger);
    text
}

fn write_all(out: &mut String, ledger: &Ledger) -> fmt::Result {
    let Ledger { backend, engine, version, method, .. } = ledger;
    writeln!(out, "{backend} over {engine} {version} ({method})")?;
    writeln!(out, "{}", summary(&ledger.totals))?;
    for (what, reach) in reaches(&ledger.totals) {
        writeln!(out, "{what}: {}", reached(reach))?;
    }
    let limitations = ledger.limitations.iter().map(|one| console_line(one, REASON));
    for limitation in limitations {
        writeln!(out, "limitation: {limitation}")?;
    }
    writeln!(out)?;
    let width = ledger.rows.iter().map(|row| row.path.len()).max().unwrap_or_default();
    for row in &ledger.rows {
        let (path, word) = (&row.path, row.standing.word());
        let line = format!("  {path:<width$}  {word:<13}  {}", console_line(&row.detail(), REASON));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// `37 of 37 accounted for: 24 tested, 5 by alias, ...`: the usual standings and those that there
/// are.
pub(super) fn summary(totals: &Totals) -> String {
    let usual = [
        Standing::Tested,
        Standing::Alias,
        Standing::Refused,
        Standing::Skipped,
        Standing::Missing,
    ];
    let shown = totals.standings.iter().filter(|(one, n)| **n > 0 || usual.contains(one));
    let parts: Vec<String> = shown.map(|(one, n)| format!("{n} {}", one.phrase())).collect();
    format!("{} of {} accounted for: {}", totals.accounted, totals.names, parts.join(", "))
}

/// The three denominators, in words.
pub(super) fn reaches(totals: &Totals) -> Vec<(&'static str, Reach)> {
    let mut reaches = vec![("settable", totals.settable), ("on one device", totals.one_device)];
    reaches.extend(totals.here.map(|here| ("on this machine", here)));
    reaches
}

fn reached(reach: Reach) -> String {
    let mut line = format!("{}, with values {}", reach.of, reach.declared);
    if let (Some(exercised), Some(verified)) = (reach.exercised, reach.verified) {
        let _ = write!(line, ", exercised {exercised}, verified {verified}");
    }
    line
}
