//! `wattest issues bless`: unknown findings become known ones.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use jiff::civil::Date;
use wattest::issues::edit;
use wattest::issues::triage::Unknown;
use wattest::refusal::nearest;
use wattest::report::text::{console_line, count};
use wattest_harness::{Exit, folder};

use super::review::{Decided, Taken, review};
use super::runs::{self, Which};
use super::triage;
use crate::output::{Answer, Stop};

/// Longest message of a line for people.
const MESSAGE: usize = 160;

#[derive(Debug, Args)]
pub(crate) struct Bless {
    #[command(flatten)]
    which: Which,
    /// The day of the entries, in place of today.
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,
    /// Accept these without asking: IDs or fingerprints, as --list has them.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    accept: Vec<String>,
    /// Accept all without asking.
    #[arg(long, conflicts_with = "accept")]
    accept_all: bool,
    /// Never offer these again: they are to be mended, not known.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    reject: Vec<String>,
    /// Offer what was rejected, too.
    #[arg(long)]
    rejected: bool,
    /// Only list what would be offered.
    #[arg(long)]
    list: bool,
}

pub(crate) fn answer(command: &Bless) -> Answer {
    let told = command.accept_all || !command.accept.is_empty() || !command.reject.is_empty();
    let asks = !command.list && !told;
    // A job has no one to ask, even where it has a terminal.
    let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    if asks && (ci || !io::stdin().is_terminal() || !io::stdout().is_terminal()) {
        return Err(Stop::fault(
            "there is no terminal to ask on; give --accept ID, --accept-all or --reject ID, and see \
             what there is with --list",
        ));
    }
    let recorded = command.which.read()?;
    let file = command.which.file(&recorded);
    let mut rejected = Rejected::read()?;
    let mut offered = triage::unknown(&command.which, &recorded, command.today)?;
    let named = |one: &Unknown, names: &[String]| {
        names.iter().any(|name| *name == one.suggestion.id || *name == one.cluster.fingerprint)
    };
    offered.retain(|one| {
        let again = command.rejected || named(one, &command.accept);
        again || !rejected.list.contains_key(&one.cluster.fingerprint)
    });
    if command.list {
        return list(&offered);
    }
    let text = runs::text(&file)?;
    let mut keep = |taken: Taken<'_>| match taken {
        Taken::Accepted(text) => runs::save(&file, text),
        Taken::Rejected(one) => rejected.add(one),
    };
    let decided = if asks {
        let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
        review(&file, text, &offered, (&mut input, &mut output), &mut edited, &mut keep)?
    } else {
        for name in command.accept.iter().chain(&command.reject) {
            if !offered.iter().any(|one| named(one, std::slice::from_ref(name))) {
                return Err(no_such(name, &offered));
            }
        }
        let (out, rest): (Vec<_>, Vec<_>) =
            offered.iter().partition(|one| named(one, &command.reject));
        let takes = |one: &&&Unknown| command.accept_all || named(one, &command.accept);
        let pair = |one: &&Unknown| (one.suggestion.id.clone(), one.suggestion.yaml.clone());
        let entries: Vec<_> = rest.iter().filter(takes).map(pair).collect();
        if !entries.is_empty() {
            let text = edit::append(&file, &text, &entries).map_err(Stop::Faults)?;
            keep(Taken::Accepted(&text))?;
        }
        out.iter().try_for_each(|one| keep(Taken::Rejected(one)))?;
        let accepted = entries.into_iter().map(|(id, _)| id).collect();
        Decided { accepted, rejected: out.len() }
    };
    let mut out = io::stdout().lock();
    for id in &decided.accepted {
        writeln!(out, "{}: {id} added", file.display())?;
    }
    let left = offered.len() - decided.accepted.len() - decided.rejected;
    writeln!(
        out,
        "{} accepted, {} rejected, {left} left; `wattest rescan` judges the run by it",
        decided.accepted.len(),
        decided.rejected
    )?;
    out.flush()?;
    Ok(Exit::Ok)
}

/// What would be offered, one line each.
fn list(offered: &[Unknown]) -> Answer {
    let mut out = io::stdout().lock();
    for one in offered {
        let message = console_line(&one.cluster.message, MESSAGE);
        let cases = count(one.cluster.cases.len(), "case");
        let (id, print) = (&one.suggestion.id, &one.cluster.fingerprint);
        writeln!(out, "{id} {print} x{} in {cases}: {message}", one.cluster.count)?;
    }
    out.flush()?;
    Ok(Exit::Ok)
}

fn no_such(name: &str, offered: &[Unknown]) -> Stop {
    let known: Vec<&str> = offered.iter().map(|one| one.suggestion.id.as_str()).collect();
    let remedy = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "nothing is unknown".to_owned(),
        None => format!("there are {}", known.join(", ")),
    };
    Stop::fault(format!("no unknown issue is called `{name}`; {remedy}"))
}

/// `entry` as the user's editor leaves it.
fn edited(entry: &str) -> Result<String, String> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    let file = tempfile::Builder::new().prefix("wattest-").suffix(".yaml").tempfile();
    let file = file.map_err(|error| format!("no file can be made for the editor: {error}"))?;
    let fault = |error: io::Error| format!("{}: {error}", file.path().display());
    std::fs::write(file.path(), entry).map_err(fault)?;
    // As git does it: the variable may hold options.
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(file.path());
    let status =
        shell.status().map_err(|error| format!("`{editor}` cannot be started: {error}"))?;
    if !status.success() {
        return Err(format!("`{editor}` ended with {status}; nothing is changed"));
    }
    std::fs::read_to_string(file.path()).map_err(fault)
}

/// What is not to be offered again: messages by fingerprint, in a file beside the runs.
struct Rejected {
    file: PathBuf,
    list: BTreeMap<String, String>,
}

impl Rejected {
    fn read() -> Result<Self, Stop> {
        let file = folder::root().join("rejected-issues.json");
        let list = match std::fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                Stop::fault(format!("{}: cannot be read: {error}; remove it", file.display()))
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                return Err(Stop::fault(format!("{}: cannot be read: {error}", file.display())));
            }
        };
        Ok(Self { file, list })
    }

    fn add(&mut self, rejected: &Unknown) -> Result<(), Stop> {
        let cluster = &rejected.cluster;
        self.list.insert(cluster.fingerprint.clone(), cluster.template.clone());
        let text = serde_json::to_vec_pretty(&self.list).map_err(Stop::fault)?;
        let fault =
            |error: io::Error| format!("{}: cannot be written: {error}", self.file.display());
        wattest::report::save(Path::new(&self.file), &text)
            .map_err(|error| Stop::fault(fault(error)))
    }
}
