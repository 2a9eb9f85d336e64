//! What is scanned.

/// Bytes of one block of an input: about as much, in whole lines where it has lines.
const BLOCK: usize = 1 << 20;

/// An input: a block that comes again and again, and what is different each time.
pub(crate) struct Input {
    pub(crate) name: &'static str,
    pub(crate) block: Vec<u8>,
}

/// What engines write while they serve: INFO lines, one in a hundred of which is an issue.
fn engine() -> String {
    let issue = |step: usize| match step / 100 % 5 {
        0 => format!(
            "(EngineCore_DP0 pid=4242) WARNING 11-21 07:25:{:02} [kv_cache_utils.py:982] Add {} \
             padding layers, may waste at most 12.50% KV cache memory\n",
            step % 60,
            step % 9
        ),
        1 => format!(
            "(EngineCore_DP0 pid=4242) INFO 11-21 07:25:{:02} [cuda.py:{}] FlashInfer is not \
             available, using the native implementation of sampling\n",
            step % 60,
            step % 400
        ),
        2 => {
            format!("/v/lib/python3.12/site-packages/torch/a.py:{step}: UserWarning: odd\n  f(x)\n")
        }
        3 => format!(
            "(Worker_TP1 pid=7) ERROR 11-21 07:25:{:02} [worker.py:3] step {step} took 31 s\n",
            step % 60
        ),
        _ => "Traceback (most recent call last):\n  File \"/v/site-packages/vllm/a.py\", line 3, \
              in f\n    raise ValueError(x)\nValueError: no block left\n"
            .to_owned(),
    };
    let line = |step: usize| {
        if step % 100 == 99 {
            return issue(step);
        }
        format!(
            "(EngineCore_DP0 pid=4242) INFO 11-21 07:25:{:02} [loggers.py:{}] Engine 000: Avg \
             prompt throughput: {}.4 tokens/s, Running: {} reqs, Waiting: 0 reqs, GPU KV cache \
             usage: {}.1%, Prefix cache hit rate: 0.0%\n",
            step % 60,
            step % 400,
            step % 977,
            step % 7,
            step % 100
        )
    };
    (0..5000).map(line).collect()
}

/// The labelled corpus, sample after sample.
fn corpus() -> String {
    include_str!("../../tests/fixtures/corpus/logs.jsonl")
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|sample| Some(sample.get("text")?.as_str()?.to_owned() + "\n"))
        .collect()
}

/// A million warnings behind `prefix`, no two of which say the same: the words differ, not numbers.
fn distinct(prefix: &str) -> String {
    let letters = |mut number: usize| {
        let mut name = String::new();
        for _ in 0..6 {
            name.push(char::from(b'k' + (number % 10) as u8));
            number /= 10;
        }
        name
    };
    (0..1_000_000).map(|number| format!("{prefix} {} is odd\n", letters(number))).collect()
}

/// `text` until a block is full, each time followed by `end`.
fn filled(text: &str, end: &str) -> Vec<u8> {
    let one = [text, end].concat();
    one.repeat(BLOCK / one.len() + 1).into_bytes()
}

/// The inputs that users have.
pub(crate) fn usual() -> Vec<Input> {
    vec![
        Input { name: "engine log, 1 % issues", block: engine().into_bytes() },
        Input { name: "labelled corpus", block: corpus().into_bytes() },
    ]
}

/// The inputs that nobody should have.
pub(crate) fn hostile() -> Vec<Input> {
    let long = |text: &str, end: &str| filled(&text.repeat(8000 / text.len()), end);
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    let mut byte = || {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        (noise >> 32) as u8
    };
    vec![
        Input { name: "one line without end", block: vec![b'x'; BLOCK] },
        Input { name: "one line without end, error", block: long("ERROR: x ", "") },
        Input { name: "NUL bytes", block: vec![0; BLOCK] },
        Input { name: "any bytes, broken UTF-8", block: (0..BLOCK).map(|_| byte()).collect() },
        Input { name: "a million distinct warnings", block: distinct("WARNING:").into_bytes() },
        Input {
            name: "the same, as vLLM logs them",
            block: distinct(
                "(EngineCore_DP0 pid=4242) WARNING 11-21 07:25:00 [config.py:12] buffer",
            )
            .into_bytes(),
        },
        Input { name: "a million [", block: filled(&"[".repeat(1_000_000), "\n") },
        Input { name: "nested brackets, error", block: long("[error[(", "\n") },
        Input { name: "long prefixes", block: long("(a pid=1) [b] 12:30:00 - ", "error\n") },
        Input { name: "quotes that never close", block: long("error: 'a \"b ", "\n") },
        Input { name: "half fallbacks", block: long("not available, cannot use ", "\n") },
        Input { name: "carriage returns", block: filled("ERROR: x", "\r") },
        Input {
            name: "open tracebacks",
            block: filled("Traceback (most recent call last):", "\n"),
        },
        Input { name: "numbers to mask", block: long("WARNING: 1.2.3.4:5-6/7,", "\n") },
        Input { name: "JSON that is cut", block: long("{\"level\": \"error\", \"a\": [", "}\n") },
    ]
}
