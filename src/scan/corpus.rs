//! How well the scanner does on the labelled corpus.

use serde::Deserialize;

use super::{Finding, Phase, Scanner, Severity, Stream};

#[derive(Debug, Deserialize)]
struct Sample {
    id: String,
    text: String,
    issues: Vec<Label>,
}

#[derive(Debug, Deserialize)]
struct Label {
    severity: Severity,
    source: String,
    contains: String,
    line: u64,
    end: Option<u64>,
    count: Option<u64>,
}

fn corpus() -> Vec<Sample> {
    let text = include_str!("../../tests/fixtures/corpus/logs.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn scan(text: &str) -> Vec<Finding> {
    let mut scanner = Scanner::new(Stream::Stderr, Phase::Run);
    scanner.feed(text.as_bytes());
    scanner.finish().findings
}

/// How many labels or findings there are, and for how many something holds.
#[derive(Debug, Default)]
struct Share {
    of: usize,
    hold: usize,
}

impl Share {
    fn note(&mut self, holds: bool) {
        self.of += 1;
        self.hold += usize::from(holds);
    }

    fn ratio(&self) -> f64 {
        self.hold as f64 / self.of.max(1) as f64
    }
}

/// Pairs each label with a finding whose message has its words and that begins on its line or
/// else anywhere, and counts what agrees. A finding pairs with one label at most.
#[test]
fn the_corpus_is_read_right() {
    let [mut recall, mut precision, mut severity, mut source, mut line, mut end, mut count] =
        [const { Share { of: 0, hold: 0 } }; 7];
    for sample in corpus() {
        let findings = scan(&sample.text);
        let mut taken = vec![false; findings.len()];
        for label in &sample.issues {
            let fits = |at: &usize| !taken[*at] && findings[*at].message.contains(&label.contains);
            let exact = (0..findings.len()).find(|at| fits(at) && findings[*at].line == label.line);
            let found = exact.or_else(|| (0..findings.len()).find(fits));
            recall.note(found.is_some());
            let Some(at) = found else {
                println!("{}: missed {label:?}", sample.id);
                continue;
            };
            taken[at] = true;
            let finding = &findings[at];
            severity.note(finding.severity == label.severity);
            source.note(finding.source == label.source);
            line.note(finding.line == label.line);
            end.note(finding.end_line == label.end.unwrap_or(label.line));
            count.note(finding.count == label.count.unwrap_or(1));
            if finding.severity != label.severity
                || finding.source != label.source
                || finding.line != label.line
                || finding.count != label.count.unwrap_or(1)
            {
                println!("{}: {label:?}\n    got {finding:?}", sample.id);
            }
        }
        for (finding, taken) in findings.iter().zip(&taken) {
            precision.note(*taken);
            if !taken {
                println!("{}: not labelled: {finding:?}", sample.id);
            }
        }
    }
    let shares = [
        ("recall", &recall, 0.99),
        ("precision", &precision, 0.99),
        ("severity", &severity, 0.99),
        ("source", &source, 0.99),
        ("line", &line, 0.99),
        ("end", &end, 0.98),
        ("count", &count, 0.99),
    ];
    for (name, share, _) in shares {
        println!("{name}: {:.2} % ({} of {})", 100.0 * share.ratio(), share.hold, share.of);
    }
    for (name, share, floor) in shares {
        assert!(share.ratio() >= floor, "{name} {share:?} is below {floor}");
    }
}
