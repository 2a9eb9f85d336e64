//! Row 12: which GPUs are measured. NVML and CUDA number them differently; UUIDs are the same.

use serde_json::{Value, json};
use wattest::energy::Source;
use wattest::energy::nvml::Visible;

use crate::machine::Machine;
use crate::support::{open_visible, presence, told};

const A: &str = "GPU-aaaaaaaa-0000-0000-0000-000000000001";
const B: &str = "GPU-bbbbbbbb-0000-0000-0000-000000000002";
const PART: &str = "MIG-cccccccc-0000-0000-0000-000000000003";

/// Two GPUs: on the bus A is before B.
fn two(names: [&str; 2]) -> Value {
    json!({"gpus": [
        {"uuid": A, "bus": 1, "name": names[0], "counter": {"fixed_mj": 1000}},
        {"uuid": B, "bus": 2, "name": names[1], "counter": {"fixed_mj": 2000}, "mig": [PART]},
    ]})
}

/// What is measured, by scope and first reading.
fn measured(script: &Value, visible: &Visible) -> Vec<(String, u64)> {
    let mut sources = open_visible(&Machine::new(script), visible);
    let read = sources.meters.iter_mut().map(|meter| {
        let joules = meter.read().unwrap() / 1_000_000;
        (meter.scope().to_owned(), joules)
    });
    read.collect()
}

fn devices(value: &str) -> Visible {
    Visible::new(Some(value), None)
}

/// As CUDA tells it: without what a UUID is of.
fn cuda(uuid: &str) -> Visible {
    Visible::from_uuids(vec![uuid[4..].to_owned()])
}

#[test]
fn row_12_the_variable_says_which_and_the_uuid_who() {
    let (a, b) = ((A.to_owned(), 1), (B.to_owned(), 2));
    let alike = two(["NVIDIA Fake", "NVIDIA Fake"]);
    let cases = [
        (Visible::new(None, None), vec![a.clone(), b.clone()]),
        (devices("0"), vec![a.clone()]),
        (devices("1"), vec![b.clone()]),
        (devices("1, 0"), vec![b.clone(), a.clone()]),
        (devices("GPU-bbbb"), vec![b.clone()]),
        (devices(&format!("{B},{A}")), vec![b.clone(), a.clone()]),
        // The board of an instance, once.
        (devices(PART), vec![b.clone()]),
        (devices(&format!("1,{PART}")), vec![b.clone()]),
        // Up to what CUDA does not understand.
        (devices("0,-1,1"), vec![a.clone()]),
        (devices("0,7,1"), vec![a.clone()]),
        (devices(&format!("MIG-{B}/1/0")), vec![b.clone()]),
        (cuda(B), vec![b.clone()]),
        (cuda(PART), vec![b.clone()]),
    ];
    for (visible, expected) in cases {
        assert_eq!(measured(&alike, &visible), expected, "{visible:?}");
    }
    // The order of NVML is that of the bus, whatever CUDA makes of it.
    let shuffled = two(["NVIDIA Slow", "NVIDIA Fast"]);
    assert_eq!(measured(&shuffled, &Visible::new(Some("1"), Some("PCI_BUS_ID"))), vec![b.clone()]);
    assert_eq!(measured(&shuffled, &devices(A)), [a]);
    assert_eq!(measured(&shuffled, &cuda(B)), [b]);
}

#[test]
fn row_12_what_cannot_be_told_is_not_guessed() {
    let told = |script: &Value, visible: &str| {
        let sources = open_visible(&Machine::new(script), &devices(visible));
        assert!(sources.meters.is_empty() && sources.gpus.is_none());
        told(presence(&sources, Source::NvmlCounter))
    };
    let different = two(["NVIDIA Slow", "NVIDIA Fast"]);
    insta::assert_snapshot!(
        told(&different, "1"),
        @"unsupported: CUDA_VISIBLE_DEVICES has the number 1, and which of 2 different GPUs CUDA gives it is not known without starting CUDA; set CUDA_DEVICE_ORDER=PCI_BUS_ID, or name the GPU by its UUID"
    );
    insta::assert_snapshot!(
        told(&different, "GPU-dddd"),
        @"unsupported: no GPU has the UUID `GPU-dddd` of CUDA_VISIBLE_DEVICES; `nvidia-smi -L` lists them"
    );
    insta::assert_snapshot!(
        told(&different, "GPU-"),
        @"unsupported: 2 GPUs have a UUID that begins with `GPU-`; write it out in CUDA_VISIBLE_DEVICES"
    );
    for nothing in ["", "-1", "NoDevFiles"] {
        assert_eq!(told(&different, nothing), "absent: CUDA_VISIBLE_DEVICES leaves none of 2 GPUs");
    }
}

#[test]
fn row_12_one_source_for_all_gpus_where_one_has_them_all() {
    let mut script = two(["NVIDIA Old", "NVIDIA New"]);
    script["gpus"][0]["counter"]["fixed_mj"] = json!(0);
    let sources = open_visible(&Machine::new(&script), &Visible::default());
    let kinds: Vec<_> = sources.meters.iter().map(|meter| meter.source()).collect();
    assert_eq!(kinds, [Source::NvmlPower, Source::NvmlPower]);
    assert_eq!(told(presence(&sources, Source::NvmlCounter)), format!("present: {B}"));
}
