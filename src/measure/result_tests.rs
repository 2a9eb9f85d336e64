use std::path::Path;

use super::*;
use crate::energy::Work;
use crate::measure::{Criterion, Prompts, WarmUp, Watched};
use crate::report::timeseries::Series;
use crate::schema::Names;

fn plan() -> Plan {
    Plan {
        model: Path::new("nowhere").to_owned(),
        settings: [("max_new_tokens", 3)].into_iter().collect(),
        names: Names::default(),
        prompts: Prompts::built_in(),
        count: Some(2),
        per_request: 1,
        warm_up: WarmUp::default(),
        repeat: 1,
        min_window: None,
    }
}

fn served() -> Served {
    Served {
        latency_s: 0.5,
        prefill_s: 0.2,
        steps_s: vec![0.1, 0.2],
        rows: vec![(5, vec![3])],
        work: Work::default(),
        ended_early: 0,
    }
}

fn measurement(reading: Reading) -> Measurement {
    Measurement {
        load_s: 1.0,
        warmed_up: WarmedUp {
            requests: 5,
            duration_s: 2.0,
            converged: Some(true),
            criterion: Some(Criterion::TimeAndPower),
            cv: Some(0.01),
            power_cv: Some(0.02),
        },
        no_power: None,
        rounds: 1,
        served: vec![served(), served()],
        effective: [("max_new_tokens", 3)].into_iter().collect(),
        architecture: "llama".to_owned(),
        peak: Ok(1 << 20),
        energy: Watched { reading, series: Series::default() },
    }
}

fn result(plan: &Plan, measurement: &Measurement) -> ExperimentResult {
    let machine = Machine {
        started: "2026-11-21T10:00:00Z".to_owned(),
        ended: "2026-11-21T10:00:09Z".to_owned(),
        environment: BTreeMap::new(),
        environment_hash: "0123456789abcdef".to_owned(),
        optimised: true,
    };
    let config = Err("no sizes are known".to_owned());
    ExperimentResult::new("e-1".to_owned(), "candle", plan, config, measurement, machine)
}

fn known() -> Reading {
    Reading { gross_j: Some(12.0), source: Source::Rapl, ..Reading::default() }
}

#[test]
fn figures_follow_from_the_requests() {
    let result = result(&plan(), &measurement(known()));
    assert_eq!((result.input_tokens, result.output_tokens, result.total_tokens), (10, 6, 16));
    assert_eq!(result.total_inference_time_sec, 1.0);
    assert_eq!(result.avg_tokens_per_second, Some(6.0));
    assert_eq!((result.total_energy_j, result.avg_energy_per_token_j), (Some(12.0), Some(2.0)));
    assert_eq!((result.ttft.p50_s, result.step_time.n), (Some(0.2), 4));
    assert_eq!((result.methodology, result.throttled), (Methodology::SteadyState, Some(false)));
    assert_eq!(
        result.quality_warnings,
        ["2 requests say little about the next ones; give -n or --repeat"]
    );
}

/// The names of all nulls in `value`, but for the energy and what the environment does not know,
/// which have reasons of their own.
fn nulls(value: &Value, name: &str, found: &mut Vec<String>) {
    match value {
        Value::Null => found.push(name.to_owned()),
        Value::Object(map) => {
            for (key, value) in map {
                let own = ["energy", "environment_snapshot", "config", "effective_config"];
                if !own.contains(&key.as_str()) {
                    let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                    nulls(value, &name, found);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn every_null_has_a_reason_and_nothing_else_has() {
    let silent = Served { prefill_s: 0.0, steps_s: Vec::new(), ..served() };
    let empty = Served { latency_s: 0.0, rows: vec![(5, vec![0])], ..silent.clone() };
    let cold = WarmedUp::default();
    let base = measurement(Reading::unknown("no meter"));
    let cases = [
        (plan(), base.clone()),
        (plan(), measurement(known())),
        (
            plan(),
            Measurement { served: vec![silent], peak: Err("no /proc".into()), ..base.clone() },
        ),
        (plan(), Measurement { served: vec![empty.clone()], warmed_up: cold, ..base.clone() }),
        (plan(), Measurement { served: vec![empty], ..measurement(known()) }),
        (Plan { per_request: 2, ..plan() }, base),
    ];
    for (plan, measurement) in cases {
        let result = result(&plan, &measurement);
        let mut found = Vec::new();
        nulls(&serde_json::to_value(&result).unwrap(), "", &mut found);
        found.sort();
        let told: Vec<String> = result.unknown.keys().cloned().collect();
        assert_eq!(told, found, "{result:#?}");
        assert!(result.unknown.values().all(|reason| !reason.is_empty()));
    }
}

#[test]
fn reasons_say_what_is_missing() {
    let result = result(&plan(), &measurement(Reading::unknown("no meter")));
    let told = |name: &str| result.unknown[name].as_str();
    assert_eq!(told("total_energy_j"), "no meter");
    assert_eq!(told("total_flops"), "no sizes are known");
    assert_eq!(told("latency.p99_s"), "needs at least 100 values; there were 2");
}

#[test]
fn what_speaks_against_it_is_told() {
    let plan = Plan { count: Some(9), ..plan() };
    let mut measurement = measurement(Reading {
        doubts: vec![Doubt::Throttled { cause: "hw_thermal".to_owned(), ms: Some(3.0) }],
        ..known()
    });
    measurement.warmed_up.converged = Some(false);
    measurement.warmed_up.cv = Some(0.2);
    measurement.served[0].ended_early = 1;
    let result = result(&plan, &measurement);
    assert_eq!(result.throttled, Some(true));
    insta::assert_snapshot!(result.quality_warnings.join("\n"), @r#"
    the warm-up did not converge: after 5 requests the last differ by 20.0 % (CV), and at most 5.0 % are wanted
    2 requests say little about the next ones; give -n or --repeat
    there are only 4 prompts: they were asked more than once
    1 of 2 rows ended before the limit of their length: figures per token are those of these lengths
    energy: {"doubt":"throttled","cause":"hw_thermal","ms":3.0}
    "#);
}

#[test]
fn the_kept_schema_is_that_of_the_types() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/result.schema.json");
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        kept == schema(),
        "{file} is stale; run `wattest run --print-schema > schemas/result.schema.json`"
    );
}

#[test]
fn a_summary_says_what_is_known_and_what_is_not() {
    let unknown = result(&plan(), &measurement(Reading::unknown("no meter")));
    insta::assert_snapshot!(unknown.summary(), @"
    e-1 of nowhere
      asked       2 prompts, 2 requests, 1 round
      tokens      10 in, 6 out
      time        1.000 s, 6.0 tokens/s
      latency     p50 0.500 s, most 0.500 s
      first token p50 0.200 s, most 0.200 s
      step        p50 0.150 s, most 0.200 s
      energy      unknown: no meter
      memory      1 MiB at most
      warning: 2 requests say little about the next ones; give -n or --repeat
    ");
    let bounds = Reading { lo_j: Some(11.5), hi_j: Some(12.25), ..known() };
    let summary = result(&plan(), &measurement(bounds)).summary();
    let energy = summary.lines().find(|line| line.contains("energy")).unwrap();
    assert_eq!(energy, "  energy      12.000 J (11.500 to 12.250 J), 2.0000 J per token");
}
