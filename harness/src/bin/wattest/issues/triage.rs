//! `wattest issues triage`: unknown findings in clusters.

use std::io::{self, Write};

use clap::Args;
use jiff::Zoned;
use jiff::civil::Date;
use wattest::issues::triage::{Seen, Unknown, triage};
use wattest::report::text::{console_line, count};
use wattest_harness::Exit;

use super::runs::{self, Run, Which};
use crate::output::{Answer, Format, Stop};

/// Longest message of a line for people.
const MESSAGE: usize = 300;

#[derive(Debug, Args)]
pub(crate) struct Triage {
    #[command(flatten)]
    which: Which,
    /// The day of suggested entries, in place of today.
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn answer(command: &Triage) -> Answer {
    let runs = command.which.read()?;
    let unknown = unknown(&command.which, &runs, command.today)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    match command.format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&unknown).map_err(Stop::fault)?;
            writeln!(out, "{text}")?;
        }
        Format::Text => {
            for one in &unknown {
                show(&mut out, one)?;
            }
            let runs = count(runs.len(), "run");
            let n = count(unknown.len(), "unknown issue");
            writeln!(out, "{n} in {runs}; `wattest issues bless` reviews them")?;
        }
    }
    out.flush()?;
    Ok(Exit::Ok)
}

/// What is unknown in `runs`, held against the issues file of now.
pub(super) fn unknown(
    which: &Which,
    runs: &[Run],
    today: Option<Date>,
) -> Result<Vec<Unknown>, Stop> {
    let book = runs::book(&which.file(runs))?;
    let seen: Vec<Seen<'_>> = runs.iter().map(Run::seen).collect();
    Ok(triage(&seen, &book, today.unwrap_or_else(|| Zoned::now().date())))
}

/// One cluster for people.
pub(super) fn show(out: &mut dyn Write, unknown: &Unknown) -> io::Result<()> {
    let cluster = &unknown.cluster;
    writeln!(
        out,
        "{} of {} x{} in {}: {}",
        format!("{:?}", cluster.severity).to_lowercase(),
        cluster.source,
        cluster.count,
        count(cluster.cases.len(), "case"),
        console_line(&cluster.message, MESSAGE)
    )?;
    writeln!(out, "  cause: {}", console_line(&unknown.cause, MESSAGE))?;
    if let Some(nearest) = &unknown.nearest {
        let how = if nearest.out_of_scope {
            "looks like it, and its scope leaves it out".to_owned()
        } else {
            format!("{:.0} % of the words", 100.0 * nearest.likeness)
        };
        writeln!(out, "  nearest: {} at line {}: {how}", nearest.id, nearest.line)?;
    }
    for line in unknown.suggestion.yaml.lines() {
        // Quoted text may hold anything that YAML lets stand.
        writeln!(out, "    {}", line.replace("##[", "# #["))?;
    }
    writeln!(out)
}
