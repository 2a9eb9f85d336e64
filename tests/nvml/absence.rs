//! Rows 1 and 2: no library, a wrong one, one that refuses, one that lacks functions.

use serde_json::json;
use wattest::energy::nvml::Visible;
use wattest::energy::{Options, Presence, Source, sources};

use crate::machine::Machine;
use crate::support::{FIRST, open, presence, told};

/// Every function of the fake that NVML could be without.
const OPTIONAL: [&str; 21] = [
    "nvmlSystemGetDriverVersion",
    "nvmlSystemGetCudaDriverVersion_v2",
    "nvmlDeviceGetPciInfo_v3",
    "nvmlDeviceGetCudaComputeCapability",
    "nvmlDeviceGetMemoryInfo_v2",
    "nvmlDeviceGetTotalEnergyConsumption",
    "nvmlDeviceGetPowerUsage",
    "nvmlDeviceGetEnforcedPowerLimit",
    "nvmlDeviceGetPowerManagementDefaultLimit",
    "nvmlDeviceGetPowerManagementLimitConstraints",
    "nvmlDeviceGetCurrentClocksThrottleReasons",
    "nvmlDeviceGetTemperature",
    "nvmlDeviceGetPersistenceMode",
    "nvmlDeviceGetClockInfo",
    "nvmlDeviceGetMaxClockInfo",
    "nvmlDeviceGetMigMode",
    "nvmlDeviceGetMaxMigDeviceCount",
    "nvmlDeviceGetMigDeviceHandleByIndex",
    "nvmlDeviceGetComputeRunningProcesses_v3",
    "nvmlDeviceGetFieldValues",
    "nvmlDeviceGetUtilizationRates",
];

/// Functions without which no GPU is known.
const NEEDED: [&str; 4] = [
    "nvmlDeviceGetCount_v2",
    "nvmlDeviceGetHandleByIndex_v2",
    "nvmlDeviceGetUUID",
    "nvmlDeviceGetName",
];

fn at(library: &std::path::Path) -> String {
    let options = Options { nvml: Some(library.to_owned()), ..Options::default() };
    let sources = sources::open_with(&options, &Visible::default());
    assert!(sources.gpus.is_none());
    let [counter, power] =
        [Source::NvmlCounter, Source::NvmlPower].map(|source| told(presence(&sources, source)));
    assert_eq!(counter, power);
    counter.replace(&library.display().to_string(), "[library]")
}

#[test]
fn row_1_a_library_that_is_missing_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libnvidia-ml.so.1");
    insta::assert_snapshot!(
        at(&library),
        @"absent: [library]: [library]: cannot open shared object file: No such file or directory"
    );
    std::fs::write(&library, "no ELF at all, but long enough to have a header of one".repeat(8))
        .unwrap();
    insta::assert_snapshot!(at(&library), @"absent: [library]: [library]: invalid ELF header");
}

#[test]
fn row_1_a_library_that_does_not_start() {
    let told = |code: u32| {
        let errors = json!({"nvmlInit_v2": {"code": code}});
        at(&Machine::new(&json!({"errors": errors})).library())
    };
    insta::assert_snapshot!(told(9), @"absent: [library]: NVIDIA driver is not loaded");
    insta::assert_snapshot!(
        told(4),
        @"denied: [library]: the current user does not have permission to perform this operation; give this user read and write access to /dev/nvidiactl and /dev/nvidia*"
    );
    insta::assert_snapshot!(
        told(18),
        @"denied: [library]: RM detects a driver/library version mismatch; restart the machine, or load the kernel module of the same driver version"
    );
    insta::assert_snapshot!(told(999), @"unsupported: [library]: an internal driver error occurred");
    insta::assert_snapshot!(told(4711), @"unsupported: [library]: NVML answered with 4711, which is new");
}

#[test]
fn row_1_without_shutdown_it_is_not_loaded_and_nothing_panics() {
    let machine = Machine::without(&json!({}), &["nvmlShutdown"]);
    insta::assert_snapshot!(
        at(&machine.library()),
        @"unsupported: [library] has no nvmlShutdown: it is not NVML"
    );
    let machine = Machine::without(&json!({}), &["nvmlInit_v2"]);
    insta::assert_snapshot!(
        at(&machine.library()),
        @"unsupported: [library]: this driver has no such function"
    );
}

#[test]
fn row_1_a_driver_without_gpus() {
    let machine = Machine::new(&json!({"gpus": []}));
    insta::assert_snapshot!(
        at(&machine.library()),
        @"absent: the driver is there, and knows no GPU"
    );
    let refused = json!({"errors": {"nvmlDeviceGetHandleByIndex_v2": {"code": 4}}});
    insta::assert_snapshot!(
        at(&Machine::new(&refused).library()),
        @"denied: GPU 0: the current user does not have permission to perform this operation; give this user, or this container, the device files /dev/nvidia*"
    );
}

/// What is present of a machine, after everything was asked of it.
fn sources_of(machine: &Machine) -> (bool, bool, Vec<Source>) {
    let mut sources = open(machine);
    let gpus = sources.gpus.as_ref().unwrap();
    let (facts, edge) = (gpus.facts(), gpus.edge());
    assert_eq!(facts.gpus[0].uuid.as_deref(), Some(FIRST));
    assert!(edge.until(&gpus.edge()).len() < 3);
    assert!(gpus.foreign()[0].processes.is_empty());
    let here = |source| matches!(presence(&sources, source), Presence::Present { .. });
    let (counter, power) = (here(Source::NvmlCounter), here(Source::NvmlPower));
    for meter in &mut sources.meters {
        meter.read().unwrap();
    }
    let meters = sources.meters.iter().map(|meter| meter.source()).collect();
    (counter, power, meters)
}

#[test]
fn row_2_a_function_that_is_not_there_is_unsupported() {
    for function in OPTIONAL {
        let expected = match function {
            "nvmlDeviceGetTotalEnergyConsumption" => (false, true, vec![Source::NvmlPower]),
            "nvmlDeviceGetPowerUsage" => (true, false, vec![Source::NvmlCounter]),
            _ => (true, true, vec![Source::NvmlCounter]),
        };
        let without = Machine::without(&json!({}), &[function]);
        assert_eq!(sources_of(&without), expected, "without {function}");
        // There, but only to say that it is not.
        let errors = json!({"errors": {function: {"code": 13}}});
        assert_eq!(sources_of(&Machine::new(&errors)), expected, "no {function}");
    }
    for function in NEEDED {
        let machine = Machine::without(&json!({}), &[function]);
        let said = at(&machine.library());
        assert!(said.starts_with("unsupported: "), "{function}: {said}");
        assert!(said.ends_with("this driver has no such function"), "{function}: {said}");
    }
}

#[test]
fn row_2_neither_counter_nor_power() {
    let functions = ["nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetPowerUsage"];
    let sources = open(&Machine::without(&json!({}), &functions));
    assert!(sources.meters.is_empty() && sources.gpus.is_some());
    insta::assert_snapshot!(
        told(presence(&sources, Source::NvmlCounter)),
        @"unsupported: GPU-00000000-0000-0000-0000-000000000001: this driver has no such function"
    );
}
