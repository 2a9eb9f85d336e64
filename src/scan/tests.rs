use proptest::prelude::*;

use super::*;

fn scan_in(pieces: &[&[u8]]) -> Scanned {
    let mut scanner = Scanner::new(Stream::Stdout, Phase::Load);
    for piece in pieces {
        scanner.feed(piece);
    }
    scanner.finish()
}

fn scan(bytes: &[u8]) -> Scanned {
    scan_in(&[bytes])
}

/// Pieces of output that begin, continue or end records, or are in the way.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "Traceback (most recent call last):",
        "  File \"/v/site-packages/vllm/a.py\", line 3, in f",
        "    raise ValueError(x)",
        "ValueError: bad 3",
        "",
        "During handling of the above exception, another exception occurred:",
        "/a/b.py:3: UserWarning: odd",
        "  warnings.warn(",
        "(EngineCore_DP0 pid=1) ERROR 11-21 07:25:00 [core.py:12] died",
        "(Worker_TP0 pid=2) WARNING 11-21 07:25:01 [x.py:12] slow",
        "INFO 11-21 07:25:00 [x.py:12] fine",
        "W1121 08:15:03.879000 19699 torch/a.py:3] hm",
        "terminate called after throwing an instance of 'x'",
        "  what():  CUDA error: misaligned address",
        "thread 'main' panicked at src/main.rs:3:5:",
        "Loading: 100%|###| 3/3 [00:01<00:00, 3.0it/s]",
        "0 errors",
        "\u{1b}[31mERROR\u{1b}[0m: red",
        "{\"level\": \"error\", \"msg\": \"boom\"}",
    ]);
    let noise = prop::collection::vec(any::<u8>(), 0..12);
    // What prefixes are made of, with letters of several bytes where the pieces meet.
    let marks = r#"[\[\](){}: |'"=/.,WEINFO_é中0-9-]{0,24} (ERROR|warning: |W1121 08:15:03 |%\|)[\[\]:' é中a-z]{0,12}"#;
    prop_oneof![
        8 => known.prop_map(|text| text.as_bytes().to_vec()),
        1 => noise,
        3 => marks.prop_map(String::into_bytes),
    ]
}

fn output() -> impl Strategy<Value = Vec<u8>> {
    let end = prop::sample::select(vec!["\n", "\n", "\n", "\r", "\r\n", ""]);
    prop::collection::vec((piece(), end), 0..40).prop_map(|lines| {
        lines.into_iter().flat_map(|(text, end)| [text, end.as_bytes().to_vec()].concat()).collect()
    })
}

#[test]
fn a_line_of_glog_is_read_alike_in_a_block_and_by_itself() {
    // Passed over in a block unless a literal finds it, and looked at where it comes alone.
    let trace = "Traceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 1";
    for (line, found) in [
        ("W1121 07:25:00.123 7 a.cc:3] slow", 1),
        ("W4080 07:25:00.123 7 a.cc:3] slow", 0),
        ("I1121 07:25:00.123 7 a.cc:3] slow", 0),
        (&format!("V1121 07:25:00.123 7 a.py:3] slow\n{trace}"), 0),
    ] {
        let text = format!("quiet\n{line}\nquiet\n");
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(scan_in(&pieces), scan(text.as_bytes()), "{line}");
        assert_eq!(scan(text.as_bytes()).findings.len(), found, "{line}");
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same(bytes in output(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|two| &bytes[two[0]..two[1]]).collect();
        prop_assert_eq!(scan_in(&pieces), scan(&bytes));
    }

    #[test]
    fn byte_by_byte_gives_the_same(bytes in output()) {
        let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(scan_in(&pieces), scan(&bytes));
    }

    #[test]
    fn arbitrary_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let scanned = scan(&bytes);
        prop_assert_eq!(scanned.bytes, bytes.len() as u64);
        let ends = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        prop_assert!(scanned.lines == ends || scanned.lines == ends + 1);
    }

    #[test]
    fn findings_are_in_order_and_within(bytes in output()) {
        let scanned = scan(&bytes);
        let lines: Vec<u64> = scanned.findings.iter().map(|finding| finding.line).collect();
        prop_assert!(lines.is_sorted());
        for finding in &scanned.findings {
            prop_assert!(finding.line >= 1 && finding.line <= finding.end_line);
            prop_assert!(finding.end_line <= scanned.lines);
            prop_assert!(!finding.message.is_empty());
            prop_assert_eq!(finding.fingerprint.len(), 16);
        }
    }

    #[test]
    fn a_template_is_its_own_template(message in "[ -~]{0,80}") {
        let once = mask(&message);
        prop_assert_eq!(mask(&once), once);
    }
}

#[test]
fn an_endless_line_costs_nothing() {
    let mut scanner = Scanner::new(Stream::Stdout, Phase::Run);
    scanner.feed(b"ERROR: begun ");
    let block = vec![b'x'; 1 << 20];
    for _ in 0..256 {
        scanner.feed(&block);
    }
    scanner.feed(b"\nERROR: after\n");
    let scanned = scanner.finish();
    assert_eq!(scanned.lines, 2);
    assert_eq!(scanned.findings.len(), 2);
    assert!(scanned.findings[0].message.len() <= 4096);
    assert_eq!(scanned.findings[1].line, 2);
}

#[test]
fn distinct_findings_are_bounded() {
    let mut scanner = Scanner::new(Stream::Stdout, Phase::Run);
    let name = |mut number: u32| {
        let mut name = String::new();
        for _ in 0..5 {
            name.push(char::from(b'k' + (number % 10) as u8));
            number /= 10;
        }
        name
    };
    for number in 0..20_000 {
        scanner.feed(format!("WARNING: thing {} is odd\n", name(number)).as_bytes());
    }
    let scanned = scanner.finish();
    assert_eq!(scanned.findings.len(), 1000);
    assert_eq!(scanned.dropped, 19_000);
    assert_eq!(scanned.lines, 20_000);
}

#[test]
fn an_open_record_does_not_grow() {
    let mut scanner = Scanner::new(Stream::Stderr, Phase::Run);
    scanner.feed(b"Traceback (most recent call last):\n");
    for _ in 0..20_000 {
        scanner.feed(b"    a line of source that never ends\n");
    }
    let scanned = scanner.finish();
    assert_eq!(scanned.findings.len(), 1);
    assert!(scanned.findings[0].end_line < 6000);
}

#[test]
fn nul_bytes_and_broken_text_are_no_trouble() {
    let scanned = scan(b"\0\0\0\nERROR: a\0b \xff\xfe c\n\0");
    assert_eq!(scanned.findings.len(), 1);
    assert_eq!(scanned.findings[0].message, "ab \u{fffd}\u{fffd} c");
    assert_eq!((scanned.findings[0].line, scanned.lines), (2, 3));
}

#[test]
fn windows_line_ends_are_line_ends() {
    let text =
        "Traceback (most recent call last):\r\n  File \"a.py\", line 1, in f\r\nKeyError: 'x'\r\n";
    let scanned = scan(text.as_bytes());
    assert_eq!(scanned.findings.len(), 1);
    assert_eq!((scanned.findings[0].line, scanned.findings[0].end_line), (1, 3));
}

#[test]
fn a_phase_ends_what_is_open() {
    let mut scanner = Scanner::new(Stream::Stderr, Phase::Load);
    scanner.feed(b"WARNING: slow 1\nWARNING: slow 2\nTraceback (most recent call last):\n");
    scanner.enter(Phase::Run);
    scanner.feed(b"ValueError: later\nWARNING: slow 3\n");
    let found: Vec<_> = scanner.finish().findings;
    let seen: Vec<_> = found.iter().map(|one| (one.phase, one.line, one.count)).collect();
    let expected =
        [(Phase::Load, 1, 2), (Phase::Load, 3, 1), (Phase::Run, 4, 1), (Phase::Run, 5, 1)];
    assert_eq!(seen, expected);
}

#[test]
fn debug_output_is_harmless_whatever_it_says() {
    for line in [
        "DEBUG 11-21 08:28:14 [a.py:91] Exception: NVML not found",
        "2026-11-21 08:18:54,524 - llm - DEBUG - error: x",
        "VERBOSE: Segmentation fault (core dumped)",
        "[TRT] [V] Error Code 1: nothing",
        "2026-11-21 08:18:54,524 - llm - DEBUG - no wheel\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nImportError: x",
    ] {
        assert_eq!(scan(line.as_bytes()).findings, [], "{line}");
    }
}
