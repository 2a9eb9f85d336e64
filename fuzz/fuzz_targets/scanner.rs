//! Any bytes, split anywhere, give the same findings, in order, within bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wattest::scan::{Phase, Scanned, Scanner, Stream, mask};

fuzz_target!(|input: &[u8]| {
    // The first byte says where to cut.
    let Some((cut, bytes)) = input.split_first() else { return };
    let whole = scan(bytes, bytes.len().max(1));
    assert_eq!(scan(bytes, usize::from(*cut % 61) + 1), whole, "a split changes the findings");

    let ends = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    let begun = bytes.last().is_some_and(|last| *last != b'\n');
    assert_eq!(whole.bytes, bytes.len() as u64);
    assert_eq!(whole.lines, ends + u64::from(begun));
    assert!(whole.findings.len() <= 1000);
    assert!(whole.findings.is_sorted_by_key(|finding| finding.line));
    for finding in &whole.findings {
        assert!(1 <= finding.line && finding.line <= finding.end_line);
        assert!(finding.end_line <= whole.lines);
        assert!(finding.count >= 1);
        assert!(!finding.message.is_empty() && finding.message.len() <= 2048 * 3);
        assert_eq!(finding.template, mask(&finding.message));
        assert_eq!(finding.fingerprint.len(), 16);
    }
});

fn scan(bytes: &[u8], piece: usize) -> Scanned {
    let mut scanner = Scanner::new(Stream::Stderr, Phase::Run);
    for part in bytes.chunks(piece) {
        scanner.feed(part);
    }
    scanner.finish()
}
