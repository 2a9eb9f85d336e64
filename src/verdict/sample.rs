//! Records for tests.

use std::collections::BTreeMap;

use crate::backends::{Generation, PromptOutput};
use crate::energy::Reading;
use crate::generate::{Finish, Row, Timings};
use crate::record::{Captured, Comparison, Outcome, Record, SCHEMA_VERSION};
use crate::scan::{Finding, Phase, Severity, Stream};
use crate::schema::{Case, Kind, Relation};
use crate::settings::{Settings, Value};
use crate::verdict::Verdict;

/// A completed record of `candle::knob=2` with these tokens in its output and its reference.
pub(crate) fn record(relation: Relation, output: &[u32], reference: &[u32]) -> Record {
    let settings: Settings = [("knob", 2)].into_iter().collect();
    let (output, reference) = (generation(output), generation(reference));
    Record {
        schema_version: SCHEMA_VERSION,
        case: Case {
            name: "candle::knob=2".to_owned(),
            backend: "candle".to_owned(),
            kind: Kind::Valid,
            parameter: Some("knob".to_owned()),
            value: Some(Value::from(2)),
            settings,
            reference: Settings::new(),
            load_paths: Vec::new(),
            relation,
            requirements: Vec::new(),
            alias: None,
            known: None,
        },
        attempt: 1,
        model: "model".to_owned(),
        group: "0123456789abcdef".to_owned(),
        started: "2026-01-02T03:04:05.678Z".to_owned(),
        duration_s: 1.25,
        phases_s: BTreeMap::from([("load".to_owned(), 0.5), ("run".to_owned(), 0.75)]),
        outcome: Outcome::Completed,
        comparison: Some(Comparison::between(&output, &reference)),
        output: Some(output),
        reference: Some(reference),
        resolved: None,
        findings: Vec::new(),
        findings_dropped: 0,
        energy: Reading::unknown("no meter here"),
        series: None,
        against: None,
        environment: "fedcba9876543210".to_owned(),
        captured: Captured::default(),
        left_children: Vec::new(),
        aftermath: None,
        verdict: Verdict::pending(),
    }
}

/// One prompt, one row.
pub(crate) fn generation(tokens: &[u32]) -> Generation {
    let row = Row {
        tokens: tokens.to_vec(),
        text: String::new(),
        scores: None,
        sequence_score: None,
        finish: Finish::Length,
    };
    Generation {
        prompts: vec![PromptOutput { prompt_tokens: vec![1], rows: vec![row] }],
        effective: Settings::new(),
        timings: Timings { prefill_s: 0.25, decode_s: 0.5, ..Timings::default() },
        drafts: None,
    }
}

/// A warning of torch.
pub(crate) fn finding(message: &str) -> Finding {
    Finding {
        severity: Severity::Warning,
        source: "torch".to_owned(),
        message: message.to_owned(),
        line: 3,
        end_line: 3,
        count: 2,
        template: message.to_owned(),
        fingerprint: crate::settings::short_hash(message, 16),
        stream: Stream::Stderr,
        phase: Phase::Run,
        rule: "python-warning".to_owned(),
    }
}
