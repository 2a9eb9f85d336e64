//! `wattest params`: what may be set, and what is tried.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use wattest::schema::{Selection, Table};
use wattest_harness::Exit;
use wattest_harness::inputs::{self, Source};
use wattest_harness::options::Options;

use crate::docs::{self, Docs};
use crate::output::{Answer, Format, Stop};

#[derive(Debug, Subcommand)]
pub(crate) enum Params {
    /// Every parameter with its type, default and cases.
    List(List),
    /// Write the reference pages of the parameters.
    Docs(Docs),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only these backends.
    #[arg(long, value_delimiter = ',')]
    backend: Vec<String>,
    /// Folder of the parameter files.
    #[arg(long, env = "WATTEST_PARAMS", default_value = "params", value_name = "DIR")]
    params: PathBuf,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn answer(command: &Params) -> Answer {
    match command {
        Params::List(command) => list(command),
        Params::Docs(command) => docs::answer(command),
    }
}

fn list(list: &List) -> Answer {
    let options = Options {
        backends: list.backend.clone(),
        params: list.params.clone(),
        ..Options::default()
    };
    let sources = inputs::sources(&options).map_err(Stop::Faults)?;
    let tables: Vec<&Table> = sources
        .iter()
        .filter_map(|source| match source {
            Source::Table(table) => Some(&**table),
            Source::Script(_) => None,
        })
        .collect();
    match list.format {
        Format::Text => text(&tables),
        Format::Json => json(&tables),
    }
}

/// The names of the cases of the parameter at `path`, out of all of the table.
fn cases<'a>(names: &'a [(Option<String>, String)], path: &str) -> Vec<&'a str> {
    let own = names.iter().filter(|(parameter, _)| parameter.as_deref() == Some(path));
    own.map(|(_, name)| name.as_str()).collect()
}

fn names(table: &Table) -> Vec<(Option<String>, String)> {
    let cases = table.cases(Selection::All).into_iter();
    cases.map(|case| (case.parameter, case.name)).collect()
}

fn text(tables: &[&Table]) -> Answer {
    let mut out = std::io::stdout().lock();
    for table in tables {
        let names = names(table);
        writeln!(
            out,
            "{}: {}, {} parameters, {} refused names, {} cases",
            table.backend,
            table.engine,
            table.params.len(),
            table.refused.len(),
            names.len()
        )?;
        for param in &table.params {
            let types: Vec<_> =
                param.types.iter().map(|one| format!("{one:?}").to_lowercase()).collect();
            writeln!(
                out,
                "  {:<32} {:<9} {:<14} default {:<12} {:>3} cases",
                param.path,
                format!("{:?}", param.section).to_lowercase(),
                types.join("|"),
                param.default.to_string(),
                cases(&names, &param.path).len()
            )?;
            for alias in &param.aliases {
                writeln!(out, "  {alias:<32} another name of {}", param.path)?;
            }
        }
        for refused in &table.refused {
            writeln!(out, "  {:<32} refused: {}", refused.name, refused.because)?;
        }
    }
    out.flush()?;
    Ok(Exit::Ok)
}

fn json(tables: &[&Table]) -> Answer {
    let mut all = Vec::new();
    for table in tables {
        let names = names(table);
        for param in &table.params {
            let mut row = json!({ "backend": table.backend });
            let fields = serde_json::to_value(param).map_err(Stop::fault)?;
            if let (Some(row), serde_json::Value::Object(fields)) = (row.as_object_mut(), fields) {
                row.extend(fields);
                row.insert("cases".to_owned(), json!(cases(&names, &param.path)));
            }
            all.push(row);
        }
    }
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &all).map_err(std::io::Error::from)?;
    writeln!(out)?;
    out.flush()?;
    Ok(Exit::Ok)
}
