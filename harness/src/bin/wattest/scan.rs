//! `wattest scan`: warnings and errors in a log.

use std::fs::File;
use std::io::{self, Read, Write as _};

use clap::Args;
use serde_json::json;
use wattest::report::text::console_line;
use wattest::scan::{Phase, Scanner, Stream};
use wattest_harness::Exit;

use crate::output::{Answer, Format, Stop};

/// Longest message of a line for people.
const MESSAGE: usize = 300;

#[derive(Debug, Args)]
pub(crate) struct Scan {
    /// The log; `-` for standard input.
    #[arg(default_value = "-", value_name = "FILE")]
    file: String,
    /// Form of the output: with json one object per line.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn answer(command: &Scan) -> Answer {
    let fault =
        |error: io::Error| Stop::fault(format!("{}: cannot be read: {error}", command.file));
    let mut input: Box<dyn Read> = match command.file.as_str() {
        "-" => Box::new(io::stdin().lock()),
        file => Box::new(File::open(file).map_err(fault)?),
    };
    let mut scanner = Scanner::new(Stream::Stdout, Phase::Run);
    let mut buffer = vec![0; 64 << 10];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => scanner.feed(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(fault(error)),
        }
    }
    let scanned = scanner.finish();
    let mut out = io::BufWriter::new(io::stdout().lock());
    for finding in &scanned.findings {
        match command.format {
            Format::Json => writeln!(
                out,
                "{}",
                json!({
                    "severity": finding.severity,
                    "source": finding.source,
                    "message": finding.message,
                    "line": finding.line,
                    "end_line": finding.end_line,
                    "count": finding.count,
                    "template": finding.template,
                    "fingerprint": finding.fingerprint,
                    "rule": finding.rule,
                })
            )?,
            Format::Text => writeln!(
                out,
                "{}: {} of {} x{}: {}",
                finding.line,
                format!("{:?}", finding.severity).to_lowercase(),
                finding.source,
                finding.count,
                console_line(&finding.message, MESSAGE)
            )?,
        }
    }
    out.flush()?;
    if scanned.dropped > 0 {
        let more =
            format!("{} further findings are beyond the bound on distinct ones\n", scanned.dropped);
        wattest_harness::console::print(&more, true);
    }
    Ok(Exit::Ok)
}
