//! Throughput of the scanner: `cargo bench --bench scan`.
//!
//! Prints megabytes per second for ordinary log output, for the labelled corpus repeated, and for
//! one endless line, each fed in pieces as a pipe gives them.

use std::time::Instant;

use wattest::scan::{Phase, Scanner, Stream};

/// Bytes that a pipe gives at once.
const PIECE: usize = 64 * 1024;

fn main() {
    let ordinary: String = (0..50_000)
        .map(|step| {
            format!(
                "(EngineCore_DP0 pid=4242) INFO 11-21 07:25:{:02} [loggers.py:{}] Engine 000: Avg \
                 prompt throughput: {}.4 tokens/s, Running: {} reqs, Waiting: 0 reqs, GPU KV \
                 cache usage: {}.1%, Prefix cache hit rate: 0.0%\n",
                step % 60,
                step % 400,
                step % 977,
                step % 7,
                step % 100
            )
        })
        .collect();
    let corpus: String = include_str!("../tests/fixtures/corpus/logs.jsonl")
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|sample| Some(sample.get("text")?.as_str()?.to_owned() + "\n"))
        .collect();
    measure("ordinary", ordinary.as_bytes(), 1 << 30);
    measure("corpus", corpus.as_bytes(), 1 << 26);
    measure("one line", &vec![b'x'; 1 << 20], 1 << 30);
}

/// Feeds `text` again and again until `total` bytes are through.
#[expect(clippy::print_stdout, reason = "a benchmark reports on standard output")]
fn measure(name: &str, text: &[u8], total: usize) {
    let mut scanner = Scanner::new(Stream::Stdout, Phase::Run);
    let started = Instant::now();
    let mut fed = 0;
    while fed < total {
        for piece in text.chunks(PIECE) {
            scanner.feed(piece);
        }
        fed += text.len();
    }
    let scanned = scanner.finish();
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{name}: {:.0} MB/s ({} lines, {} findings)",
        fed as f64 / 1e6 / seconds,
        scanned.lines,
        scanned.findings.len()
    );
}
