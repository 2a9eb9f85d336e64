//! How fast captured output is scanned: plain lines, and lines as engines write them.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::Instant;

use wattest::scan::{Phase, Scanner, Stream};

/// Bytes that are fed at a time: what a read of a pipe gives.
const CHUNK: usize = 64 * 1024;
/// Bytes that are fed in all.
const TOTAL: usize = 512 * 1024 * 1024;

fn main() {
    let plain: String =
        (0..2000).map(|n| format!("step {n}: loss 0.{n:04}, 17 tokens, 0.3 s\n")).collect();
    let engine: String = (0..400)
        .map(|n| {
            format!(
                "INFO 11-21 07:25:{:02} [core.py:{n}] Initializing a V1 LLM engine with config\n\
                 (EngineCore_DP0 pid=71{n}) INFO 11-21 07:25:01 [gpu_worker.py:54] done in {n} ms\n\
                 \rLoading shards: {}%|####    | {n}/400 [00:01<00:01,  1.2s/it]\n\
                 WARNING 11-21 07:25:02 [cache.py:7] falling back to {n} blocks of KV cache\n\
                 [W1121 07:25:03.{n:06} socket.cpp:200] Warning: no IPv6 (function operator())\n",
                n % 60,
                n / 4
            )
        })
        .collect();
    for (name, text) in [("plain lines", plain), ("engine log", engine)] {
        let mut scanner = Scanner::new(Stream::Stdout, Phase::Run);
        let started = Instant::now();
        let mut fed = 0;
        while fed < TOTAL {
            for chunk in text.as_bytes().chunks(CHUNK) {
                scanner.feed(chunk);
                fed += chunk.len();
            }
        }
        let scanned = scanner.finish();
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "  {:48} {:.0} MB/s, {} distinct findings in {} lines",
            format!("scan: {name}"),
            fed as f64 / seconds / 1e6,
            scanned.findings.len(),
            scanned.lines
        );
    }
}
