//! The page of one backend.

use std::fmt::{self, Write as _};

use crate::manual::cell::{code, outside, prose, settings, value, values};
use crate::schema::{Origin, Param, Relation, Section, Table};

const SECTIONS: [(Section, &str); 5] = [
    (Section::Load, "Read when the model is loaded."),
    (Section::Engine, "Read when the engine is made."),
    (Section::Build, "Read when an engine file is built."),
    (Section::Runtime, "Read with each request, without a bearing on which tokens are right."),
    (Section::Sampling, "Read with each request: which tokens are chosen."),
];
/// More choices than these stand below the table.
const IN_CELL: usize = 6;

/// Every parameter by section, then the names that are refused.
pub(super) fn text(table: &Table) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut text, table);
    text
}

fn write_all(out: &mut String, table: &Table) -> fmt::Result {
    writeln!(out, "# {}\n", prose(&table.backend))?;
    writeln!(out, "{}.\n", prose(table.engine.trim_end_matches('.')))?;
    writeln!(
        out,
        "From `params/{}.yaml`: {} parameters, {} refused names. What stands under *claim* must \
         hold between an output with the value and the same without it \
         ([relations](../params.md#relations)).\n",
        table.backend,
        table.params.len(),
        table.refused.len()
    )?;
    if !table.baseline.is_empty() {
        writeln!(
            out,
            "Every case sets {}, unless it says otherwise.\n",
            settings(&table.baseline)
        )?;
    }
    for (section, what) in SECTIONS {
        let params: Vec<&Param> =
            table.params.iter().filter(|one| one.section == section).collect();
        if params.is_empty() {
            continue;
        }
        writeln!(out, "## {}\n\n{what}\n", section.word())?;
        section_table(out, &params)?;
    }
    refused(out, table)?;
    excluded(out, table)
}

fn section_table(out: &mut String, params: &[&Param]) -> fmt::Result {
    writeln!(out, "| parameter | type | default | values | claim | needs | |")?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- | --- |")?;
    for param in params {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            code(&param.path),
            prose(&types(param)),
            default(param),
            range(param),
            claim(param),
            needs(param),
            about(param),
        )?;
    }
    writeln!(out)?;
    let long: Vec<&&Param> = params.iter().filter(|one| one.choices.len() > IN_CELL).collect();
    for param in &long {
        let choices: Vec<String> =
            param.choices.iter().map(|one| outside(&one.to_string())).collect();
        writeln!(out, "- Choices of {}: {}", code(&param.path), choices.join(", "))?;
    }
    if !long.is_empty() {
        writeln!(out)?;
    }
    Ok(())
}

fn types(param: &Param) -> String {
    let null = if param.optional { " or null" } else { "" };
    format!("{}{null}", param.types_in_words())
}

/// What the engine has; nothing where a surface does not know it.
fn default(param: &Param) -> String {
    match param.default.is_null() && !param.optional {
        true => "not known".to_owned(),
        false => value(&param.default),
    }
}

/// Bounds and choices, or else a sample.
fn range(param: &Param) -> String {
    let mut parts = Vec::new();
    if param.choices.len() > IN_CELL {
        parts.push(format!("{} choices, see below", param.choices.len()));
    } else if !param.choices.is_empty() {
        parts.push(values(&param.choices));
    }
    if !param.bounds.is_empty() {
        parts.push(code(&param.bounds.in_words()));
    }
    if parts.is_empty() {
        parts.extend(param.samples.first().map(|one| format!("such as {}", value(one))));
    }
    parts.join("; ")
}

fn claim(param: &Param) -> String {
    let word = |relation: &Relation| match relation {
        Relation::SameTokens => "same tokens".to_owned(),
        Relation::Changes => "changes".to_owned(),
        Relation::Limits => "limits".to_owned(),
        Relation::Equals(case) => format!("equals {}", code(case)),
        Relation::None => "none".to_owned(),
    };
    let mut parts = vec![word(&param.relation)];
    for one in &param.per_value {
        if let Some(relation) = &one.relation {
            parts.push(format!("for {}: {}", values(&one.values), word(relation)));
        }
    }
    parts.join("; ")
}

/// Conditions and companions.
fn needs(param: &Param) -> String {
    let mut parts: Vec<String> = param.requires.iter().map(|one| prose(&one.in_words())).collect();
    let company = param.companions.merged(&param.brings);
    if !company.is_empty() {
        parts.push(format!("tried with {}", settings(&company)));
    }
    if !param.conflicts.is_empty() {
        let names: Vec<String> = param.conflicts.iter().map(|name| code(name)).collect();
        parts.push(format!("not beside {}", names.join(", ")));
    }
    parts.join("; ")
}

fn about(param: &Param) -> String {
    let mut parts = Vec::new();
    if !param.description.is_empty() {
        parts.push(prose(&param.description));
    }
    if let Some(deprecated) = &param.deprecated {
        parts.push(format!("**Deprecated**: {}.", prose(deprecated.trim_end_matches('.'))));
    }
    parts.extend(param.since.iter().map(|version| format!("Since {}.", prose(version))));
    parts.extend(param.until.iter().map(|version| format!("Until {}.", prose(version))));
    if !param.aliases.is_empty() {
        let names: Vec<String> = param.aliases.iter().map(|name| code(name)).collect();
        parts.push(format!("Also {}.", names.join(", ")));
    }
    if let Origin::Beyond(reason) = &param.origin {
        parts.push(format!("Not in the surface: {}.", prose(reason.trim_end_matches('.'))));
    }
    parts.join(" ")
}

fn refused(out: &mut String, table: &Table) -> fmt::Result {
    if table.refused.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Refused names\n\n| names | why | instead |\n| --- | --- | --- |")?;
    let mut rest = &table.refused[..];
    while let Some(first) = rest.first() {
        let same = |one: &&crate::schema::RefusedName| {
            (&one.because, &one.instead) == (&first.because, &first.instead)
        };
        let n = rest.iter().take_while(same).count();
        let names: Vec<String> = rest[..n].iter().map(|one| code(&one.name)).collect();
        let instead = first.instead.as_deref().unwrap_or_default();
        let (names, because) = (names.join(", "), prose(&first.because));
        writeln!(out, "| {names} | {because} | {} |", prose(instead))?;
        rest = &rest[n..];
    }
    writeln!(out)
}

fn excluded(out: &mut String, table: &Table) -> fmt::Result {
    if table.excluded.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Left out\n\n| name | until | why |\n| --- | --- | --- |")?;
    for one in &table.excluded {
        writeln!(out, "| {} | {} | {} |", code(&one.name), one.expires, prose(&one.because))?;
    }
    Ok(())
}
