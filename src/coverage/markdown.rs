//! The ledger for a pull request or a job summary. What comes from outside is shown as literal text.

use std::fmt::{self, Write as _};

use crate::coverage::Ledger;
use crate::coverage::text::{reaches, summary};
use crate::report::text::markdown as literal;

/// Longest text of a cell.
const CELL: usize = 300;

/// A summary, the sums, and a table of the names: what is open first and in the open, the rest
/// folded away.
pub fn markdown(ledger: &Ledger) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut text, ledger);
    text
}

fn write_all(out: &mut String, ledger: &Ledger) -> fmt::Result {
    let surface = format!("{} {}", ledger.engine, ledger.version);
    let (backend, surface) = (literal(&ledger.backend, CELL), literal(&surface, CELL));
    writeln!(out, "## Coverage of {backend} over {surface}\n")?;
    writeln!(out, "**{}** ({} %)\n", summary(&ledger.totals), ledger.totals.percent)?;
    writeln!(out, "| | names | with values | exercised | verified |")?;
    writeln!(out, "| --- | --- | --- | --- | --- |")?;
    let shown = |n: Option<usize>| n.map_or_else(String::new, |n| n.to_string());
    for (what, reach) in reaches(&ledger.totals) {
        let (exercised, verified) = (shown(reach.exercised), shown(reach.verified));
        writeln!(out, "| {what} | {} | {} | {exercised} | {verified} |", reach.of, reach.declared)?;
    }
    if ledger.open().next().is_some() {
        writeln!(out, "\nNot accounted for:\n")?;
        table(out, ledger, true)?;
    }
    writeln!(out, "\n<details><summary>Accounted for</summary>\n")?;
    table(out, ledger, false)?;
    writeln!(out, "\n</details>")
}

/// The rows that are `open`, or those that are not.
fn table(out: &mut String, ledger: &Ledger, open: bool) -> fmt::Result {
    writeln!(out, "| name | | |\n| --- | --- | --- |")?;
    for row in ledger.rows.iter().filter(|row| row.standing.is_accounted() != open) {
        let (path, detail) = (literal(&row.path, CELL), literal(&row.detail(), CELL));
        writeln!(out, "| {path} | {} | {detail} |", row.standing.word())?;
    }
    Ok(())
}
