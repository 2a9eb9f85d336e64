//! Which backend takes which name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use crate::manual::cell::{code, prose};
use crate::schema::Table;

/// A row for each name that some backend takes, then the names that none does.
pub(super) fn text(tables: &[Table]) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut text, tables);
    text
}

fn write_all(out: &mut String, tables: &[Table]) -> fmt::Result {
    writeln!(
        out,
        "# Which backend takes which name\n\n*yes*: a parameter of that name; *= name*: another name \
         of that parameter; *no*: refused, for the reason of that number below; blank: an unknown \
         name, and refused as such.\n"
    )?;
    let mut settable = BTreeSet::new();
    let mut refused: BTreeMap<&str, Vec<&Table>> = BTreeMap::new();
    for table in tables {
        settable.extend(
            table.params.iter().flat_map(|one| std::iter::once(&one.path).chain(&one.aliases)),
        );
        for one in &table.refused {
            refused.entry(&one.name).or_default().push(table);
        }
    }
    let names: Vec<&str> = tables.iter().map(|table| table.backend.as_str()).collect();
    writeln!(out, "| name | {} |", names.join(" | "))?;
    writeln!(out, "| --- |{}", " --- |".repeat(tables.len()))?;
    let mut reasons = Reasons::default();
    for name in &settable {
        let cells: Vec<String> =
            tables.iter().map(|table| standing(table, name, &mut reasons)).collect();
        writeln!(out, "| {} | {} |", code(name), cells.join(" | "))?;
    }
    if !reasons.list.is_empty() {
        writeln!(out, "\nReasons:\n")?;
        for (number, reason) in reasons.list.iter().enumerate() {
            writeln!(out, "{}. {}", number + 1, prose(reason))?;
        }
    }
    nowhere(out, &settable, &refused)
}

/// Why names are refused, each reason once.
#[derive(Default)]
struct Reasons {
    list: Vec<String>,
}

impl Reasons {
    fn number(&mut self, reason: String) -> usize {
        let at = self.list.iter().position(|one| *one == reason);
        at.unwrap_or_else(|| {
            self.list.push(reason);
            self.list.len() - 1
        }) + 1
    }
}

fn standing(table: &Table, name: &str, reasons: &mut Reasons) -> String {
    if table.param(name).is_some() {
        return "yes".to_owned();
    }
    if let Some(param) = table.aliased(name) {
        return format!("= {}", code(&param.path));
    }
    match table.refusing(name) {
        Some(refused) => {
            let parts: Vec<&str> = [&refused.because]
                .into_iter()
                .chain(&refused.instead)
                .map(String::as_str)
                .collect();
            format!("no ({})", reasons.number(parts.join("; ")))
        }
        None => String::new(),
    }
}

fn nowhere(
    out: &mut String,
    settable: &BTreeSet<&String>,
    refused: &BTreeMap<&str, Vec<&Table>>,
) -> fmt::Result {
    let mut rows = refused.iter().filter(|(name, _)| !settable.iter().any(|one| one == *name));
    let Some(first) = rows.next() else { return Ok(()) };
    writeln!(out, "\n## Names that no backend takes\n\n| name | refused by | why |")?;
    writeln!(out, "| --- | --- | --- |")?;
    for (name, tables) in std::iter::once(first).chain(rows) {
        let backends: Vec<&str> = tables.iter().map(|table| table.backend.as_str()).collect();
        let because = tables.iter().flat_map(|table| &table.refused);
        let because = because.filter(|one| one.name == *name).map(|one| one.because.as_str());
        let because: BTreeSet<&str> = because.collect();
        let because: Vec<&str> = because.into_iter().collect();
        let (backends, because) = (backends.join(", "), prose(&because.join("; ")));
        writeln!(out, "| {} | {backends} | {because} |", code(name))?;
    }
    Ok(())
}
