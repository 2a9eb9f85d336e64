//! Processor, memory and kernel.

use std::collections::{BTreeMap, BTreeSet};

use crate::environment::machine::{Machine, bytes_of, value_of};

/// The sensors of processors, as their drivers are called: reading them takes microseconds, while
/// those of the firmware (`acpitz`) may take many milliseconds.
const SENSORS: [&str; 3] = ["coretemp", "k10temp", "zenpower"];

/// So much of `/proc/cpuinfo` tells of the first processor.
const FIRST: usize = 8 << 10;

/// What version 1 of the control groups says where there is no limit: the largest number of pages.
const NO_LIMIT: u64 = 1 << 62;

/// The model name of the first processor. On ARM there is none, so it is made of the numbers that
/// name one.
pub(super) fn processor(machine: &Machine) -> Option<String> {
    let text = machine.head("/proc/cpuinfo", FIRST)?;
    value_of(&text, "model name").or_else(|| {
        let implementer = value_of(&text, "CPU implementer")?;
        let part = value_of(&text, "CPU part")?;
        Some(format!("implementer {implementer}, part {part}"))
    })
}

/// How the kernel chooses the clock of the processors; more than one where they differ.
pub(super) fn governor(machine: &Machine) -> Option<String> {
    let folder = "/sys/devices/system/cpu/cpufreq";
    let policies = machine.names(folder).into_iter().filter(|name| name.starts_with("policy"));
    let found: BTreeSet<String> = policies
        .filter_map(|name| machine.line(format!("{folder}/{name}/scaling_governor")))
        .collect();
    (!found.is_empty()).then(|| found.into_iter().collect::<Vec<_>>().join(", "))
}

/// Memory of the machine in bytes.
pub(super) fn memory(machine: &Machine) -> Option<u64> {
    bytes_of(&machine.text("/proc/meminfo")?, "MemTotal")
}

/// The least of what control groups leave to this process, in bytes; none where there is no limit.
pub fn memory_limit(machine: &Machine) -> Option<u64> {
    groups(machine).into_iter().filter_map(|group| group.limit).min()
}

/// Bytes that can be had without anything being put out of memory: of the machine, or of a control
/// group where that leaves less. None where the kernel does not say.
pub fn memory_available(machine: &Machine) -> Option<u64> {
    let of_machine = bytes_of(&machine.text("/proc/meminfo")?, "MemAvailable")?;
    let of_groups = groups(machine)
        .into_iter()
        .filter_map(|group| Some(group.limit?.saturating_sub(group.used.unwrap_or(0))));
    Some(of_groups.fold(of_machine, u64::min))
}

/// A control group that this process is in, as far as memory goes.
struct Group {
    limit: Option<u64>,
    /// In use, without what the kernel can give back (inactive pages of files).
    used: Option<u64>,
}

/// The control groups of this process, up to the root: of both versions. In a container the files
/// of its own group lie in the root.
fn groups(machine: &Machine) -> Vec<Group> {
    let Some(text) = machine.text("/proc/self/cgroup") else { return Vec::new() };
    let mut groups = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (folder, limit, usage, idle) = if controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file ")
        } else if controllers.split(',').any(|one| one == "memory") {
            let folder = "/sys/fs/cgroup/memory";
            (folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
        } else {
            continue;
        };
        let mut at = Some(path.trim_matches('/'));
        while let Some(path) = at {
            let group = format!("{folder}/{path}");
            // `max` where there is none.
            let number = |name: &str| machine.line(format!("{group}/{name}"))?.parse::<u64>().ok();
            let idle = machine.text(format!("{group}/memory.stat")).and_then(|stat| {
                stat.lines().find_map(|line| line.strip_prefix(idle)?.trim().parse::<u64>().ok())
            });
            groups.push(Group {
                limit: number(limit).filter(|&bytes| bytes < NO_LIMIT),
                used: number(usage).map(|used| used.saturating_sub(idle.unwrap_or(0))),
            });
            at = (!path.is_empty()).then(|| path.rsplit_once('/').map_or("", |(above, _)| above));
        }
    }
    groups
}

/// Temperatures of the processors in thousandths of a degree Celsius, by the names of the sensors.
pub(super) fn temperatures(machine: &Machine) -> BTreeMap<String, i64> {
    let folder = "/sys/class/hwmon";
    let mut found = BTreeMap::new();
    for device in machine.names(folder) {
        let Some(name) = machine.line(format!("{folder}/{device}/name")) else { continue };
        if !SENSORS.contains(&name.as_str()) {
            continue;
        }
        // The first is that of the whole package.
        if let Some(value) = machine.number(format!("{folder}/{device}/temp1_input")) {
            found.insert(format!("{name}.{device}"), value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::machine::made_up::machine;

    #[test]
    fn kernel_texts_are_understood() {
        assert_eq!(bytes_of("A: 16384 kB", "A"), Some(16_777_216));
        assert_eq!(bytes_of("A: 16384 MB", "A"), None);
    }

    #[test]
    fn processors_go_by_name_or_by_number() {
        let of = |text| processor(&machine(&[("/proc/cpuinfo", text)], &[]).1);
        let x86 = "processor\t: 0\nmodel\t\t: 143\nmodel name\t: Intel(R) Xeon(R) 8480+\n";
        assert_eq!(of(x86).as_deref(), Some("Intel(R) Xeon(R) 8480+"));
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd4f\n";
        assert_eq!(of(arm).as_deref(), Some("implementer 0x41, part 0xd4f"));
        assert_eq!(of("isa : rv64\n"), None);
        // However many follow.
        assert_eq!(of(&x86.repeat(9000)).as_deref(), Some("Intel(R) Xeon(R) 8480+"));
    }

    #[test]
    fn governors_that_differ_are_all_told() {
        let of = |governors: &[&str]| {
            let name = |n| format!("/sys/devices/system/cpu/cpufreq/policy{n}/scaling_governor");
            let files: Vec<(String, &str)> =
                governors.iter().enumerate().map(|(n, text)| (name(n), *text)).collect();
            let files: Vec<(&str, &str)> =
                files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
            governor(&machine(&files, &[]).1)
        };
        assert_eq!(of(&["performance\n", "performance\n"]).as_deref(), Some("performance"));
        assert_eq!(of(&["schedutil\n", "powersave\n"]).as_deref(), Some("powersave, schedutil"));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn the_tightest_group_limits_the_memory() {
        const MEMINFO: (&str, &str) =
            ("/proc/meminfo", "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 800 kB\n");
        // Files, the limit in bytes, what can be had in bytes.
        type Row<'a> = (&'a [(&'a str, &'a str)], Option<u64>, Option<u64>);
        let rows: [Row<'_>; 6] = [
            (&[MEMINFO], None, Some(819_200)),
            (&[], None, None),
            (
                &[
                    MEMINFO,
                    ("/proc/self/cgroup", "0::/a/b\n"),
                    ("/sys/fs/cgroup/a/b/memory.max", "max\n"),
                    ("/sys/fs/cgroup/a/memory.max", "400000\n"),
                    ("/sys/fs/cgroup/a/memory.current", "300000\n"),
                    ("/sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 50000\n"),
                ],
                Some(400_000),
                Some(150_000),
            ),
            // A container sees its own group as the root.
            (
                &[
                    MEMINFO,
                    ("/proc/self/cgroup", "0::/\n"),
                    ("/sys/fs/cgroup/memory.max", "500000\n"),
                ],
                Some(500_000),
                Some(500_000),
            ),
            (
                &[
                    MEMINFO,
                    ("/proc/self/cgroup", "9:pids:/x\n4:cpu,memory:/job\n"),
                    ("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n"),
                    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "700000\n"),
                    ("/sys/fs/cgroup/memory/memory.usage_in_bytes", "900000\n"),
                ],
                Some(700_000),
                Some(0),
            ),
            (&[MEMINFO, ("/proc/self/cgroup", "garbage\n4:memory\n")], None, Some(819_200)),
        ];
        for (files, limit, available) in rows {
            let (_root, machine) = machine(files, &[]);
            assert_eq!(memory_limit(&machine), limit, "{files:?}");
            assert_eq!(memory_available(&machine), available, "{files:?}");
        }
    }

    #[test]
    fn only_the_sensors_of_processors_are_read() {
        let files = [
            ("/sys/class/hwmon/hwmon0/name", "acpitz\n"),
            ("/sys/class/hwmon/hwmon0/temp1_input", "20000\n"),
            ("/sys/class/hwmon/hwmon1/name", "coretemp\n"),
            ("/sys/class/hwmon/hwmon1/temp1_input", "51000\n"),
            ("/sys/class/hwmon/hwmon2/name", "k10temp\n"),
        ];
        let found = temperatures(&machine(&files, &[]).1);
        assert_eq!(found, BTreeMap::from([("coretemp.hwmon1".to_owned(), 51_000)]));
    }
}
