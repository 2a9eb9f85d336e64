//! `wattest doctor`: what is ready here, and what to do about the rest.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use wattest::backends::{self, Availability};
use wattest::environment::Environment;
use wattest_harness::Exit;
use wattest_harness::inputs;
use wattest_harness::options::Options;

use crate::output::{Answer, Format, Stop};

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Folder of the parameter files.
    #[arg(long, env = "WATTEST_PARAMS", default_value = "params", value_name = "DIR")]
    params: PathBuf,
    /// Issues file.
    #[arg(long, env = "WATTEST_ISSUES", value_name = "FILE")]
    issues: Option<PathBuf>,
    /// The interpreter with the engines in Python; without, that of VIRTUAL_ENV or of
    /// scripts/engines.
    #[arg(long, env = "WATTEST_PYTHON", value_name = "FILE")]
    python: Option<PathBuf>,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    what: String,
    ready: bool,
    found: String,
    remedy: Option<String>,
}

pub(crate) fn answer(command: &Doctor) -> Answer {
    let options = Options {
        params: command.params.clone(),
        issues: command.issues.clone(),
        ..Options::default()
    };
    let mut checks: Vec<Check> =
        backends::names().iter().filter_map(|name| backend(name, command)).collect();
    checks.push(input(
        "parameters",
        inputs::sources(&options).map(|sources| {
            let names: Vec<_> = sources.iter().map(|source| source.backend().to_owned()).collect();
            format!("{} in {}", names.join(", "), command.params.display())
        }),
    ));
    checks.push(input(
        "known issues",
        inputs::book(&options).map(|(book, file)| match file {
            Some(file) => format!("{} entries in {}", book.entries().len(), file.display()),
            None => "no issues.yaml here: nothing is known".to_owned(),
        }),
    ));
    let environment = Environment::take();
    let mut out = std::io::stdout().lock();
    match command.format {
        Format::Json => {
            let all = serde_json::json!({ "checks": checks, "environment": environment });
            serde_json::to_writer_pretty(&mut out, &all).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        Format::Text => {
            for check in &checks {
                let word = if check.ready { "ok " } else { "off" };
                writeln!(out, "{word} {}: {}", check.what, check.found)?;
                if let Some(remedy) = &check.remedy {
                    writeln!(out, "    {remedy}")?;
                }
            }
            let gpus = if environment.gpus.is_empty() {
                "none".to_owned()
            } else {
                environment.gpus.join(", ")
            };
            writeln!(out, "    gpus: {gpus}")?;
        }
    }
    out.flush()?;
    // A backend that is off is a choice; input that cannot be read is a fault.
    let broken: Vec<String> = checks
        .iter()
        .filter(|check| !check.ready && !check.what.starts_with("backend"))
        .map(|check| check.found.clone())
        .collect();
    if broken.is_empty() { Ok(Exit::Ok) } else { Err(Stop::Faults(broken)) }
}

fn backend(name: &str, command: &Doctor) -> Option<Check> {
    let what = format!("backend {name}");
    let options =
        backends::Options { python: command.python.clone(), ..backends::Options::default() };
    Some(match backends::find(name, &options)?.availability() {
        Availability::Ready => Check { what, ready: true, found: "ready".to_owned(), remedy: None },
        Availability::Off { reason, remedy } => {
            Check { what, ready: false, found: reason, remedy: Some(remedy) }
        }
    })
}

fn input(what: &str, read: Result<String, Vec<String>>) -> Check {
    let ready = read.is_ok();
    let found = read.unwrap_or_else(|faults| faults.join("\n    "));
    let remedy = (!ready).then(|| "mend what is named, or name another file".to_owned());
    Check { what: what.to_owned(), ready, found, remedy }
}
