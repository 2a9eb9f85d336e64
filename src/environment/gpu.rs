//! A GPU, and what the kernel's side of the driver tells of it, without NVML.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::environment::machine::{Machine, value_of};

/// Where the NVIDIA driver lists its GPUs, by bus address.
const GPUS: &str = "/proc/driver/nvidia/gpus";

/// What stands for a name that is not known.
pub(super) const NAMELESS: &str = "GPU without a name";

/// One GPU. What is not known is null: files of the kernel tell names and addresses, and NVML the
/// rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gpu {
    /// Its name.
    pub name: Option<String>,
    /// Its identity, `GPU-...`.
    pub uuid: Option<String>,
    /// Its address, as `0000:1b:00.0`.
    pub bus: Option<String>,
    /// N of its device file, `/dev/nvidiaN`.
    pub minor: Option<u32>,
    /// Version of the firmware of its system processor.
    pub firmware: Option<String>,
    /// Bytes of its memory.
    pub memory_bytes: Option<u64>,
    /// As `9.0`.
    pub compute_capability: Option<String>,
    /// The power limit in force, in milliwatts.
    pub power_limit_mw: Option<u64>,
    /// The power limit that it comes with, in milliwatts.
    pub power_limit_default_mw: Option<u64>,
    /// The lowest power limit that can be set, in milliwatts.
    pub power_limit_min_mw: Option<u64>,
    /// The highest power limit that can be set, in milliwatts.
    pub power_limit_max_mw: Option<u64>,
    /// The highest clocks in MHz: of the processors (`sm`) and of the memory (`memory`).
    pub clocks_max_mhz: BTreeMap<String, u32>,
    /// Whether the driver stays loaded while nobody uses it.
    pub persistence: Option<bool>,
    /// Whether it is split into instances (MIG).
    pub mig: Option<bool>,
    /// The instance that this process may use, where that is not the whole GPU.
    pub instance: Option<String>,
}

impl fmt::Display for Gpu {
    /// In one line: what is known of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = |is: bool| if is { "on" } else { "off" };
        let watts = |mw: u64| mw as f64 / 1000.0;
        let limit = self.power_limit_mw.map(|limit| match self.power_limit_default_mw {
            Some(default) => format!("limit {} of {} W", watts(limit), watts(default)),
            None => format!("limit {} W", watts(limit)),
        });
        let parts = [
            Some(self.name.clone().unwrap_or_else(|| NAMELESS.to_owned())),
            self.uuid.clone(),
            self.instance.clone(),
            self.bus.clone(),
            self.memory_bytes.map(|bytes| format!("{} MiB", bytes >> 20)),
            self.compute_capability.as_ref().map(|version| format!("compute {version}")),
            limit,
            self.persistence.map(|is| format!("persistence {}", on(is))),
            self.mig.map(|is| format!("MIG {}", on(is))),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// The GPUs that the driver knows, in the order of their addresses.
pub(super) fn gpus(machine: &Machine) -> Vec<Gpu> {
    let informations = machine.names(GPUS).into_iter().filter_map(|address| {
        let text = machine.text(format!("{GPUS}/{address}/information"))?;
        Some((address, text))
    });
    let told = |(address, text): (String, String)| {
        // The driver writes question marks for what it cannot read off a GPU that fell asleep.
        let value =
            |key| value_of(&text, key).filter(|value| !value.is_empty() && !value.contains("??"));
        Gpu {
            name: value("Model"),
            uuid: value("GPU UUID"),
            bus: Some(value("Bus Location").unwrap_or(address)),
            minor: value("Device Minor").and_then(|number| number.parse().ok()),
            firmware: value("GPU Firmware").filter(|version| version != "N/A"),
            ..Gpu::default()
        }
    };
    informations.map(told).collect()
}

/// The version of the loaded NVIDIA driver.
pub(super) fn driver(machine: &Machine) -> Option<String> {
    let told = machine.line("/proc/driver/nvidia/version").and_then(|text| version(&text));
    told.or_else(|| version(&machine.line("/sys/module/nvidia/version")?))
}

/// The version in `NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug ...`.
fn version(text: &str) -> Option<String> {
    let is_version = |word: &&str| {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        word.contains('.') && word.split('.').all(is_number)
    };
    text.split_whitespace().find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::machine::made_up::machine;

    const H200: &str = "Model: \t\t NVIDIA H200\nIRQ:   \t\t 417\n\
        GPU UUID: \t GPU-6a1b2c3d-0000-1111-2222-333344445555\nVideo BIOS: \t 96.00.bc.00.01\n\
        Bus Type: \t PCIe\nDMA Size: \t 52 bits\nBus Location: \t 0000:1b:00.0\n\
        Device Minor: \t 3\nGPU Firmware: \t 570.86.15\nGPU Excluded:\t No\n";

    #[test]
    fn gpus_come_in_the_order_of_their_addresses() {
        let asleep = "Model: \t\t Unknown\nGPU UUID: \t GPU-????????-????-????-????-????????????\n";
        let files = [
            ("/proc/driver/nvidia/gpus/0000:9b:00.0/information", asleep),
            ("/proc/driver/nvidia/gpus/0000:1b:00.0/information", H200),
        ];
        let found = gpus(&machine(&files, &[]).1);
        let expected = Gpu {
            name: Some("NVIDIA H200".to_owned()),
            uuid: Some("GPU-6a1b2c3d-0000-1111-2222-333344445555".to_owned()),
            bus: Some("0000:1b:00.0".to_owned()),
            minor: Some(3),
            firmware: Some("570.86.15".to_owned()),
            ..Gpu::default()
        };
        assert_eq!(found[0], expected);
        assert_eq!(found[1].uuid, None);
        assert_eq!(found[1].bus.as_deref(), Some("0000:9b:00.0"));
        assert!(gpus(&machine(&[], &[]).1).is_empty());
    }

    #[test]
    fn the_driver_is_found_in_each_of_its_texts() {
        let closed =
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15";
        let open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.82.07  Release";
        assert_eq!(version(closed).as_deref(), Some("535.104.05"));
        assert_eq!(version(open).as_deref(), Some("580.82.07"));
        assert_eq!(version("no digits"), None);
        let (_root, other) = machine(&[("/sys/module/nvidia/version", "470.1.2\n")], &[]);
        assert_eq!(driver(&other).as_deref(), Some("470.1.2"));
    }
}
