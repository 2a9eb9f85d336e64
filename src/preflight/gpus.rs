//! Who else uses the GPUs, and what of their settings costs time or energy.

use std::collections::BTreeSet;
use std::fs;

use crate::energy::nvml::Foreign;
use crate::environment::{Gpu, Machine};
use crate::preflight::Check;

/// What manages GPUs and computes nothing on them, as the kernel shortens the names.
const MANAGERS: [&str; 4] = ["nv-fabricmanage", "nv-hostengine", "nvidia-persiste", "nvidia-smi"];

/// Processes are told one by one, up to so many.
const MOST: usize = 8;

/// What to do about a process.
const REMEDY: &str = "end it, wait for it, or take another GPU with CUDA_VISIBLE_DEVICES";

/// The processes that have a GPU open, but for this one, for those that `known` has and for what
/// manages GPUs. Those of others are seen by root alone, and from within a container those within
/// it.
pub(super) fn users(exclusive: bool, known: &[Foreign], machine: &Machine) -> Vec<Check> {
    let own = std::process::id();
    let is_known =
        |pid: &u32| known.iter().any(|gpu| gpu.processes.iter().any(|process| process.pid == *pid));
    let pids = machine.names("/proc").into_iter().filter_map(|name| name.parse::<u32>().ok());
    let pids = pids.filter(|pid| *pid != own && !is_known(pid));
    let found = pids.filter_map(|pid| {
        let devices = open_devices(pid, machine);
        let name = machine.line(format!("/proc/{pid}/comm")).unwrap_or_default();
        let counts = !devices.is_empty() && !MANAGERS.contains(&name.as_str());
        let devices = devices.into_iter().collect::<Vec<_>>().join(", ");
        counts.then(|| format!("process {pid} ({name}) has {devices} open"))
    });
    found.take(MOST).map(|problem| company(exclusive, problem)).collect()
}

/// The processes that compute on the GPUs, as NVML lists them: those of other users and containers,
/// too.
pub(super) fn foreign(exclusive: bool, gpus: &[Foreign], machine: &Machine) -> Vec<Check> {
    let mut checks = Vec::new();
    for Foreign { gpu, processes, unknown } in gpus {
        checks.extend(processes.iter().take(MOST).map(|process| {
            let pid = process.pid;
            let name = machine.line(format!("/proc/{pid}/comm"));
            let name = name.map_or_else(String::new, |name| format!(" ({name})"));
            let memory = process.memory_bytes.map_or_else(
                || "memory of it that the driver does not tell".to_owned(),
                |bytes| format!("{} MiB of its memory", bytes >> 20),
            );
            company(exclusive, format!("process {pid}{name} computes on {gpu} and has {memory}"))
        }));
        if let Some(reason) = unknown {
            checks.push(Check::warn(
                "GPU",
                format!("who computes on {gpu} is not known: {reason}"),
                "as it may be somebody, readings are `shared`, without net joules",
            ));
        }
    }
    checks
}

/// Somebody else is there.
fn company(exclusive: bool, problem: String) -> Check {
    if exclusive {
        Check::failed("GPU", problem, REMEDY)
    } else {
        Check::warn("GPU", problem, format!("{REMEDY}: its energy counts as well"))
    }
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
    use crate::energy::nvml::Process;
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
            let checks = users(exclusive, &[], &machine);
            let told = checks.iter().filter_map(|one| one.failure().or(one.warning()));
            told.collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(told(true), @"GPU: process 17 (python) has /dev/nvidia1 open; end it, wait for it, or take another GPU with CUDA_VISIBLE_DEVICES");
        insta::assert_snapshot!(told(false), @"GPU: process 17 (python) has /dev/nvidia1 open; end it, wait for it, or take another GPU with CUDA_VISIBLE_DEVICES: its energy counts as well");
        assert!(users(false, &[], &machine)[0].failure().is_none());
        // What NVML lists is told once, with what it knows besides.
        let listed = |pid, memory_bytes| Foreign {
            gpu: "GPU-1".to_owned(),
            processes: vec![Process { pid, memory_bytes }],
            unknown: None,
        };
        let nvml = [listed(17, Some(3 << 30)), listed(4711, None)];
        assert!(users(true, &nvml, &machine).is_empty());
        let told = |exclusive| {
            let checks = foreign(exclusive, &nvml, &machine);
            let told = checks.iter().filter_map(|one| one.failure().or(one.warning()));
            told.collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(told(true), @r"
        GPU: process 17 (python) computes on GPU-1 and has 3072 MiB of its memory; end it, wait for it, or take another GPU with CUDA_VISIBLE_DEVICES
        GPU: process 4711 computes on GPU-1 and has memory of it that the driver does not tell; end it, wait for it, or take another GPU with CUDA_VISIBLE_DEVICES
        ");
        assert!(told(false).ends_with(": its energy counts as well"));
        let refused = Foreign { unknown: Some("no permission".to_owned()), ..listed(1, None) };
        let refused = Foreign { processes: Vec::new(), ..refused };
        let checks = foreign(true, &[refused], &machine);
        insta::assert_snapshot!(checks[0].warning().unwrap_or_default(), @"GPU: who computes on GPU-1 is not known: no permission; as it may be somebody, readings are `shared`, without net joules");
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
