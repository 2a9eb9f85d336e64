//! The order of a measured run, the noise of its baselines, and the energy gate.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::energy::Processor;
use crate::support::{Place, Run};

/// One case that is long enough for the ticks of the processor.
const WORKS: &str = "cases:\n  works: {steps: [{sleep: 2.5}]}\n";

const FOUR: &str = r#"
cases:
  a: {steps: []}
  b: {steps: []}
  c: {steps: []}
  d: {load: [{stdout: "loading\n"}], steps: []}
  e:
    kind: negative
    steps: [{refuse: {rule: "must be something else"}}]
"#;

/// The one measured case, alone.
const ONE: [&str; 3] = ["--powercap=powercap", "--exact", "scripted::script=works"];

/// So that neither the time that a busy machine takes nor what it leaves open comes to it.
const GATE: [&str; 3] = ["--out=again", "--max-j-per-token-regress=40", "--against=out"];

fn planned(place: &Place) -> Vec<String> {
    let run = place.json("out/run.json");
    let names = run["cases"].as_array().unwrap().iter();
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn seed(place: &Place) -> Value {
    place.json("out/invocation.json")["shuffle_seed"].clone()
}

#[test]
fn a_measured_run_is_shuffled_by_a_recorded_seed() {
    let place = Place::with_script(FOUR);
    place.scripted(&[]).exits(0);
    let plain = planned(&place);
    assert_eq!((plain.len(), seed(&place)), (6, Value::Null));

    let run = place.scripted(&["--energy=off", "--repeat=2"]).exits(0);
    let drawn = seed(&place).as_u64().unwrap();
    let run = run.says(&format!("  order: shuffled, --shuffle-seed={drawn}\n"));
    assert!(place.read("out/report.md").contains(&format!("the seed {drawn}")), "{run:?}");
    let order = planned(&place);
    assert_eq!(order.len(), 10, "{order:?}");
    // The baseline is there at the begin, within and at the end of the group of its engine.
    let group: Vec<&String> = order.iter().filter(|name| !name.ends_with("=d")).collect();
    let at: Vec<usize> = (0..group.len()).filter(|at| group[*at].contains("@baseline")).collect();
    assert_eq!(at, [0, 2, 4, 6, 8], "{order:?}");
    let summary = place.json("out/report.json")["summary"].clone();
    assert_eq!((&summary["passed"], &summary["not_run"]), (&json!(10), &json!(0)));

    // Gone on with, a run keeps its order; said again, a seed gives the same.
    let record = "out/records/scripted--script=a@1.json";
    std::fs::remove_file(place.path(record)).unwrap();
    place.scripted(&["--energy=off", "--repeat=2", "--resume"]).exits(0);
    assert_eq!(seed(&place), drawn);
    assert!(place.path(record).exists());
    let words = ["--energy=off", "--repeat=2", &format!("--shuffle-seed={drawn}")];
    place.scripted(&words).exits(0);
    assert_eq!(planned(&place), order);
    place.scripted(&["--shuffle"]).exits(0).says("  order: shuffled, --shuffle-seed=");
    assert_eq!(planned(&place).len(), 6);
}

#[test]
fn the_seed_is_in_the_command_that_repeats_a_case() {
    let place = Place::with_script("cases:\n  b: {steps: [{fail: \"broken\"}]}\n");
    let run = place.scripted(&["--energy=off", "--repeat=2", "=b"]).exits(101);
    let seed = seed(&place);
    run.says(&format!(
        "reproduce: wattest test --exact 'scripted::script=b' --script=script.yaml --energy=off \
         --repeat=2 --shuffle-seed={seed}\n"
    ));
}

#[test]
fn a_further_baseline_can_be_named() {
    let place = Place::with_script(FOUR);
    let name = "scripted::@baseline-3";
    place.scripted(&["--energy=off", "--repeat=2", "--exact", name]).exits(0).says("1 passed");
    assert_eq!(planned(&place), [name]);
    place.scripted(&["--exact", name]).exits(4);
}

#[test]
fn baselines_show_the_noise_of_a_run() {
    let place = Place::with_script(FOUR);
    place.scripted(&["--energy=off", "--repeat=2", "@baseline"]).exits(0);
    // What a busy machine measures is not what it measures the next time.
    for (mark, joules) in [("", 0.9), ("-2", 0.95), ("-3", 1.0), ("-4", 1.05), ("-5", 1.1)] {
        let file = format!("out/records/scripted--@baseline{mark}@1.json");
        let mut record = place.json(&file);
        record["energy"]["gross_j"] = json!(10.0 * joules);
        record["energy"]["j_per_output_token"] = json!(joules);
        place.write(&file, &record.to_string());
    }
    let line = "noise: J per output token of scripted within ±31.04 % (5 baselines)\n";
    place.wattest(&["report", "out"]).exits(0).says(line);
    assert!(place.read("out/report.md").contains(line));
    let noise = &place.json("out/report.json")["summary"]["noise"]["scripted"];
    assert_eq!((&noise["n"], &noise["of"]), (&json!(5), &json!("cases")));
}

/// Runs it until its ticks leave little enough open: on a busy machine they are seen late.
#[track_caller]
fn resolved(place: &Place, words: &[&str], folder: &str) -> Run {
    for _ in 0..12 {
        let run = place.scripted(&[&ONE[..], words].concat());
        let report = place.json(&format!("{folder}/report.json"));
        let energy = &report["cases"][0]["energy"];
        if energy["gross_j"].is_number() && energy["doubts"] == json!([]) {
            return run;
        }
    }
    panic!("the machine is too busy to measure anything");
}

/// Lets the run in `out` have used a part of what it used.
fn forge(place: &Place, part: f64) {
    let file = "out/records/scripted--script=works@1.json";
    let mut record = place.json(file);
    let energy = &mut record["energy"];
    let keys = ["gross_j", "lo_j", "hi_j", "u_quant_j", "j_per_output_token", "j_per_total_token"];
    for key in keys {
        energy[key] = json!(energy[key].as_f64().unwrap() * part);
    }
    place.write(file, &record.to_string());
}

#[test]
fn the_gate_holds_against_the_same_and_fails_against_a_cheaper_run() {
    let place = Place::with_script(WORKS);
    let _processor = Processor::start(&place);
    resolved(&place, &[], "out").exits(0);
    resolved(&place, &GATE, "again")
        .exits(0)
        .says("  energy gate: 1 held, 0 regressed, 0 undecided, at +40 % against out\n");
    assert_eq!(place.json("again/report.json")["cases"][0]["energy_gate"]["state"], "held");

    forge(&place, 0.5);
    let run = resolved(&place, &GATE, "again")
        .exits(101)
        .says("energy-regression: ")
        .says(" J per output token, out has ")
        .says("energy gate: 0 held, 1 regressed, 0 undecided, at +40 % against out\n")
        .says(" --max-j-per-token-regress=40 --against=out");
    let junit = place.read("again/junit.xml");
    assert!(junit.contains("type=\"energy-regression\""), "{junit}");
    let gated = &place.json("again/report.json")["cases"][0]["energy_gate"];
    assert_eq!(gated["state"], "regressed", "{run:?}");

    // The record has all that the judgement needs, and what is gone on with is judged by it too.
    std::fs::rename(place.path("out"), place.path("gone")).unwrap();
    place.wattest(&["rescan", "again"]).exits(101).says("energy gate: 0 held, 1 regressed");
    place.scripted(&[&ONE[..], &["--out=again", "--resume"]].concat()).exits(2).complains("out");
    std::fs::rename(place.path("gone"), place.path("out")).unwrap();
    let words = ["--out=again", "--resume"];
    place.scripted(&[&ONE[..], &words].concat()).exits(101).says("energy-regression: ");
}

#[test]
fn a_gate_that_decides_nothing_fails() {
    let place = Place::with_script(FOUR);
    let without = ["--powercap=nowhere", "--nvml=nowhere.so"];
    place.scripted(&without).exits(0);
    place.scripted(&[&without[..], &GATE].concat()).exits(101).says(
        "  energy gate: decided nothing against out: 5 cases undecided; the first reason: in this run: \
         no source of energy: ",
    );
    let junit = place.read("again/junit.xml");
    assert!(junit.contains("<testcase name=\"energy::gate\""), "{junit}");
    assert!(place.read("again/report.md").contains("# wattest: failed"));
    // What must be refused is not measured, and is no case for the gate.
    place
        .scripted(&[&without[..], &GATE, &["=e"]].concat())
        .exits(101)
        .says("decided nothing against out: no case generated anything that could be compared");
}

#[test]
fn under_nextest_each_process_decides_for_its_own_case() {
    let place = Place::with_script(FOUR);
    place.scripted(&["--energy=off"]).exits(0);
    let one = |case: &str| {
        let mut command = place.command(&["test", case, "--exact", "--nocapture"]);
        command.envs([
            ("NEXTEST", "1"),
            ("NEXTEST_RUN_ID", "4711"),
            ("WATTEST_BACKEND", "scripted"),
            ("WATTEST_SCRIPT", "script.yaml"),
            ("WATTEST_ENERGY", "off"),
            ("WATTEST_MAX_J_PER_TOKEN_REGRESS", "5"),
            ("WATTEST_AGAINST", "latest"),
        ]);
        let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        Run::of(&["test", case], output)
    };
    let why = "the energy gate decided nothing against out: 1 case undecided; the first reason: in \
               this run: energy is off";
    one("scripted::script=a").exits(101).complains(why);
    // By now the latest run is this one: the other is remembered.
    one("scripted::script=b").exits(101).complains(why);
    one("scripted::!script=e").exits(0);
}

#[test]
fn a_gate_that_cannot_be_read_is_refused_before_anything_is_run() {
    let place = Place::with_script(FOUR);
    let refused = |words: &[&str], why: &str| {
        place.scripted(words).exits(2).complains(why);
        assert!(!place.path("out/records").exists(), "something was run");
    };
    let percent = "--max-j-per-token-regress";
    refused(&[&format!("{percent}=5")], "--max-j-per-token-regress needs a run to compare with");
    refused(&["--against=x"], "--against needs to know how much more energy is allowed");
    for wrong in ["-1", "nan", "inf", "5%"] {
        let word = format!("{percent}={wrong}");
        refused(&[&word, "--against=x"], "it takes a number of percent from 0");
    }
    let gate = |run: &str| [format!("{percent}=5"), format!("--against={run}")];
    let words = gate("nowhere");
    refused(&[&words[0], &words[1]], "error: --against: there is no run `nowhere`");
    place.write("folder/readme", "");
    let words = gate("folder");
    refused(&[&words[0], &words[1]], "folder/invocation.json: cannot be read");

    place.scripted(&["--out=before", "=a"]).exits(0);
    let words = gate("before");
    place
        .scripted(&["--out=before", &words[0], &words[1]])
        .exits(2)
        .complains("before is the folder of this run itself; name another run");
    let record = "before/records/scripted--script=a@1.json";
    place.write(record, "{");
    refused(&[&words[0], &words[1]], "scripted--script=a@1.json: is not JSON");
    std::fs::remove_file(place.path(record)).unwrap();
    refused(
        &[&words[0], &words[1]],
        "before: has no records; name a run that has measured something",
    );
}
