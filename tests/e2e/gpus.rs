//! What is told of GPUs before anything runs: by the doctor, the snapshot, and the preflight of a
//! run, over a fake NVML.

use serde_json::{Value, json};

use crate::energy::machine::Machine;
use crate::support::{Place, Run, params};

const A: &str = "GPU-aaaaaaaa-0000-0000-0000-000000000001";
const B: &str = "GPU-bbbbbbbb-0000-0000-0000-000000000002";

/// The first is as it should be; on the second, persistence mode is off, the limit is lowered, and
/// somebody computes.
fn two() -> Machine {
    Machine::new(&json!({"gpus": [
        {"uuid": A, "bus": 1},
        {"uuid": B, "bus": 2, "persistence": false, "limit_w": 500, "processes": [4_194_305]},
    ]}))
}

fn wattest(machine: &Machine, words: &[&str], visible: Option<&str>) -> Run {
    let place = Place::new();
    let mut command = place.command(words);
    command.arg("--nvml").arg(machine.library());
    match visible {
        Some(value) => command.env("CUDA_VISIBLE_DEVICES", value),
        None => command.env_remove("CUDA_VISIBLE_DEVICES"),
    };
    Run::of(words, command.output().unwrap())
}

/// The lines about GPUs and their sources, each with its remedy behind it.
fn told(run: &Run) -> String {
    let starts = ["nvml-", "GPU", "rapl", "energy"].map(|what| [" ", what].concat());
    let mut told: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in run.stdout.lines() {
        if line.starts_with("    ") {
            // The last lines are no remedies.
            let is_remedy = goes_on
                && !["    gpus: ", "    environment: "].iter().any(|end| line.starts_with(end));
            if let Some(last) = told.last_mut().filter(|_| is_remedy) {
                *last = format!("{last}; {}", line.trim());
            }
            goes_on = false;
            continue;
        }
        goes_on = starts.iter().any(|start| line.get(3..).is_some_and(|l| l.starts_with(start)));
        if goes_on {
            told.push(line.to_owned());
        }
    }
    told.join("\n")
}

#[test]
fn the_doctor_tells_of_each_gpu_and_each_source() {
    let words = ["doctor", "--params", &params(), "--powercap", "nowhere"];
    let run = wattest(&two(), &words, None).exits(0);
    insta::assert_snapshot!(told(&run), @r"
    !!  GPU: process 4194305 computes on GPU-bbbbbbbb-0000-0000-0000-000000000002 and has 1024 MiB of its memory; end it, wait for it, or take another GPU with CUDA_VISIBLE_DEVICES: its energy counts as well
    !!  GPU: persistence mode of GPU-bbbbbbbb-0000-0000-0000-000000000002 is off: the driver may unload between cases, which sets its energy counter to 0; run `nvidia-smi -i GPU-bbbbbbbb-0000-0000-0000-000000000002 -pm 1` as root
    !!  GPU: the power limit of GPU-bbbbbbbb-0000-0000-0000-000000000002 is 500 W, and it comes with 700 W; run `nvidia-smi -i GPU-bbbbbbbb-0000-0000-0000-000000000002 -pl 700` as root, or keep it and say so beside the figures
    ok  nvml-counter: present: GPU-aaaaaaaa-0000-0000-0000-000000000001, GPU-bbbbbbbb-0000-0000-0000-000000000002
    ok  nvml-power: present: GPU-aaaaaaaa-0000-0000-0000-000000000001, GPU-bbbbbbbb-0000-0000-0000-000000000002
    off rapl: absent: there is no nowhere: this kernel has no powercap, or this is a virtual machine
    ok  GPU 0: NVIDIA Fake 700W, GPU-aaaaaaaa-0000-0000-0000-000000000001, 0000:01:00.0, 81920 MiB, compute 9.0, limit 700 of 700 W, persistence on, MIG off
    ok  GPU 1: NVIDIA Fake 700W, GPU-bbbbbbbb-0000-0000-0000-000000000002, 0000:02:00.0, 81920 MiB, compute 9.0, limit 500 of 700 W, persistence off, MIG off
    ");
    // The one that is not used is nobody's business.
    let run = wattest(&two(), &words, Some(A)).exits(0);
    insta::assert_snapshot!(told(&run), @r"
    ok  nvml-counter: present: GPU-aaaaaaaa-0000-0000-0000-000000000001
    ok  nvml-power: present: GPU-aaaaaaaa-0000-0000-0000-000000000001
    off rapl: absent: there is no nowhere: this kernel has no powercap, or this is a virtual machine
    ok  GPU 0: NVIDIA Fake 700W, GPU-aaaaaaaa-0000-0000-0000-000000000001, 0000:01:00.0, 81920 MiB, compute 9.0, limit 700 of 700 W, persistence on, MIG off
    ");
}

#[test]
fn the_doctor_says_how_sources_are_not_there() {
    let words = ["doctor", "--params", &params(), "--powercap", "nowhere"];
    let denied = Machine::new(&json!({"errors": {"nvmlInit_v2": {"code": 4}}}));
    let run = wattest(&denied, &words, None).exits(0);
    let told = told(&run).replace(&denied.library().display().to_string(), "[nvml]");
    insta::assert_snapshot!(told, @r"
    !!  energy: there is no source of energy: nvml-counter is denied ([nvml]: the current user does not have permission to perform this operation); nvml-power is denied ([nvml]: the current user does not have permission to perform this operation); rapl is absent (there is no nowhere: this kernel has no powercap, or this is a virtual machine); give this user read and write access to /dev/nvidiactl and /dev/nvidia*
    off nvml-counter: denied: [nvml]: the current user does not have permission to perform this operation; give this user read and write access to /dev/nvidiactl and /dev/nvidia*
    off nvml-power: denied: [nvml]: the current user does not have permission to perform this operation; give this user read and write access to /dev/nvidiactl and /dev/nvidia*
    off rapl: absent: there is no nowhere: this kernel has no powercap, or this is a virtual machine
    ");
    let words = [&words[..], &["--format", "json"]].concat();
    let json: Value =
        serde_json::from_str(&wattest(&denied, &words, None).exits(0).stdout).unwrap();
    let states: Vec<&str> = json["sources"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|source| source["state"].as_str())
        .collect();
    assert_eq!(states, ["denied", "denied", "absent"]);
}

#[test]
fn the_snapshot_has_what_nvml_tells() {
    let machine = two();
    let run = wattest(&machine, &["env"], None).exits(0);
    let lines: Vec<&str> = run
        .stdout
        .lines()
        .filter(|line| line.starts_with("gpu") || line.contains("GPU-"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    gpus:        NVIDIA Fake 700W, NVIDIA Fake 700W
    gpu 0:       NVIDIA Fake 700W, GPU-aaaaaaaa-0000-0000-0000-000000000001, 0000:01:00.0, 81920 MiB, compute 9.0, limit 700 of 700 W, persistence on, MIG off
    gpu 1:       NVIDIA Fake 700W, GPU-bbbbbbbb-0000-0000-0000-000000000002, 0000:02:00.0, 81920 MiB, compute 9.0, limit 500 of 700 W, persistence off, MIG off
    temperature: GPU-aaaaaaaa-0000-0000-0000-000000000001 40 C, GPU-bbbbbbbb-0000-0000-0000-000000000002 40 C
    ");
    let hash = |visible| {
        let run = wattest(&machine, &["env", "--format", "json"], visible).exits(0);
        let json: Value = serde_json::from_str(&run.stdout).unwrap();
        (json["hash"].clone(), json["environment"]["gpu_details"].as_array().unwrap().len())
    };
    assert_eq!(hash(None), hash(None));
    assert_eq!((hash(None).1, hash(Some(B)).1), (2, 1));
}

#[test]
fn a_run_warns_of_its_gpus_and_goes_on() {
    let place = Place::with_script("cases:\n  works:\n    steps: [{sleep: 0.01}]\n");
    let machine = two();
    let nvml = machine.library().display().to_string();
    let run = place.scripted(&["--powercap=nowhere", "--nvml", &nvml]).exits(0);
    assert_eq!(run.stderr.matches("warning: GPU: ").count(), 3, "{run:?}");
    assert!(run.stderr.contains(&format!("warning: GPU: persistence mode of {B} is off")));
    let taken = &place.json("out/invocation.json")["environment"];
    assert_eq!(taken["gpu_details"][1]["power_limit_mw"], 500_000);
    assert_eq!(taken["moving"]["temperatures_mc"][A], 40_000);
    // Where energy is off, NVML is not asked.
    let run = place.scripted(&["--energy=off", "--nvml", &nvml]).exits(0);
    assert!(!run.stderr.contains("warning: GPU: "), "{run:?}");
}
