//! Row 13: what is known of the GPUs, in the snapshot of the machine.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wattest::energy::nvml::Visible;
use wattest::energy::{Options, sources};
use wattest::environment::{self, Environment};

use crate::machine::Machine;
use crate::support::{FIRST, open, open_visible};

const SECOND: &str = "GPU-00000000-0000-0000-0000-000000000002";

/// The snapshot of a machine that has these GPUs and nothing else.
fn snapshot(machine: &Machine, visible: &Visible) -> Environment {
    let root = tempfile::tempdir().unwrap();
    let bare = environment::Machine::at(root.path(), BTreeMap::new());
    Environment::of(&bare, None).with_nvml(open_visible(machine, visible).facts())
}

#[test]
fn row_13_facts_are_told_and_what_is_not_has_its_reason() {
    let script = json!({
        "gpus": [{"persistence": false, "limit_w": 500, "temperature": 61, "mig": null}],
        "errors": {"nvmlDeviceGetClockInfo": {"code": 3}},
    });
    let taken = snapshot(&Machine::new(&script), &Visible::default());
    let expected: Value = json!({
        "name": "NVIDIA Fake 700W",
        "uuid": FIRST,
        "bus": "0000:01:00.0",
        "minor": null,
        "firmware": null,
        "memory_bytes": 85_899_345_920_u64,
        "compute_capability": "9.0",
        "power_limit_mw": 500_000,
        "power_limit_default_mw": 700_000,
        "power_limit_min_mw": 200_000,
        "power_limit_max_mw": 700_000,
        "clocks_max_mhz": {"sm": 1980, "memory": 2619},
        "persistence": false,
        "mig": null,
        "instance": null,
    });
    assert_eq!(serde_json::to_value(&taken.gpu_details[0]).unwrap(), expected);
    assert_eq!(taken.gpus, ["NVIDIA Fake 700W"]);
    assert_eq!(taken.driver.as_deref(), Some("570.124.06"));
    assert_eq!(taken.driver_cuda.as_deref(), Some("12.8"));
    assert_eq!(taken.moving.temperatures_mc, BTreeMap::from([(FIRST.to_owned(), 61_000)]));
    assert_eq!(taken.moving.memory_used_bytes, BTreeMap::from([(FIRST.to_owned(), 512 << 20)]));
    let why: BTreeMap<&str, &str> = taken
        .unknown
        .iter()
        .filter_map(|(key, why)| Some((key.strip_prefix(FIRST)?, why.as_str())))
        .collect();
    let not_supported = "the requested operation is not available on the target device";
    let silent = [".clocks_mhz.memory", ".clocks_mhz.sm", ".mig"];
    assert_eq!(why, silent.map(|key| (key, not_supported)).into());
}

#[test]
fn what_moves_is_told_and_is_no_part_of_the_hash() {
    let script = |gpu: Value| json!({"gpus": [gpu]});
    let machine = Machine::new(&script(json!({})));
    let first = snapshot(&machine, &Visible::default());
    machine.set(&script(json!({
        "temperature": 80, "clocks_mhz": [900, 901, 1500, 800], "memory_used_mib": 9000,
    })));
    let warm = snapshot(&machine, &Visible::default());
    assert_eq!(warm.moving.clocks_mhz[&format!("{FIRST}.sm")], 901);
    assert_ne!(first.moving, warm.moving);
    assert_eq!(first.hash(), warm.hash());
    for changed in [json!({"limit_w": 500}), json!({"persistence": false}), json!({"mig": null})] {
        machine.set(&script(changed.clone()));
        let other = snapshot(&machine, &Visible::default());
        assert_ne!(first.hash(), other.hash(), "{changed}");
    }
}

#[test]
fn the_snapshot_has_the_gpus_that_cuda_shows() {
    let script = json!({"gpus": [{"bus": 1}, {"uuid": SECOND, "bus": 2}]});
    let machine = Machine::new(&script);
    let uuids = |visible: &Visible| {
        let taken = snapshot(&machine, visible);
        taken.gpu_details.into_iter().filter_map(|gpu| gpu.uuid).collect::<Vec<_>>()
    };
    assert_eq!(uuids(&Visible::default()), [FIRST, SECOND]);
    // By the order of their addresses, whatever that of the variable.
    assert_eq!(uuids(&Visible::new(Some("1,0"), None)), [FIRST, SECOND]);
    assert_eq!(uuids(&Visible::new(Some(SECOND), None)), [SECOND]);
    assert!(uuids(&Visible::new(Some("-1"), None)).is_empty());
}

#[test]
fn energy_that_is_off_asks_nothing_and_says_so() {
    let machine = Machine::new(&json!({}));
    let options = Options { off: true, nvml: Some(machine.library()), ..Options::default() };
    let told = sources::open_with(&options, &Visible::default()).facts().unwrap_err();
    assert_eq!(told, "NVML was not asked, because energy is off");
    let options = Options { nvml: Some("/none/libnvidia-ml.so.1".into()), ..Options::default() };
    let told = sources::open_with(&options, &Visible::default()).facts().unwrap_err();
    assert!(told.starts_with("NVML is absent (/none/libnvidia-ml.so.1: "), "{told}");
}

#[test]
fn nvml_is_started_once_however_often_sources_are_opened() {
    // Whoever starts it a second time is refused.
    let again = json!({"errors": {"nvmlInit_v2": {"code": 999, "from": 1}}});
    let machine = Machine::new(&again);
    assert_eq!(open(&machine).meters.len(), 1);
    assert_eq!(open(&machine).meters.len(), 1);
}
