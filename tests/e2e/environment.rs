//! Preflight, the snapshot of the environment, and the doctor.

use serde_json::Value;

use crate::support::{Place, params};

const SCRIPT: &str = "cases:\n  a: {steps: []}\n";

/// A parameter file whose baseline computes on a GPU, and requires none.
const ON_A_GPU: &str = "
backend: candle
engine: candle of any version
baseline: {device: cuda, max_new_tokens: 2}
params:
- {path: device, section: load, type: enum, default: cpu, choices: [cpu, cuda], relation: none,
   description: Where tensors lie.}
- {path: max_new_tokens, section: sampling, type: int, default: 20, bounds: {ge: 1}, samples: [3],
   relation: none, description: Most tokens of a row.}
";

#[test]
fn everything_that_fails_is_told_at_once_and_nothing_is_run() {
    let place = Place::new();
    place.write("params/candle.yaml", ON_A_GPU);
    place.write("model/config.json", "{");
    place.write("file", "");
    let words = ["test", "--model", "model", "--out", "file/out"];
    let mut command = place.command(&words);
    // Whatever the machine of the tests has.
    command.env("CUDA_VISIBLE_DEVICES", "");
    let run = crate::support::Run::of(&words, command.output().unwrap()).exits(2);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines[0], "Pre-flight failed: 5 issue(s) found", "{run:?}");
    assert_eq!(lines.len(), 6, "{run:?}");
    for (line, part) in lines[1..].iter().zip([
        "  \u{2717} model model: config.json: ",
        "  \u{2717} model model: tokenizer.json: is missing; fetch it",
        "  \u{2717} model model: model.safetensors: is missing; fetch it",
        "  \u{2717} CUDA: candle::",
        "  \u{2717} disk: ",
    ]) {
        assert!(line.starts_with(part), "{line:?} is not {part:?}\n{run:?}");
        assert!(line.contains("; "), "{line:?} has no remedy");
    }
    assert!(!place.path("target").exists(), "something was run");
}

#[test]
fn a_model_of_the_hub_is_taken_from_the_cache_alone() {
    let place = Place::new();
    let snapshot = "hub/models--tiny--llama/snapshots/ab12";
    place.wattest(&["model", "new", "--arch", "llama", snapshot]).exits(0);
    place.write("hub/models--tiny--llama/refs/main", "ab12\n");
    let run = |model: &str| {
        place.candle_with(&["--exact", "candle::@baseline", "--model", model], |command| {
            command.env("HF_HUB_CACHE", place.path("hub")).env_remove("HF_TOKEN");
        })
    };
    run("tiny/llama").exits(0);
    let model = place.json("out/run.json")["model"].as_str().unwrap().to_owned();
    assert!(model.ends_with(snapshot), "{model}");
    run("tiny/other")
        .exits(2)
        .complains("Pre-flight failed: 1 issue(s) found\n")
        .complains("tiny/other is neither a directory nor in the cache of the hub")
        .complains("set HF_TOKEN");
}

#[test]
fn a_backend_that_is_off_needs_nothing() {
    let place = Place::with_script(SCRIPT);
    place.write("params/vllm.yaml", &ON_A_GPU.replace("candle", "vllm"));
    let run = place.wattest(&["test", "--backend", "vllm", "--python", "nowhere", "--out", "out"]);
    let run = run.exits(0);
    assert!(!run.stderr.contains("Pre-flight"), "{run:?}");
    assert!(run.stdout.contains("skipped"), "{run:?}");
}

#[test]
fn the_snapshot_is_that_of_a_run() {
    let place = Place::with_script(SCRIPT);
    let run = place.wattest(&["env", "--format", "json"]).exits(0);
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(told["hash"].as_str().unwrap().len(), 16);
    place.scripted(&[]).exits(0);
    let mut recorded = place.json("out/invocation.json")["environment"].clone();
    let mut here = told["environment"].clone();
    for one in [&mut recorded, &mut here] {
        one.as_object_mut().unwrap().remove("moving");
    }
    // Without a backend in Python a run lists no packages.
    if cfg!(feature = "python") {
        here["python"] = Value::Null;
    } else {
        assert_eq!(place.json("out/run.json")["environment"], told["hash"]);
    }
    for field in ["kernel", "processor", "memory_bytes", "crates", "features", "target"] {
        assert_eq!(recorded[field], here[field], "{field}");
    }
    place.wattest(&["env"]).exits(0).says("kernel:").says("cuda:").says("hash:");
}

#[test]
fn the_packages_of_an_interpreter_are_listed_without_starting_it() {
    let place = Place::new();
    place.write("env/bin/python", "#!/bin/sh\ntouch started\n");
    place.write("env/pyvenv.cfg", "home = /usr/bin\nversion = 3.11.7\n");
    let site = "env/lib/python3.11/site-packages";
    place.write(&format!("{site}/torch-2.10.0.dist-info/METADATA"), "");
    place.write(&format!("{site}/torch/version.py"), "cuda: Optional[str] = '12.8'\n");
    let words = ["env", "--format", "json", "--python", "./env/bin/python"];
    let run = place.wattest(&words).exits(0);
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    let told = &told["environment"];
    assert_eq!(told["python"]["version"], "3.11.7");
    assert_eq!(told["python"]["packages"]["torch"], "2.10.0");
    assert_eq!(told["cuda"]["version"], "12.8");
    assert_eq!(told["cuda"]["source"], "torch");
    assert!(!place.path("started").exists());
}

#[test]
fn two_snapshots_are_held_against_each_other() {
    let place = Place::with_script(SCRIPT);
    place.scripted(&[]).exits(0);
    let run = place.wattest(&["env", "--format", "json"]).exits(0);
    place.write("here.json", &run.stdout);
    let mut told: Value = serde_json::from_str(&run.stdout).unwrap();
    told["environment"]["kernel"] = "0.0.1".into();
    told["environment"]["variables"]["OMP_NUM_THREADS"] = "97".into();
    told["environment"]["moving"]["temperatures_mc"]["x"] = 1.into();
    place.write("other.json", &told.to_string());
    place
        .wattest(&["diff-env", "here.json", "other.json"])
        .exits(0)
        .says(" -> 0.0.1\n")
        .says("variables.OMP_NUM_THREADS: ");
    let run =
        place.wattest(&["diff-env", "here.json", "other.json", "--fail-on-change"]).exits(101);
    assert_eq!(run.stdout.lines().count(), 2, "{run:?}");
    run.complains("other.json is not here.json: 2 differences");
    let json = place.wattest(&["diff-env", "here.json", "other.json", "--format", "json"]);
    let rows: Value = serde_json::from_str(&json.exits(0).stdout).unwrap();
    assert_eq!(rows[0]["key"], "kernel");
    assert_eq!(rows[0]["b"], "0.0.1");
    place.wattest(&["diff-env", "here.json", "here.json", "--fail-on-change"]).exits(0);
    // A run is named by its folder, and this machine by `here`.
    place.wattest(&["diff-env", "out", "other.json"]).exits(0).says("kernel: ");
    place.wattest(&["diff-env", "out"]).exits(0);
    place.write("empty.json", "{}");
    place
        .wattest(&["diff-env", "empty.json", "nowhere"])
        .exits(2)
        .complains("empty.json: has no snapshot")
        .complains("there is no run `nowhere`");
}

#[test]
fn the_doctor_fails_where_something_needed_is_broken() {
    let place = Place::new();
    let params = params();
    let doctor = |words: &[&str]| {
        let words = [&["doctor", "--params", &params], words].concat();
        let mut command = place.command(&words);
        command.env("CUDA_VISIBLE_DEVICES", "");
        crate::support::Run::of(&words, command.output().unwrap())
    };
    doctor(&[]).exits(0).says("ok  parameters: ").says("off CUDA: ").says("ok  disk: ");
    doctor(&["--cuda"])
        .exits(1)
        .says("BAD CUDA: ")
        .complains("error: CUDA: --cuda needs it, and CUDA_VISIBLE_DEVICES is ``");
    doctor(&["--backend", "candel"]).exits(1).says("BAD backend candel: ").says("`candle`");
    doctor(&["--model", "nowhere/at/all"]).exits(1).says("BAD model: nowhere/at/all");
    place.wattest(&["model", "new", "--arch", "llama", "tiny"]).exits(0);
    doctor(&["--model", "tiny"]).exits(0).says("ok  model: tiny").says("ok  memory: ");
    if !cfg!(feature = "torch") {
        doctor(&[]).exits(0).says("off backend pytorch");
        doctor(&["--backend", "pytorch"]).exits(1).says("BAD backend pytorch");
    }
    place.wattest(&["doctor", "--params", "nowhere"]).exits(1).complains("nowhere");
    let json = doctor(&["--cuda", "--format", "json"]).exits(1);
    let told: Value = serde_json::from_str(&json.stdout).unwrap();
    let rows = told["checks"].as_array().unwrap();
    let cuda = rows.iter().find(|row| row["what"] == "CUDA").unwrap();
    assert_eq!(cuda["state"], "broken");
    assert!(told["environment"]["wattest"].is_string());
    place.wattest(&["doctor", "--help"]).exits(0).says("1 something needed is broken");
}
