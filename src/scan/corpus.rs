//! How well the scanner does on labelled logs.
//!
//! `benches/scan` has this file as well, so that one command prints quality and throughput.

use std::fmt;

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

/// Labelled logs.
pub(crate) struct Logs {
    name: &'static str,
    samples: Vec<Sample>,
}

/// How many labels or findings there are, and for how many something holds.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Share {
    of: usize,
    hold: usize,
}

/// What of the logs is read right.
#[derive(Debug, Default)]
pub(crate) struct Score {
    name: &'static str,
    recall: Share,
    precision: Share,
    severity: Share,
    source: Share,
    line: Share,
    end: Share,
    count: Share,
    /// What is not, one per line.
    faults: Vec<String>,
}

impl Logs {
    /// The corpus that the rules were written with, and other logs of the same kind.
    pub(crate) fn all() -> [Self; 3] {
        let corpus = include_str!("../../tests/fixtures/corpus/logs.jsonl");
        let variety = include_str!("../../tests/fixtures/corpus/variety.jsonl");
        let fresh = include_str!("../../tests/fixtures/corpus/fresh.jsonl");
        [("corpus", corpus), ("variety", variety), ("fresh", fresh)].map(|(name, text)| Self {
            name,
            samples: text.lines().map(|line| serde_json::from_str(line).expect(line)).collect(),
        })
    }

    /// Pairs each label with a finding whose message has its words and that begins on its line or
    /// else anywhere, and counts what agrees. A finding pairs with one label at most.
    pub(crate) fn score(&self) -> Score {
        let mut score = Score { name: self.name, ..Score::default() };
        for sample in &self.samples {
            score.note(sample, &scan(&sample.text));
        }
        score
    }
}

fn scan(text: &str) -> Vec<Finding> {
    let mut scanner = Scanner::new(Stream::Stderr, Phase::Run);
    scanner.feed(text.as_bytes());
    scanner.finish().findings
}

impl Share {
    fn note(&mut self, holds: bool) {
        self.of += 1;
        self.hold += usize::from(holds);
    }

    fn ratio(self) -> f64 {
        self.hold as f64 / self.of.max(1) as f64
    }
}

impl Score {
    fn note(&mut self, sample: &Sample, findings: &[Finding]) {
        let mut taken = vec![false; findings.len()];
        for label in &sample.issues {
            let fits = |at: &usize| !taken[*at] && findings[*at].message.contains(&label.contains);
            let exact = (0..findings.len()).find(|at| fits(at) && findings[*at].line == label.line);
            let found = exact.or_else(|| (0..findings.len()).find(fits));
            self.recall.note(found.is_some());
            let Some(at) = found else {
                self.faults.push(format!("{}: missed {label:?}", sample.id));
                continue;
            };
            taken[at] = true;
            self.compare(&sample.id, label, &findings[at]);
        }
        for (finding, taken) in findings.iter().zip(&taken) {
            self.precision.note(*taken);
            if !taken {
                self.faults.push(format!("{}: not labelled: {finding:?}", sample.id));
            }
        }
    }

    fn compare(&mut self, id: &str, label: &Label, finding: &Finding) {
        let agree = [
            (&mut self.severity, finding.severity == label.severity),
            (&mut self.source, finding.source == label.source),
            (&mut self.line, finding.line == label.line),
            (&mut self.end, finding.end_line == label.end.unwrap_or(label.line)),
            (&mut self.count, finding.count == label.count.unwrap_or(1)),
        ];
        let mut all = true;
        for (share, agrees) in agree {
            share.note(agrees);
            all &= agrees;
        }
        if !all {
            self.faults.push(format!("{id}: {label:?}\n    got {finding:?}"));
        }
    }

    /// Each share with the least that it may be.
    fn shares(&self) -> [(&'static str, Share, f64); 7] {
        [
            ("recall", self.recall, 0.99),
            ("precision", self.precision, 0.97),
            ("severity", self.severity, 0.97),
            ("source", self.source, 0.95),
            ("line", self.line, 0.99),
            ("end", self.end, 0.97),
            ("count", self.count, 0.97),
        ]
    }

    /// The shares that are too low.
    pub(crate) fn too_low(&self) -> Vec<&'static str> {
        let low = |(_, share, floor): &(_, Share, f64)| share.ratio() < *floor;
        self.shares().into_iter().filter(low).map(|(name, ..)| name).collect()
    }
}

impl fmt::Display for Score {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.faults {
            writeln!(out, "{fault}")?;
        }
        writeln!(out, "{}:", self.name)?;
        for (name, share, floor) in self.shares() {
            let (held, floor) = (100.0 * share.ratio(), 100.0 * floor);
            let of = format!("{} of {}", share.hold, share.of);
            writeln!(out, "  {name:<10} {held:>6.2} %  {of:<11} (at least {floor:.0} %)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[test]
fn the_labelled_logs_are_read_right() {
    for logs in Logs::all() {
        let score = logs.score();
        println!("{score}");
        assert_eq!(score.too_low(), Vec::<&str>::new(), "{}", score.name);
    }
}
