//! Energy, over a powercap tree that the test keeps moving, and over a fake NVML.

#[path = "../nvml/machine.rs"]
pub(crate) mod machine;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::machine::Machine;
use crate::support::Place;

/// What the processor of the tree draws.
const WATTS: f64 = 50.0;

const SCRIPT: &str = r#"
cases:
  works:
    steps: [{sleep: 0.2}]
  is_refused:
    kind: negative
    steps: [{refuse: {rule: "must be something else"}}]
"#;

/// A processor whose counter a thread moves, about every two milliseconds.
pub(crate) struct Processor {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Processor {
    /// In `place`, as the tree `powercap`.
    pub(crate) fn start(place: &Place) -> Self {
        place.write("powercap/intel-rapl:0/name", "package-0\n");
        place.write("powercap/intel-rapl:0/max_energy_range_uj", "262143328850\n");
        place.write("powercap/intel-rapl:1/name", "psys\n");
        place.write("powercap/intel-rapl:1/energy_uj", "1\n");
        let counter = place.path("powercap/intel-rapl:0/energy_uj");
        let began = Instant::now();
        show(&counter, began);
        let ends = Arc::new(AtomicBool::new(false));
        let own = Arc::clone(&ends);
        let thread = std::thread::spawn(move || {
            while !own.load(Ordering::Relaxed) {
                show(&counter, began);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Self { ends, thread: Some(thread) }
    }
}

impl Drop for Processor {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Sets the counter to what it has come to. The kernel never shows half a number, so the file is
/// renamed into place.
fn show(counter: &Path, began: Instant) {
    let aside = counter.with_extension("new");
    let joules = began.elapsed().as_secs_f64() * WATTS;
    fs::write(&aside, format!("{}\n", (joules * 1e6) as u64)).unwrap();
    fs::rename(&aside, counter).unwrap();
}

fn energy(place: &Place, case: &str) -> Value {
    let report = place.json("out/report.json");
    let cases = report["cases"].as_array().unwrap();
    let found = cases.iter().find(|one| one["name"] == format!("scripted::{case}")).unwrap();
    found["energy"].clone()
}

#[track_caller]
fn holds_the_truth(energy: &Value) {
    let number = |key: &str| energy[key].as_f64().unwrap_or_else(|| panic!("{key}: {energy:#}"));
    let truth = WATTS * number("window_s");
    let (lo, gross, hi) = (number("lo_j"), number("gross_j"), number("hi_j"));
    assert!(lo <= truth && truth <= hi, "{truth} J: {energy:#}");
    assert!(0.0 < lo && lo <= gross && gross <= hi, "{energy:#}");
}

#[test]
fn a_smoke_run_shows_energy_with_its_bounds() {
    let place = Place::with_script(SCRIPT);
    let _processor = Processor::start(&place);
    let run = place.scripted(&["--smoke", "--powercap", "powercap"]).exits(0);
    let line = run.stdout.lines().find(|line| line.starts_with("  energy: ")).unwrap();
    assert!(line.contains(" J gross (") && line.contains(" by rapl"), "{run:?}");
    let works = energy(&place, "script=works");
    holds_the_truth(&works);
    assert_eq!(works["source"], "rapl");
    assert_eq!(works["scope"], json!(["package-0"]));
    assert!(works["window_s"].as_f64().unwrap() >= 0.2, "{works:#}");
    assert_eq!(works["repeats"], 1);
    assert_eq!(works["net_j"], Value::Null);
    assert_eq!(
        works["reason"],
        "no net: no baseline was taken; no joules of prefill: it spans too few ticks; no joules of \
         decode: it spans too few ticks"
    );
    assert!(works["sampler_cpu_percent"].as_f64().is_some(), "{works:#}");
    let refused = energy(&place, "!script=is_refused");
    assert_eq!(refused["gross_j"], Value::Null);
    let probes = &place.json("out/invocation.json")["energy"];
    let rapl = probes.as_array().unwrap().iter().find(|probe| probe["source"] == "rapl").unwrap();
    assert_eq!(rapl["state"], "present");
    assert_eq!(place.json("out/run.json")["energy"]["powercap"], "powercap");
}

#[test]
fn a_gpu_is_read_by_its_counter() {
    let place = Place::with_script(SCRIPT);
    let gpu = json!({"watts": [[0.0, WATTS]], "counter": {"tick_ms": 20.0}});
    let machine = Machine::new(&json!({ "gpus": [gpu] }));
    let nvml = machine.library().display().to_string();
    let run = place.scripted(&["--smoke", "--powercap=nowhere", "--nvml", &nvml]).exits(0);
    let line = run.stdout.lines().find(|line| line.starts_with("  energy: ")).unwrap();
    assert!(line.contains(" J gross (") && line.contains(" by nvml-counter"), "{run:?}");
    let works = energy(&place, "script=works");
    holds_the_truth(&works);
    assert_eq!(works["source"], "nvml-counter");
    assert!(works["ticks"].as_u64() >= Some(2), "{works:#}");
}

#[test]
fn asked_for_windows_a_case_is_repeated_over_baselines() {
    let place = Place::with_script(SCRIPT);
    let _processor = Processor::start(&place);
    let words = ["--powercap=powercap", "--repeat=2", "--min-window=500ms", "--exact"];
    place.scripted(&[&words[..], &["scripted::script=works"]].concat()).exits(0).says(" J net");
    let works = energy(&place, "script=works");
    holds_the_truth(&works);
    assert_eq!(works["repeats"], 6, "{works:#}");
    assert!(works["window_s"].as_f64().unwrap() >= 0.5, "{works:#}");
    for key in ["u_repeat_j", "u_baseline_j", "u_quant_j"] {
        assert!(works[key].as_f64().is_some(), "{key}: {works:#}");
    }
    assert_eq!(works["window_gross_j"].as_array().unwrap().len(), 2, "{works:#}");
    // The processor draws the same whatever is done.
    let (net, gross) = (works["net_j"].as_f64().unwrap(), works["gross_j"].as_f64().unwrap());
    assert!(net.abs() < 0.2 * gross, "{works:#}");
}

#[test]
fn asked_for_what_the_meters_said_is_beside_the_record_of_each_case_that_was_measured() {
    let place = Place::with_script(SCRIPT);
    let _processor = Processor::start(&place);
    place.scripted(&["--smoke", "--powercap=powercap", "--timeseries"]).exits(0);
    let works = place.json("out/records/scripted--script=works@1.json");
    let file = "records/scripted--script=works@1.parquet";
    assert_eq!(works["series"], file);
    let bytes = fs::read(place.path(&format!("out/{file}"))).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "{} bytes", bytes.len());
    let refused = place.json("out/records/scripted--!script=is_refused@1.json");
    assert_eq!(refused["series"], Value::Null);
    assert!(!place.path("out/records/scripted--!script=is_refused@1.parquet").exists());
}

#[test]
fn without_a_source_energy_is_null_and_the_reason_names_each() {
    let place = Place::with_script(SCRIPT);
    place
        .scripted(&["--smoke", "--powercap", "nowhere", "--nvml", "nowhere.so"])
        .exits(0)
        .says("energy: unknown: no source of energy: ");
    let works = energy(&place, "script=works");
    for key in ["gross_j", "net_j", "lo_j", "hi_j", "ticks", "window_s"] {
        assert_eq!(works[key], Value::Null, "{key}");
    }
    let reason = works["reason"].as_str().unwrap();
    assert!(reason.contains("rapl absent (there is no nowhere"), "{reason}");
}

#[test]
fn energy_that_is_off_is_said_to_be_off() {
    let place = Place::with_script(SCRIPT);
    let _processor = Processor::start(&place);
    place
        .scripted(&["--energy=off", "--powercap=powercap"])
        .exits(0)
        .says("energy: unknown: energy is off");
    assert_eq!(energy(&place, "script=works")["gross_j"], Value::Null);
    assert_eq!(place.json("out/invocation.json")["energy"], json!([]));
}

#[test]
fn cases_are_measured_one_at_a_time() {
    let script = r#"
cases:
  one: {steps: [{sleep: 0.3}]}
  two: {steps: [{sleep: 0.3}]}
  three: {steps: [{sleep: 0.3}]}
"#;
    let place = Place::with_script(script);
    let _processor = Processor::start(&place);
    place.scripted(&["--powercap=powercap", "--test-threads=8", "--isolate=case"]).exits(0);
    let mut times: Vec<(f64, f64)> = Vec::new();
    for case in place.json("out/report.json")["cases"].as_array().unwrap() {
        let started: jiff::Timestamp = case["started"].as_str().unwrap().parse().unwrap();
        let began_s = started.as_millisecond() as f64 / 1e3;
        times.push((began_s, began_s + case["duration_s"].as_f64().unwrap()));
    }
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Starts are told in milliseconds.
    let overlap = times.windows(2).find(|two| two[1].0 + 0.002 < two[0].1);
    assert!(times.len() >= 3 && overlap.is_none(), "{times:?}");
}

#[test]
fn a_counter_that_stands_still_gives_no_joules() {
    let place = Place::with_script(SCRIPT);
    place.write("powercap/intel-rapl:0/name", "package-0\n");
    place.write("powercap/intel-rapl:0/energy_uj", "1000\n");
    place.scripted(&["--powercap=powercap", "--exact", "scripted::script=works"]).exits(0);
    let works = energy(&place, "script=works");
    assert_eq!(works["gross_j"], Value::Null, "{works:#}");
    let reason = works["reason"].as_str().unwrap();
    assert!(reason.contains("package-0"), "{reason}");
}
