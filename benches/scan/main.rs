//! How well and how fast the scanner reads: `cargo bench --bench scan`.
//!
//! First the labelled logs: what it finds of what it should, and every miss. Then megabytes per
//! second of processor time on one core, beside the scan that looks for pattern after pattern (in
//! Python, as it was, and with the `regex` crate), and the most memory that was held. `cargo bench --bench scan -- 64` scans 64 MB of each input
//! instead of 1024.

#![expect(clippy::print_stdout, reason = "a benchmark reports on standard output")]

use std::process::ExitCode;

use rustix::time::{ClockId, clock_gettime};
use wattest::scan::{Finding, Phase, Scanned, Scanner, Severity, Stream};

#[path = "../../src/scan/corpus.rs"]
mod corpus;
mod inputs;
mod origin;

use inputs::Input;
use origin::Origin;

/// Bytes that a pipe gives at once.
const PIECE: usize = 64 * 1024;

fn main() -> ExitCode {
    let megabytes = std::env::args().skip(1).find_map(|one| one.parse().ok()).unwrap_or(1024);
    let mut too_low = false;
    for logs in corpus::Logs::all() {
        let score = logs.score();
        println!("{score}");
        too_low |= !score.too_low().is_empty();
    }
    println!(
        "{:<30} {:>9} {:>10} {:>10} {:>10} {:>9}",
        "MB/s", "scanner", "in Python", "in Rust", "findings", "memory"
    );
    for input in inputs::usual() {
        report(&input, megabytes, true);
    }
    for input in inputs::hostile() {
        report(&input, megabytes, false);
    }
    if too_low { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Scans `input` until `megabytes` are through, and says what it took.
fn report(input: &Input, megabytes: usize, beside: bool) {
    reset_peak();
    let held = peak();
    let total = megabytes << 20;
    let mut scanner = Scanner::new(Stream::Stdout, Phase::Run);
    let started = seconds();
    let mut fed = 0;
    while fed < total {
        for piece in input.block.chunks(PIECE) {
            scanner.feed(piece);
        }
        fed += input.block.len();
    }
    let Scanned { findings, dropped, .. } = scanner.finish();
    let rate = fed as f64 / 1e6 / (seconds() - started);
    let memory = match (held, peak()) {
        (Some(held), Some(peak)) => format!("+{:.1} MB", peak.saturating_sub(held) as f64 / 1e3),
        _ => "unknown".to_owned(),
    };
    let shown = |rate: Option<f64>| rate.map_or("unknown".to_owned(), |rate| format!("{rate:.1}"));
    let (python, rust) = if beside {
        // A block is enough of what is so slow.
        let python = origin::in_python(&input.block).map(|rate| rate / 1e6);
        (shown(python), shown(Some(in_rust(input))))
    } else {
        Default::default()
    };
    let findings = match dropped {
        0 => findings.len().to_string(),
        _ => format!("{}+", findings.len()),
    };
    println!("{:<30} {rate:>9.1} {python:>10} {rust:>10} {findings:>10} {memory:>9}", input.name);
}

/// Megabytes per second of pattern after pattern with the `regex` crate.
fn in_rust(input: &Input) -> f64 {
    let origin = Origin::new();
    let started = seconds();
    let mut fed = 0;
    let mut matches = 0;
    while fed < 8 << 20 {
        matches += origin.matches(&input.block);
        fed += input.block.len();
    }
    std::hint::black_box(matches);
    fed as f64 / 1e6 / (seconds() - started)
}

/// Processor time of this process: what else runs on the machine does not count.
fn seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The most memory that was held since [`reset_peak`], in kilobytes, where the kernel tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Lets the peak begin anew at what is held now.
fn reset_peak() {
    // Where the kernel has no such file, the peak is that of the whole run: an upper bound.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
