//! Whole views of a small run.

use std::collections::BTreeMap;

use jiff::civil::date;

use super::*;
use crate::energy::{Doubt, Reading, Source};
use crate::environment::Environment;
use crate::issues::{Book, State, Strict};
use crate::record::{Against, Outcome, Record};
use crate::schema::{Kind, Relation};
use crate::verdict::sample::{finding, record};
use crate::verdict::{EnergyGate, Mode, judge};

fn run() -> RunInfo {
    RunInfo {
        schema_version: SCHEMA_VERSION,
        id: "a-run".to_owned(),
        started: "2026-01-02T03:04:05.000Z".to_owned(),
        mode: Mode {
            smoke: true,
            today: date(2026, 1, 2),
            engine_versions: BTreeMap::new(),
            gpu: None,
            energy: None,
        },
        strict_issues: true,
        issues: Some("issues.yaml".to_owned()),
        model: "model".to_owned(),
        backends: vec!["candle".to_owned()],
        shuffle_seed: None,
        selected: 4,
        planned: Vec::new(),
        command: Command {
            program: "cargo test --test params --".to_owned(),
            options: vec!["--smoke".to_owned(), "--issues=my issues.yaml".to_owned()],
        },
        junit_properties: JunitProperties::Testcase,
        environment: Environment { wattest: "0.1.0".to_owned(), ..Environment::default() },
        energy: Vec::new(),
    }
}

fn view(name: &str, change: impl FnOnce(&mut Record)) -> CaseView {
    let mut record = record(Relation::Changes, &[5, 6], &[5, 7]);
    record.case.name = format!("candle::{name}");
    change(&mut record);
    record.verdict = judge(&record, &Book::empty(), &run().mode);
    CaseView { record, earlier: Vec::new(), evidence: Evidence::default() }
}

/// One that passed, one that failed, one that crashed, one that was skipped.
fn cases() -> Vec<CaseView> {
    let mut failed = view("knob=2", |record| {
        record.findings = vec![finding("careful: <b>bold</b> | `x` ::error::y")];
    });
    failed.evidence.stderr = "UserWarning: careful\u{1b}[0m\n".to_owned();
    let crashed = view("knob=3", |record| {
        record.output = None;
        record.outcome = Outcome::Died { code: None, signal: Some(11), during: "run".to_owned() };
    });
    let skipped = view("knob=4", |record| {
        record.output = None;
        record.duration_s = 0.0;
        record.phases_s.clear();
        record.outcome = Outcome::Skipped { reason: "needs 2 GPUs, found 0".to_owned() };
    });
    let mut flaky = view("knob=1", |_| {});
    flaky.earlier = vec![crashed.record.clone()];
    flaky.record.attempt = 2;
    vec![flaky, failed, crashed, skipped]
}

fn standings() -> Vec<Standing> {
    vec![Standing {
        id: "GONE".to_owned(),
        line: 7,
        state: State::Stale,
        count: 0,
        cases: Vec::new(),
        reason: "all 4 cases of its scope ran and it never matched; remove it".to_owned(),
        strict: Strict::Fail,
    }]
}

#[test]
fn junit_of_a_run() {
    let standings = standings();
    let xml = junit(&run(), &cases(), &breaches(&run(), &standings)).unwrap();
    quick_junit::Report::deserialize_from_str(&xml).unwrap();
    insta::assert_snapshot!(xml, @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="wattest" tests="5" skipped="1" failures="2" errors="1" timestamp="2026-01-02T03:04:05.000+00:00" time="3.750">
        <testsuite name="candle" tests="4" skipped="1" errors="1" failures="1" timestamp="2026-01-02T03:04:05.678+00:00" time="3.750">
            <properties>
                <property name="wattest.version" value="0.1.0"/>
                <property name="environment" value="fedcba9876543210"/>
                <property name="model" value="model"/>
            </properties>
            <testcase name="candle::knob=1" classname="wattest.candle" timestamp="2026-01-02T03:04:05.678+00:00" time="1.250">
                <properties>
                    <property name="verdict" value="pass"/>
                    <property name="effect" value="verified"/>
                    <property name="effect.evidence" value="not read back; row 0 has token 6 at step 1 where the reference has 7"/>
                    <property name="load_s" value="0.500000"/>
                    <property name="run_s" value="0.750000"/>
                    <property name="prefill_s" value="0.250000"/>
                    <property name="decode_s" value="0.500000"/>
                    <property name="tokens" value="2"/>
                    <property name="energy.source" value="none"/>
                    <property name="energy.reason" value="no meter here"/>
                    <property name="attempt" value="2"/>
                </properties>
                <flakyFailure timestamp="2026-01-02T03:04:05.678+00:00" time="1.250" message="the worker was ended by SIGSEGV during run" type="crash">the worker was ended by SIGSEGV during run</flakyFailure>
            </testcase>
            <testcase name="candle::knob=2" classname="wattest.candle" timestamp="2026-01-02T03:04:05.678+00:00" time="1.250">
                <properties>
                    <property name="verdict" value="fail"/>
                    <property name="effect" value="verified"/>
                    <property name="effect.evidence" value="not read back; row 0 has token 6 at step 1 where the reference has 7"/>
                    <property name="issue.unknown" value="1"/>
                    <property name="load_s" value="0.500000"/>
                    <property name="run_s" value="0.750000"/>
                    <property name="prefill_s" value="0.250000"/>
                    <property name="decode_s" value="0.500000"/>
                    <property name="tokens" value="2"/>
                    <property name="energy.source" value="none"/>
                    <property name="energy.reason" value="no meter here"/>
                    <property name="attempt" value="1"/>
                </properties>
                <failure message="1 unknown issue: careful: &lt;b&gt;bold&lt;/b&gt; | `x` ::error::y" type="unknown-issue">1 unknown issue: careful: &lt;b&gt;bold&lt;/b&gt; | `x` ::error::y
    evidence: not read back; row 0 has token 6 at step 1 where the reference has 7
    unknown issue: warning of torch x2: careful: &lt;b&gt;bold&lt;/b&gt; | `x` ::error::y
    reproduce: cargo test --test params -- --exact &apos;candle::knob=2&apos; --smoke &apos;--issues=my issues.yaml&apos;</failure>
                <system-err>UserWarning: careful
    </system-err>
            </testcase>
            <testcase name="candle::knob=3" classname="wattest.candle" timestamp="2026-01-02T03:04:05.678+00:00" time="1.250">
                <properties>
                    <property name="verdict" value="error"/>
                    <property name="answer" value="died"/>
                    <property name="load_s" value="0.500000"/>
                    <property name="run_s" value="0.750000"/>
                    <property name="energy.source" value="none"/>
                    <property name="energy.reason" value="no meter here"/>
                    <property name="attempt" value="1"/>
                </properties>
                <error message="the worker was ended by SIGSEGV during run" type="crash">the worker was ended by SIGSEGV during run
    reproduce: cargo test --test params -- --exact &apos;candle::knob=3&apos; --smoke &apos;--issues=my issues.yaml&apos;</error>
            </testcase>
            <testcase name="candle::knob=4" classname="wattest.candle" timestamp="2026-01-02T03:04:05.678+00:00" time="0.000">
                <properties>
                    <property name="verdict" value="skip"/>
                    <property name="attempt" value="1"/>
                </properties>
                <skipped message="needs 2 GPUs, found 0" type="requirement">needs 2 GPUs, found 0</skipped>
            </testcase>
        </testsuite>
        <testsuite name="issues" tests="1" skipped="0" errors="0" failures="1" timestamp="2026-01-02T03:04:05.000+00:00" time="0.000">
            <testcase name="issues::GONE" classname="wattest.issues" time="0.000" file="issues.yaml" line="7">
                <failure message="GONE: all 4 cases of its scope ran and it never matched; remove it" type="stale-issue">GONE: all 4 cases of its scope ran and it never matched; remove it</failure>
            </testcase>
        </testsuite>
    </testsuites>
    "#);
}

#[test]
fn properties_move_or_go() {
    let count = |place| {
        let run = RunInfo { junit_properties: place, ..run() };
        let xml = junit(&run, &cases(), &[]).unwrap();
        let report = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        let suite = &report.test_suites[0];
        let own: usize = suite.test_cases.iter().map(|case| case.properties.len()).sum();
        (own > 0, suite.properties.len())
    };
    assert_eq!(count(JunitProperties::Testcase), (true, 3));
    let (own, of_suite) = count(JunitProperties::Suite);
    assert!(!own && of_suite > 10);
    assert_eq!(count(JunitProperties::Off), (false, 0));
}

#[test]
fn markdown_of_a_run() {
    let (run, standings) = (run(), standings());
    insta::assert_snapshot!(markdown(&Report::new(&run, &cases(), &standings)), @r"
    # wattest: failed

    4 cases: 1 passed, 1 failed, 1 error, 1 skipped, 1 flaky, 0 not run; 5.000 s in cases.

    - run: a-run, started 2026-01-02T03:04:05.000Z
    - backends: candle
    - model: model
    - mode: smoke
    - effects: 2 verified
    - energy: unknown: no meter here

    ## Failures

    | case | kind | cause | reproduce |
    | --- | --- | --- | --- |
    | candle::knob=2 | unknown-issue | 1 unknown issue: careful: &#60;b&#62;bold&#60;/b&#62; &#124; &#96;x&#96; &#58;:error::y | cargo test --test params -- --exact 'candle::knob=2' --smoke '--issues=my issues.yaml' |
    | candle::knob=3 | crash | the worker was ended by SIGSEGV during run | cargo test --test params -- --exact 'candle::knob=3' --smoke '--issues=my issues.yaml' |

    ## Entries that fail the run

    | entry | line | kind | reason |
    | --- | --- | --- | --- |
    | GONE | 7 | stale-issue | all 4 cases of its scope ran and it never matched; remove it |

    ## Issues

    |  | severity | source | count | cases | message |
    | --- | --- | --- | --- | --- | --- |
    | unknown | warning | torch | 2 | 1 | careful: &#60;b&#62;bold&#60;/b&#62; &#124; &#96;x&#96; &#58;:error::y |

    ## Known issues

    | entry | state | count | reason |
    | --- | --- | --- | --- |
    | GONE | stale | 0 | all 4 cases of its scope ran and it never matched; remove it |

    ## Skipped

    | case | reason |
    | --- | --- |
    | candle::knob=4 | needs 2 GPUs, found 0 |

    ## Effects

    | case | effect | evidence |
    | --- | --- | --- |
    | candle::knob=1 | verified | not read back; row 0 has token 6 at step 1 where the reference has 7 |
    | candle::knob=2 | verified | not read back; row 0 has token 6 at step 1 where the reference has 7 |

    ## Slowest cases

    | case | time |
    | --- | --- |
    | candle::knob=1 | 1.250 s |
    | candle::knob=2 | 1.250 s |
    | candle::knob=3 | 1.250 s |

    ## Environment

    |  |  |
    | --- | --- |
    | wattest | 0.1.0 () |
    | features | none |
    | target |  |
    | kernel | unknown |
    | processor | unknown |
    | processors | unknown |
    | memory | unknown |
    | gpus | none |
    ");
}

#[test]
fn json_of_a_run() {
    let (run, standings) = (run(), standings());
    let text = Report::new(&run, &cases(), &standings).json().unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    insta::assert_json_snapshot!(value["summary"], @r#"
    {
      "selected": 4,
      "passed": 1,
      "failed": 1,
      "errors": 1,
      "skipped": 1,
      "flaky": 1,
      "not_run": 0,
      "duration_s": 5.0,
      "issues": {
        "torch": {
          "warning": {
            "known": 0,
            "unknown": 2
          }
        }
      },
      "effects": {
        "verified": 2
      },
      "answers": {},
      "as_known": {},
      "energy": {
        "gross_j": null,
        "net_j": null,
        "lo_j": null,
        "hi_j": null,
        "known": 0,
        "unknown": 3,
        "reasons": [
          [
            "no meter here",
            3
          ]
        ],
        "sources": {},
        "doubts": {}
      },
      "slowest": [
        [
          "candle::knob=1",
          1.25
        ],
        [
          "candle::knob=2",
          1.25
        ],
        [
          "candle::knob=3",
          1.25
        ]
      ],
      "failures": [
        {
          "name": "candle::knob=2",
          "kind": "unknown-issue",
          "cause": "1 unknown issue: careful: <b>bold</b> | `x` ::error::y",
          "reproduce": "cargo test --test params -- --exact 'candle::knob=2' --smoke '--issues=my issues.yaml'"
        },
        {
          "name": "candle::knob=3",
          "kind": "crash",
          "cause": "the worker was ended by SIGSEGV during run",
          "reproduce": "cargo test --test params -- --exact 'candle::knob=3' --smoke '--issues=my issues.yaml'"
        }
      ],
      "breaches": [
        {
          "kind": "stale-issue",
          "id": "GONE",
          "line": 7,
          "reason": "all 4 cases of its scope ran and it never matched; remove it"
        }
      ]
    }
    "#);
    assert_eq!(value["cases"][1]["unknown"][0], "careful: <b>bold</b> | `x` ::error::y");
    assert_eq!(value["standings"][0]["state"], "stale");
}

#[test]
fn attempts_are_grouped_and_the_last_decides() {
    let records = [(1, "a"), (1, "b"), (2, "a")].map(|(attempt, name)| {
        let mut record = record(Relation::None, &[5], &[5]);
        record.case.name = name.to_owned();
        record.attempt = attempt;
        record
    });
    let views = attempts(records.to_vec(), |_| Evidence::default());
    let seen: Vec<_> = views
        .iter()
        .map(|view| (view.record.case.name.as_str(), view.record.attempt, view.earlier.len()))
        .collect();
    assert_eq!(seen, [("a", 2, 1), ("b", 1, 0)]);
}

#[test]
fn entries_fail_a_run_by_its_mode() {
    let state = |state, count| Standing { state, count, ..standings().remove(0) };
    let kinds = |run: &RunInfo, standing: Standing| {
        breaches(run, &[standing]).first().map(|breach| breach.kind)
    };
    let whole = run();
    let lenient =
        RunInfo { mode: Mode { smoke: false, ..run().mode }, strict_issues: false, ..run() };
    let part = RunInfo { planned: vec![String::new(); 9], ..run() };
    assert_eq!(kinds(&whole, state(State::OverMax, 9)), Some("over-max-issue"));
    assert_eq!(kinds(&whole, state(State::Expired, 0)), Some("expired-issue"));
    assert_eq!(kinds(&part, state(State::Expired, 0)), None);
    assert_eq!(kinds(&part, state(State::Expired, 1)), Some("expired-issue"));
    assert_eq!(kinds(&whole, state(State::Stale, 0)), Some("stale-issue"));
    assert_eq!(kinds(&whole, state(State::Matched, 1)), None);
    assert_eq!(kinds(&whole, state(State::NotObservable, 0)), None);
    for any in [State::OverMax, State::Expired, State::Stale] {
        assert_eq!(kinds(&lenient, state(any, 1)), None);
    }
}

#[test]
fn an_entry_says_itself_whether_it_may_be_stale() {
    let state = |state, strict| Standing { state, strict, ..standings().remove(0) };
    let all = [
        state(State::Stale, Strict::Ignore),
        Standing { id: "SEEN".to_owned(), line: 9, ..state(State::Stale, Strict::Warn) },
        state(State::Expired, Strict::Fail),
    ];
    let run = RunInfo { planned: vec![String::new(); 9], ..run() };
    for (standing, fails, reminds) in [(&all[0], 0, 0), (&all[1], 0, 1), (&all[2], 0, 1)] {
        let standing = std::slice::from_ref(standing);
        assert_eq!(
            (breaches(&run, standing).len(), reminders(&run, standing).len()),
            (fails, reminds)
        );
    }
    insta::assert_snapshot!(annotations(&run, &[standings(), all[..2].to_vec()].concat()), @"
    ::error file=issues.yaml,line=7,title=stale-issue::GONE: all 4 cases of its scope ran and it never matched; remove it
    ::warning file=issues.yaml,line=9,title=stale-issue::SEEN: all 4 cases of its scope ran and it never matched; remove it
    ");
}

#[test]
fn a_total_of_energy_is_of_all_cases_or_of_none() {
    let known = |joules: f64| {
        view("knob=2", |record| {
            record.energy.gross_j = Some(joules);
            record.energy.net_j = Some(joules / 2.0);
            record.energy.lo_j = Some(joules - 0.5);
            record.energy.hi_j = Some(joules + 0.25);
            record.energy.source = Source::Rapl;
            record.energy.doubts = vec![Doubt::LimitChanged, Doubt::LimitChanged];
            record.energy.reason = None;
        })
    };
    let total = |cases: &[CaseView]| Report::new(&run(), cases, &[]).summary.energy;
    let whole = total(&[known(2.0), known(4.0)]);
    assert_eq!((whole.gross_j, whole.net_j), (Some(6.0), Some(3.0)));
    insta::assert_snapshot!(whole.line(), @"6.000 J gross (5.000 to 6.500), 3.000 J net, over 2 cases by rapl; 2 limit_changed");
    let part = total(&[known(2.0), view("knob=3", |_| {})]);
    assert_eq!((part.gross_j, part.known, part.unknown), (None, 1, 1));
    assert_eq!(part.line(), "unknown as a whole: known of 1 of 2 cases; 1 times: no meter here");
    let negative = view("knob=4", |record| record.case.kind = Kind::Negative);
    assert_eq!(total(&[known(2.0), negative]).gross_j, Some(2.0));
    assert_eq!(total(&[]).line(), "unknown: no case ran");
}

/// A run with a gate, and a case that took 2 J per token where the other run took `there`.
fn gated(there: Option<f64>) -> (RunInfo, CaseView) {
    let gate = EnergyGate {
        percent: 5.0,
        run: "before".to_owned(),
        folder: "/runs/before".to_owned(),
        bands: BTreeMap::new(),
    };
    let mode = Mode { energy: Some(gate), ..run().mode };
    let reading = |joules: f64| Reading {
        gross_j: Some(2.0 * joules),
        u_quant_j: Some(0.0),
        j_per_output_token: Some(joules),
        ..Reading::default()
    };
    let mut view = view("knob=2", |record| {
        record.energy = there.map_or_else(|| Reading::unknown("no meter there"), reading);
        record.against = Some(Box::new(Against::of(record)));
        record.energy = reading(2.0);
    });
    view.record.verdict = judge(&view.record, &Book::empty(), &mode);
    (RunInfo { mode, selected: 1, ..run() }, view)
}

#[test]
fn a_gate_fails_the_run_by_its_cases_or_for_deciding_nothing() {
    let summary = |there| {
        let (run, view) = gated(there);
        Report::new(&run, &[view], &[]).summary
    };
    let line = |summary: &Summary| summary.energy_gate.as_ref().unwrap().line();
    let held = summary(Some(2.0));
    assert!(!held.has_failed());
    insta::assert_snapshot!(line(&held), @"1 held, 0 regressed, 0 undecided, at +5 % against before");
    let regressed = summary(Some(1.0));
    assert!(regressed.has_failed() && regressed.idle_gate().is_none());
    assert_eq!(regressed.failures[0].kind, "energy-regression");
    let undecided = summary(None);
    assert_eq!((undecided.failed, undecided.has_failed()), (0, true));
    insta::assert_snapshot!(line(&undecided), @"0 held, 0 regressed, 1 undecided, at +5 % against before; undecided 1 times: in the other run: no meter there");
    insta::assert_snapshot!(undecided.idle_gate().unwrap(), @"decided nothing against before: 1 case undecided; the first reason: in the other run: no meter there");
    // There are cases left that may be decided.
    let (run, view) = gated(None);
    let going_on = RunInfo { selected: 2, ..run.clone() };
    assert!(!Report::new(&going_on, std::slice::from_ref(&view), &[]).summary.has_failed());
    let xml = junit(&run, &[view], &[]).unwrap();
    assert!(xml.contains("type=\"energy-undecided\""), "{xml}");
    assert!(xml.contains("<property name=\"energy.gate\" value=\"undecided\"/>"), "{xml}");
    insta::assert_snapshot!(Report::new(&run, &[], &[]).summary.energy_gate.unwrap().decides_nothing().unwrap(), @"decided nothing against before: no case generated anything that could be compared");
}
