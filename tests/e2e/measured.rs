//! `wattest run`: one measured experiment.

use serde_json::{Value, json};

use crate::energy::Processor;
use crate::support::{Place, Run, params};

/// A place with a tiny model in `model`.
fn place() -> Place {
    let place = Place::new();
    place.wattest(&["model", "new", "--arch", "llama", "model"]).exits(0);
    place
}

/// `wattest run` over candle with the parameters that the project ships, into `out`.
fn run(place: &Place, words: &[&str]) -> Run {
    let params = params();
    let own = ["run", "--backend", "candle", "--model", "model", "--params", &params];
    let limits = ["--set", "max_new_tokens=6", "--out", "out"];
    place.wattest(&[&own[..], &limits, words].concat())
}

/// Asserts that `result` is what the kept schema says.
#[track_caller]
fn is_valid(result: &Value) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/result.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<String> =
        validator.iter_errors(result).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}\n{result:#}");
    let mut broken = result.clone();
    broken["total_tokens"] = json!("many");
    broken["measurement_config_hash"] = json!("short");
    broken.as_object_mut().unwrap().remove("total_energy_j");
    assert_eq!(validator.iter_errors(&broken).count(), 3, "the schema checks nothing");
}

#[test]
fn a_measured_run_leaves_a_result_that_its_schema_knows() {
    let place = place();
    let words = ["-n", "5", "--set", "do_sample=true", "--set", "temperature=1", "--set", "seed=7"];
    let ran = run(&place, &words).exits(0).says("asked       5 prompts, 5 requests, 1 round");
    let ran = ran.says("energy      unknown: ").says("out/result.json");
    let result = place.json("out/result.json");
    is_valid(&result);
    assert_eq!(result["schema_version"], "2.0");
    assert_eq!(result["methodology"], "steady_state");
    assert_eq!(result["config"]["temperature"], json!(1.0), "typed by the parameter");
    assert_eq!(result["effective_config"]["temperature"], json!(1.0));
    assert_eq!(result["asked"]["source"], "built_in");
    assert_eq!(result["model"]["architecture"], "llama");
    let count = |name: &str| result[name].as_u64().unwrap();
    assert_eq!(count("total_tokens"), count("input_tokens") + count("output_tokens"));
    assert!((1..=30).contains(&count("output_tokens")), "{result:#}");
    assert!(result["peak_memory_bytes"].as_u64() > Some(1 << 20));
    assert!(result["total_flops"].as_f64() > Some(1e3));
    for name in ["latency", "ttft", "step_time"] {
        assert!(result[name]["p50_s"].as_f64() > Some(0.0), "{name}: {result:#}");
    }
    // What is not known is null, and says why.
    for name in ["total_energy_j", "avg_energy_per_token_j", "throttled"] {
        assert_eq!(result[name], Value::Null);
        assert!(!result["unknown"][name].as_str().unwrap().is_empty());
    }
    assert_eq!(result["latency"]["p99_s"], Value::Null);
    assert_eq!(result["unknown"]["latency.p99_s"], "needs at least 100 values; there were 5");
    let series = std::fs::read(place.path("out/timeseries.parquet")).unwrap();
    assert!(series.starts_with(b"PAR1") && series.ends_with(b"PAR1"));
    assert!(!ran.stderr.contains("measuring"), "no progress without a terminal\n{ran:?}");
}

#[test]
fn the_result_is_the_answer_where_json_is_asked_for() {
    let place = place();
    let words = ["--format", "json", "--warm-up", "0", "--repeat", "2", "--per-request", "3"];
    let ran = run(&place, &words).exits(0);
    let result: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(result, place.json("out/result.json"));
    is_valid(&result);
    assert_eq!(
        (&result["methodology"], &result["warm_up"]["requests"]),
        (&json!("total"), &json!(0))
    );
    let asked = &result["asked"];
    assert_eq!((&asked["rounds"], &asked["requests"]), (&json!(2), &json!(4)), "{asked}");
    let reason = result["unknown"]["ttft.p50_s"].as_str().unwrap();
    assert!(reason.contains("one by one"), "{reason}");
    // What was measured is not written over.
    run(&place, &[]).exits(2).complains("out: has a result.json already; name another folder");
}

#[test]
fn the_hash_is_that_of_what_is_measured() {
    let place = place();
    place.wattest(&["model", "new", "--arch", "llama", "other"]).exits(0);
    let hash = |words: &[&str]| {
        let params = params();
        let own = ["run", "--backend", "candle", "--params", &params, "--warm-up", "1", "-n", "1"];
        let words = [&own[..], &["--format", "json"], words].concat();
        let ran = place.wattest(&words).exits(0);
        let result: Value = serde_json::from_str(&ran.stdout).unwrap();
        let id = result["experiment_id"].as_str().unwrap().to_owned();
        assert!(place.path(&format!("target/wattest/{id}/result.json")).exists(), "{id}");
        result["measurement_config_hash"].as_str().unwrap().to_owned()
    };
    let one = hash(&["--model", "model", "--set", "max_new_tokens=2"]);
    // By another name, in another folder: the same measurement.
    assert_eq!(one, hash(&["--model", "other", "--set", "max_output_tokens=2"]));
    assert_ne!(one, hash(&["--model", "model", "--set", "max_new_tokens=3"]));
}

#[test]
fn an_experiment_file_says_what_the_command_line_does_not() {
    let place = place();
    place.write(
        "e.yaml",
        "backend: candle\nmodel: model\nsettings: {max_new_tokens: 4, num_beams: 2}\n\
         prompts: [The mill, The river]\n",
    );
    let params = params();
    let words = ["run", "--config", "e.yaml", "--params", &params, "--warm-up", "1"];
    place.wattest(&[&words[..], &["--out", "one"]].concat()).exits(0);
    let result = place.json("one/result.json");
    is_valid(&result);
    assert_eq!(result["config"], json!({"max_new_tokens": 4, "num_beams": 2}));
    assert_eq!(result["asked"]["source"], "experiment");
    assert_eq!(result["asked"]["requests"], 2);
    assert!(result["unknown"]["total_flops"].as_str().unwrap().starts_with("num_beams"));

    place.write("p.jsonl", "{\"question\": \"The mill\"}\n{\"question\": \"The river\"}\n");
    let more = ["--set", "num_beams=1", "--prompts", "p.jsonl", "--column", "question", "-n", "3"];
    place.wattest(&[&words[..], &more, &["--out", "two"]].concat()).exits(0);
    let result = place.json("two/result.json");
    assert_eq!(result["config"]["num_beams"], 1);
    assert_eq!(result["asked"]["source"], json!({"jsonl": "p.jsonl"}));
    assert_eq!(
        (&result["asked"]["available"], &result["asked"]["prompts"]),
        (&json!(2), &json!(3))
    );
    assert!(result["quality_warnings"].to_string().contains("there are only 2 prompts"));
}

#[test]
fn where_there_is_a_source_a_result_has_joules_with_their_bounds() {
    let place = place();
    let _processor = Processor::start(&place);
    let words = ["--powercap", "powercap", "--nvml", "nowhere.so", "--min-window", "500ms"];
    run(&place, &words).exits(0).says(" J per token");
    let result = place.json("out/result.json");
    is_valid(&result);
    let energy = &result["energy"];
    let number = |key: &str| energy[key].as_f64().unwrap_or_else(|| panic!("{key}: {energy:#}"));
    assert!(number("lo_j") <= number("gross_j") && number("gross_j") <= number("hi_j"));
    assert!(number("net_j").is_finite() && number("window_s") >= 0.5, "{energy:#}");
    assert_eq!(result["total_energy_j"], energy["gross_j"]);
    assert!(result["avg_energy_per_token_j"].as_f64() > Some(0.0), "{result:#}");
    assert!(result["timeseries"]["rows"].as_u64() >= Some(5), "{result:#}");
}

#[test]
fn everything_that_is_wrong_is_told_before_any_work() {
    let place = Place::new();
    place.write(
        "e.yaml",
        "backend: candle\nmodel: nowhere\nsettings:\n  temprature: 0.7\n  num_beams: 2\n",
    );
    place.write("p.jsonl", "{\"prompt\": 7}\n");
    let params = params();
    let words = [
        "run",
        "--config",
        "e.yaml",
        "--params",
        &params,
        "--prompts",
        "p.jsonl",
        "--out",
        "out",
        "--set",
        "top_k=-1",
        "--set",
        "topp=1",
        "--set",
        "prompt_lookup_num_tokens=3",
    ];
    let ran = place.wattest(&words).exits(2);
    insta::assert_snapshot!(ran.stderr, @r#"
    error: --set top_k = -1 is refused: -1 is out of bounds (>= 0)
    error: --set topp = "1" is refused: no such parameter; did you mean `top_p`?
    error: p.jsonl:1: `prompt` must be text, and is 7
    error: e.yaml:4: error: settings.temprature: no parameter of candle; did you mean `temperature`?
    error: e.yaml:5: error: settings.num_beams: num_beams > 1 and prompt_lookup_num_tokens is not null is refused (rule lookup_and_beams): Drafts are checked by greedy search and sampling only. Accepted: num_beams=1, prompt_lookup_num_tokens=3
    error: nowhere: does not exist; give a model directory, or make a tiny one with `wattest model new --arch llama DIR`
    "#);
    assert!(!place.path("out").exists());
    let nothing = place.wattest(&["run"]).exits(2);
    nothing.complains("no backend is named; give --backend NAME, or --config FILE");
    place.wattest(&["run", "--backend", "candle"]).exits(2).complains("no model is named");
    place.wattest(&["run", "--backend", "candel"]).exits(2).complains("no backend `candel`");
    let both = ["run", "--requests", "-", "--config", "e.yaml"];
    place.wattest(&both).exits(2).complains("cannot be used with");
    place
        .wattest(&["run", "--requests", "-"])
        .exits(2)
        .complains("--requests needs --backend NAME");
}

#[test]
fn a_failure_of_the_engine_leaves_no_result() {
    let place = Place::with_script("cases:\n  bad: {steps: [{fail: \"out of luck\"}]}\n");
    let words = ["run", "--backend", "scripted", "--script", "script.yaml", "--out", "out"];
    place
        .wattest(&[&words[..], &["--set", "script=bad"]].concat())
        .exits(101)
        .complains("out of luck");
    assert!(!place.path("out/result.json").exists());
    place.wattest(&words).exits(0);
    let result = place.json("out/result.json");
    is_valid(&result);
    assert_eq!(result["unknown"]["total_flops"], "the backend reads no model");
    assert_eq!(result["model"]["fingerprint"], Value::Null);
}

#[test]
fn the_kept_schema_is_the_printed_one() {
    let ran = Place::new().wattest(&["run", "--print-schema"]).exits(0);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/result.schema.json");
    assert_eq!(ran.stdout, std::fs::read_to_string(file).unwrap());
}
