//! The JUnit view: one suite per backend, one test case per case, and one per entry of
//! issues.yaml that fails the run.
//!
//! A *failure* is a parameter or an output that is not as it should be, an *error* a backend or a
//! harness that broke. Consumers differ: Jenkins reads the message, GitLab only the text, some
//! want `time` everywhere and only one failure element, and a strict schema knows no properties in
//! a test case. So the message opens the text, every element has its time, there is one failure
//! element, and the place of the properties can be chosen.

use std::time::Duration;

use quick_junit::{
    NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestRerun, TestSuite,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::record::Record;
use crate::report::text::one_line;
use crate::report::{Breach, CaseView, RunInfo, Summary};
use crate::verdict::Status;

/// Where the properties of a test case go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JunitProperties {
    /// Into the test case, as Jenkins and pytest do it.
    #[default]
    Testcase,
    /// Into the suite, as `<case>/<name>`: for readers with a strict schema.
    Suite,
    /// Nowhere.
    Off,
}

/// The report could not be written as XML.
#[derive(Debug, Error)]
#[error("junit.xml cannot be made: {0}")]
pub struct JunitError(#[from] quick_junit::SerializeError);

/// Longest `message` attribute in characters.
const MESSAGE_LIMIT: usize = 400;

/// The text of `junit.xml` for `cases` of `run` and the `breaches` of its issues file.
///
/// # Errors
/// [`JunitError`].
pub fn junit(run: &RunInfo, cases: &[CaseView], breaches: &[Breach]) -> Result<String, JunitError> {
    let mut report = Junit::new("wattest");
    report.timestamp = run.started.parse().ok();
    let mut whole = Duration::ZERO;
    let mut suites: Vec<TestSuite> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for view in cases {
        let backend = view.record.case.backend.as_str();
        let at = names.iter().position(|name| *name == backend).unwrap_or_else(|| {
            names.push(backend);
            suites.push(suite(run, view));
            names.len() - 1
        });
        let Some(suite) = suites.get_mut(at) else { continue };
        let time = duration(view.record.duration_s);
        suite.time = Some(suite.time.unwrap_or_default() + time);
        whole += time;
        let test_case = test_case(run, view);
        if run.junit_properties == JunitProperties::Suite {
            for (name, value) in properties(&view.record) {
                let name = format!("{}/{name}", view.record.case.name);
                suite.add_property((name.as_str(), value.as_str()));
            }
        }
        suite.add_test_case(test_case);
    }
    if !breaches.is_empty() {
        suites.push(breach_suite(run, breaches));
    }
    if run.mode.energy.is_some()
        && let Some(why) = Summary::new(run, cases, &[]).idle_gate()
    {
        suites.push(gate_suite(run, &why));
    }
    report.time = Some(whole);
    report.add_test_suites(suites);
    Ok(report.to_string()?)
}

/// The empty suite of the backend of `first`.
fn suite(run: &RunInfo, first: &CaseView) -> TestSuite {
    let mut suite = TestSuite::new(first.record.case.backend.as_str());
    suite.timestamp = first.record.started.parse().ok();
    suite.time = Some(Duration::ZERO);
    if run.junit_properties != JunitProperties::Off {
        suite.add_property(("wattest.version", run.environment.wattest.as_str()));
        suite.add_property(("environment", first.record.environment.as_str()));
        suite.add_property(("model", run.model.as_str()));
        if let Some(version) = run.mode.engine_versions.get(&first.record.case.backend) {
            suite.add_property(("engine.version", version.as_str()));
        }
        if let Some(gpu) = &run.mode.gpu {
            suite.add_property(("gpu", gpu.as_str()));
        }
    }
    suite
}

fn test_case(run: &RunInfo, view: &CaseView) -> TestCase {
    let record = &view.record;
    let mut case = TestCase::new(record.case.name.as_str(), status(run, view));
    case.set_classname(format!("wattest.{}", record.case.backend));
    case.set_time(duration(record.duration_s));
    case.timestamp = record.started.parse().ok();
    if let (Some(line), Some(file)) = (record.verdict.blame, &run.issues) {
        case.extra.insert("file".into(), file.as_str().into());
        case.extra.insert("line".into(), line.to_string().into());
    }
    if run.junit_properties == JunitProperties::Testcase {
        for (name, value) in properties(record) {
            case.add_property((name.as_str(), value.as_str()));
        }
    }
    if !view.evidence.stdout.is_empty() {
        case.set_system_out(view.evidence.stdout.as_str());
    }
    if !view.evidence.stderr.is_empty() {
        case.set_system_err(view.evidence.stderr.as_str());
    }
    case
}

fn status(run: &RunInfo, view: &CaseView) -> TestCaseStatus {
    let record = &view.record;
    let verdict = &record.verdict;
    let mut status = match verdict.status {
        Status::Pass => TestCaseStatus::success(),
        Status::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Status::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
        Status::Skip => TestCaseStatus::skipped(),
    };
    let message = one_line(&verdict.cause, MESSAGE_LIMIT);
    status.set_message(message.as_str()).set_type(verdict.kind.as_str());
    match verdict.status {
        Status::Pass => {}
        Status::Skip => {
            status.set_description(message);
        }
        Status::Fail | Status::Error => {
            status.set_description(description(run, record));
        }
    }
    status.add_reruns(view.earlier.iter().map(rerun));
    status
}

/// The text of a failure: the reason first, the command that repeats it last.
fn description(run: &RunInfo, record: &Record) -> String {
    let verdict = &record.verdict;
    let mut lines = vec![one_line(&verdict.cause, MESSAGE_LIMIT)];
    lines.extend(
        verdict.further.iter().map(|cause| format!("also: {}", one_line(cause, MESSAGE_LIMIT))),
    );
    if !verdict.evidence.is_empty() {
        lines.push(format!("evidence: {}", one_line(&verdict.evidence, MESSAGE_LIMIT)));
    }
    for index in &verdict.unknown {
        let Some(finding) = record.findings.get(*index) else { continue };
        lines.push(format!(
            "unknown issue: {} of {} x{}: {}",
            format!("{:?}", finding.severity).to_lowercase(),
            finding.source,
            finding.count,
            one_line(&finding.message, MESSAGE_LIMIT)
        ));
    }
    for child in &record.left_children {
        lines.push(format!("left behind and ended: {}", one_line(child, MESSAGE_LIMIT)));
    }
    lines.push(format!("reproduce: {}", run.command.reproduce(&record.case.name)));
    lines.join("\n")
}

/// An attempt before the last. Jenkins reads `flakyFailure` and `rerunFailure` but not their twins
/// for errors, so a failure it is.
fn rerun(record: &Record) -> TestRerun {
    let mut rerun = TestRerun::new(NonSuccessKind::Failure);
    let message = one_line(&record.verdict.cause, MESSAGE_LIMIT);
    rerun.set_message(message.as_str()).set_type(record.verdict.kind.as_str());
    rerun.set_description(message);
    rerun.set_time(duration(record.duration_s));
    rerun.timestamp = record.started.parse().ok();
    rerun
}

/// What is worth a property: units in the names, bare numbers as values, nothing that is unknown.
fn properties(record: &Record) -> Vec<(String, String)> {
    let mut properties = Vec::new();
    let mut add = |name: &str, value: String| properties.push((name.to_owned(), value));
    let verdict = &record.verdict;
    add("verdict", verdict.status.word().to_owned());
    if let Some(answer) = verdict.answer {
        add("answer", answer.word().to_owned());
    }
    if let Some(known) = &verdict.as_known {
        add("as_known", one_line(known, MESSAGE_LIMIT));
    }
    if let Some(effect) = verdict.effect {
        add("effect", effect.word().to_owned());
        add("effect.evidence", one_line(&verdict.evidence, MESSAGE_LIMIT));
    }
    if !verdict.known.is_empty() {
        let known: Vec<_> =
            verdict.known.iter().map(|(id, count)| format!("{id} x{count}")).collect();
        add("issue.known", known.join(", "));
    }
    if !verdict.unknown.is_empty() {
        add("issue.unknown", verdict.unknown.len().to_string());
    }
    for (phase, seconds) in &record.phases_s {
        add(&format!("{phase}_s"), format!("{seconds:.6}"));
    }
    if let Some(output) = &record.output {
        add("prefill_s", format!("{:.6}", output.timings.prefill_s));
        add("decode_s", format!("{:.6}", output.timings.decode_s));
        if let Some(drafts) = &output.drafts {
            add("drafted_tokens", drafts.drafted.to_string());
            add("accepted_tokens", drafts.accepted.to_string());
        }
    }
    if let Some(tokens) = record.output_tokens() {
        add("tokens", tokens.to_string());
    }
    if verdict.status != Status::Skip {
        let energy = &record.energy;
        if let Some(joules) = energy.gross_j {
            add("energy_j", format!("{joules:.3}"));
        }
        if let Some(joules) = energy.net_j {
            add("energy_net_j", format!("{joules:.3}"));
        }
        if let Ok(serde_json::Value::String(source)) = serde_json::to_value(energy.source) {
            add("energy.source", source);
        }
        if let Some(reason) = &energy.reason {
            add("energy.reason", one_line(reason, MESSAGE_LIMIT));
        }
        if let Some(gated) = &verdict.energy {
            add("energy.gate", gated.state.word().to_owned());
            add("energy.gate.evidence", one_line(&gated.line, MESSAGE_LIMIT));
        }
    }
    add("attempt", record.attempt.to_string());
    properties
}

/// The entries of issues.yaml that fail the run, each pointing at its line.
fn breach_suite(run: &RunInfo, breaches: &[Breach]) -> TestSuite {
    let mut suite = TestSuite::new("issues");
    suite.timestamp = run.started.parse().ok();
    suite.set_time(Duration::ZERO);
    for breach in breaches {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        let message = one_line(&format!("{}: {}", breach.id, breach.reason), MESSAGE_LIMIT);
        status.set_message(message.as_str()).set_type(breach.kind).set_description(message);
        let mut case = TestCase::new(format!("issues::{}", breach.id), status);
        case.set_classname("wattest.issues").set_time(Duration::ZERO);
        if let Some(file) = &run.issues {
            case.extra.insert("file".into(), file.as_str().into());
            case.extra.insert("line".into(), breach.line.to_string().into());
        }
        suite.add_test_case(case);
    }
    suite
}

/// The energy gate that decided nothing.
fn gate_suite(run: &RunInfo, why: &str) -> TestSuite {
    let mut suite = TestSuite::new("energy");
    suite.timestamp = run.started.parse().ok();
    suite.set_time(Duration::ZERO);
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    let message = one_line(&format!("the energy gate {why}"), MESSAGE_LIMIT);
    status.set_message(message.as_str()).set_type("energy-undecided").set_description(message);
    let mut case = TestCase::new("energy::gate", status);
    case.set_classname("wattest.energy").set_time(Duration::ZERO);
    suite.add_test_case(case);
    suite
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
