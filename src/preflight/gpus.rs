//! Who else uses the GPUs, and what of their settings costs time or energy.

use std::collections::BTreeSet;
use std::fs;

use crate::environment::{Gpu, Machine};
use crate::preflight::Check;

/// What manages GPUs and computes nothing on them, as the kernel shortens the names.
const MANAGERS: [&str; 4] = ["nv-fabricmanage", "nv-hostengine", "nvidia-persiste", "nvidia-smi"];

/// Processes are told one by one, up to so many.
const MOST: usize = 8;

/// The processes that have a GPU open, but for this one and for what manages GPUs. Those of others
/// are seen by root alone, and from within a container those within it.
pub(super) fn users(exclusive: bool, machine: &Machine) -> Vec<Check> {
    const REMEDY: &str = "end it, wait for it, or take another GPU with CUDA_VISIBLE_DEVICES";
    let own = std::process::id();
    let pids = machine.names("/proc").into_iter().filter_map(|name| name.parse::<u32>().ok());
    let found = pids.filter(|pid| *pid != own).filter_map(|pid| {
        let devices = open_devices(pid, machine);
        let name = machine.line(format!("/proc/{pid}/comm")).unwrap_or_default();
        let counts = !devices.is_empty() && !MANAGERS.contains(&name.as_str());
        let devices = devices.into_iter().collect::<Vec<_>>().join(", ");
        counts.then(|| format!("process {pid} ({name}) has {devices} open"))
    });
    let check = |problem| {
        if exclusive {
            Check::failed("GPU", problem, REMEDY)
        } else {
            Check::warn("GPU", problem, format!("{REMEDY}: its energy counts as well"))
        }
    };
    found.take(MOST).map(check).collect()
}

/// The device files of GPUs that the process `pid` has open.
fn open_devices(pid: u32, machine: &Machine) -> BTreeSet<String> {
    let folder = format!("/proc/{pid}/fd");
    let is_gpu = |target: &String| {
        target.strip_prefix("/dev/nvidia").is_some_and(|number| number.parse::<u32>().is_ok())
    };
    let targets = machine.names(&folder).into_iter().filter_map(|name| {
        let target = fs::read_link(machine.path(format!("{folder}/{name}"))).ok()?;
        Some(target.to_string_lossy().into_owned())
    });
    targets.filter(is_gpu).collect()
}

/// What makes GPUs slower or their figures worse: never an error.
pub(super) fn settings(gpus: &[Gpu]) -> Vec<Check> {
    let mut checks = Vec::new();
    for gpu in gpus {
        let name = gpu.uuid.as_deref().or(gpu.bus.as_deref()).unwrap_or("a GPU");
        if gpu.persistence == Some(false) {
            checks.push(Check::warn(
                "GPU",
                format!(
                    "persistence mode of {name} is off: the driver may unload between cases, which \
                     sets its energy counter to 0"
                ),
                format!("run `nvidia-smi -i {name} -pm 1` as root"),
            ));
        }
        if let (Some(limit), Some(default)) = (gpu.power_limit_mw, gpu.power_limit_default_mw)
            && limit < default
        {
            checks.push(Check::warn(
                "GPU",
                format!(
                    "the power limit of {name} is {} W, and it comes with {} W",
                    limit / 1000,
                    default / 1000
                ),
                format!(
                    "run `nvidia-smi -i {name} -pl {}` as root, or keep it and say so beside the figures",
                    default / 1000
                ),
            ));
        }
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::machine::made_up::machine;

    #[test]
    fn who_has_a_gpu_open_is_told() {
        let files = [
            ("/proc/17/comm", "python\n"),
            ("/proc/18/comm", "nvidia-persiste\n"),
            ("/proc/19/comm", "bash\n"),
            ("/proc/self/comm", "x\n"),
        ];
        let (_root, machine) = machine(&files, &[]);
        let open = |pid: u32, number: u32, target: &str| {
            let folder = machine.path(format!("/proc/{pid}/fd"));
            fs::create_dir_all(&folder).unwrap();
            std::os::unix::fs::symlink(target, folder.join(number.to_string())).unwrap();
        };
        open(17, 3, "/dev/nvidiactl");
        open(17, 4, "/dev/nvidia1");
        open(17, 5, "/dev/nvidia1");
        open(17, 6, "/dev/nvidia-uvm");
        open(18, 3, "/dev/nvidia0");
        open(19, 3, "/dev/nvidiactl");
        let told = |exclusive| {
            let checks = users(exclusive, &machine);
            let told = checks.iter().filter_map(|one| one.failure().or(one.warning()));
            told.collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(told(true), @"GPU: process 17 (python) has /dev/nvidia1 open; end it, wait for it, or take another GPU with CUDA_VISIBLE_DEVICES");
        insta::assert_snapshot!(told(false), @"GPU: process 17 (python) has /dev/nvidia1 open; end it, wait for it, or take another GPU with CUDA_VISIBLE_DEVICES: its energy counts as well");
        assert!(users(false, &machine)[0].failure().is_none());
    }

    #[test]
    fn settings_warn_and_never_fail() {
        let gpu = |persistence, limit, default| Gpu {
            uuid: Some("GPU-1".to_owned()),
            persistence,
            power_limit_mw: limit,
            power_limit_default_mw: default,
            ..Gpu::default()
        };
        let good = gpu(Some(true), Some(700_000), Some(700_000));
        let unknown = gpu(None, None, Some(700_000));
        assert!(settings(&[good, unknown]).is_empty());
        let checks = settings(&[gpu(Some(false), Some(500_000), Some(700_000))]);
        assert!(checks.iter().all(|check| check.failure().is_none()));
        let told: Vec<String> = checks.iter().filter_map(Check::warning).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        GPU: persistence mode of GPU-1 is off: the driver may unload between cases, which sets its energy counter to 0; run `nvidia-smi -i GPU-1 -pm 1` as root
        GPU: the power limit of GPU-1 is 500 W, and it comes with 700 W; run `nvidia-smi -i GPU-1 -pl 700` as root, or keep it and say so beside the figures
        ");
    }
}
