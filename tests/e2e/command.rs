//! The other subcommands.

use crate::support::{Place, params};

#[test]
fn scan_prints_one_finding_per_line() {
    let place = Place::new();
    place.write(
        "log.txt",
        "all fine\nUserWarning: careful now\nUserWarning: careful now\n0 errors\n",
    );
    let run = place.wattest(&["scan", "log.txt", "--format", "json"]).exits(0);
    let findings: Vec<serde_json::Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(findings.len(), 1, "{run:?}");
    let finding = &findings[0];
    assert_eq!(finding["severity"], "warning");
    assert_eq!(finding["line"], 2);
    assert_eq!(finding["count"], 2);
    assert_eq!(finding["fingerprint"].as_str().unwrap().len(), 16);
    place.wattest(&["scan", "log.txt"]).exits(0).says("careful now");
    place.wattest(&["scan", "missing.txt"]).exits(2).complains("missing.txt: cannot be read");
}

#[test]
fn params_list_names_every_parameter_and_its_cases() {
    let place = Place::new();
    place
        .wattest(&["params", "list", "--params", &params()])
        .exits(0)
        .says("candle: ")
        .says("max_output_tokens                another name of max_new_tokens")
        .says("dataset.name                     refused: prompts are not settings");
    let run =
        place.wattest(&["params", "list", "--params", &params(), "--format", "json"]).exits(0);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&run.stdout).unwrap();
    assert!(rows.len() > 20);
    for row in &rows {
        let backends = ["candle", "pytorch", "tensorrt", "transformers", "vllm"];
        assert!(backends.iter().any(|name| row["backend"] == *name), "{row}");
        assert!(row["path"].is_string() && row["cases"].is_array(), "{row}");
    }
}

#[test]
fn model_new_gives_the_same_files_for_the_same_seed() {
    let place = Place::new();
    for dir in ["one", "two"] {
        place.wattest(&["model", "new", "--arch", "gpt2", "--seed", "3", dir]).exits(0);
    }
    let weights =
        |dir: &str| std::fs::read(place.path(&format!("{dir}/model.safetensors"))).unwrap();
    assert_eq!(weights("one"), weights("two"));
    place.wattest(&["model", "new", "--arch", "bert", "x"]).exits(2).complains("llama");
}

#[test]
fn run_answers_requests_line_by_line() {
    let place = Place::new();
    place.wattest(&["model", "new", "--arch", "llama", "model"]).exits(0);
    place.write(
        "requests.jsonl",
        concat!(
            "{\"prompt_tokens\": [3, 4, 5], \"settings\": {\"max_new_tokens\": 4}}\n",
            "{\"prompt_tokens\": [3, 4, 5], \"settings\": {\"max_new_tokens\": -4}}\n",
        ),
    );
    let words = [
        "run",
        "--backend",
        "candle",
        "--model",
        "model",
        "--requests",
        "requests.jsonl",
        "--format",
        "json",
    ];
    let run = place.wattest(&words);
    let answers: Vec<serde_json::Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 2, "{run:?}");
    assert_eq!(answers[0]["tokens"][0].as_array().unwrap().len(), 4, "{run:?}");
    assert_eq!(answers[1]["error"]["parameter"], "max_new_tokens", "{run:?}");
}

#[test]
fn doctor_tells_what_is_ready() {
    let place = Place::new();
    place.wattest(&["doctor", "--params", &params()]).exits(0).says("backend candle");
    place.wattest(&["doctor", "--params", "nowhere"]).exits(1).complains("nowhere");
}
