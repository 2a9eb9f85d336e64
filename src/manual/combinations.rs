//! Which combinations are refused.

use std::fmt::Write as _;

use crate::manual::cell::{code, prose, settings};
use crate::schema::{Rule, Table};
use crate::settings::Settings;

/// The rules, the values that are refused in company, and the names that exclude each other. What
/// several backends say alike stands once.
pub(super) fn text(tables: &[Table]) -> String {
    let mut text = "# Combinations that are refused\n\nEach rule is asked of the engine itself: \
                    the example must be refused, and what stands beside it accepted. What is not \
                    set is at its default.\n"
        .to_owned();
    let rules = |table: &Table| table.rules.iter().map(rule).collect();
    section(
        &mut text,
        tables,
        "Rules",
        "| rule | refused where | why | such as | but not |",
        rules,
    );
    let company = |table: &Table| {
        let params = table.params.iter();
        let all = params.flat_map(|param| {
            param.refused.iter().map(|one| {
                let mut example = Settings::new();
                example.set(param.path.clone(), one.value.clone());
                let company = match one.companions.is_empty() {
                    true => "the baseline alone".to_owned(),
                    false => settings(&one.companions),
                };
                format!("| {} | {company} | {}", settings(&example), prose(&one.because))
            })
        });
        all.collect()
    };
    section(
        &mut text,
        tables,
        "Values that are refused in company",
        "| value | beside | why |",
        company,
    );
    let conflicts = |table: &Table| {
        let params = table.params.iter().filter(|param| !param.conflicts.is_empty());
        let all = params.map(|param| {
            let names: Vec<String> = param.conflicts.iter().map(|name| code(name)).collect();
            format!("| {} | {}", code(&param.path), names.join(", "))
        });
        all.collect()
    };
    section(
        &mut text,
        tables,
        "Parameters that exclude others",
        "| parameter | not beside |",
        conflicts,
    );
    text
}

fn rule(rule: &Rule) -> String {
    let forbidden =
        rule.forbids.iter().map(|(path, one)| code(&format!("{path} {}", one.in_words())));
    let forbidden: Vec<String> = forbidden.collect();
    format!(
        "| {} | {} | {} | {} | {}",
        code(&rule.id),
        forbidden.join(" and "),
        prose(&rule.because),
        settings(&rule.example),
        settings(&rule.near),
    )
}

/// A table of what `rows` gives for each backend, with the backends that share a row.
fn section(
    text: &mut String,
    tables: &[Table],
    title: &str,
    head: &str,
    rows: impl Fn(&Table) -> Vec<String>,
) {
    let mut all: Vec<(String, Vec<&str>)> = Vec::new();
    for table in tables {
        for row in rows(table) {
            match all.iter_mut().find(|(one, _)| *one == row) {
                Some((_, backends)) => backends.push(&table.backend),
                None => all.push((row, vec![&table.backend])),
            }
        }
    }
    if all.is_empty() {
        return;
    }
    let columns = head.matches('|').count();
    // Writing to a string does not fail.
    let _ = writeln!(text, "\n## {title}\n\n{head} backends |\n|{}", " --- |".repeat(columns));
    for (row, backends) in all {
        let _ = writeln!(text, "{row} | {} |", backends.join(", "));
    }
}
