//! What NVML knows of GPUs beside their energy, for the snapshot of the machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Nvml, cuda_driver_version_major, cuda_driver_version_minor};

use crate::energy::nvml::device::Gpu;
use crate::energy::nvml::library;
use crate::environment::{self, Facts};

/// The domains of clocks that are told, by their names in the snapshot.
const CLOCKS: [(Clock, &str); 2] = [(Clock::SM, "sm"), (Clock::Memory, "memory")];

pub(super) fn of(nvml: &Nvml, gpus: &[Arc<Gpu>]) -> Facts {
    let cuda = nvml.sys_cuda_driver_version().ok().map(|version| {
        let (major, minor) =
            (cuda_driver_version_major(version), cuda_driver_version_minor(version));
        format!("{major}.{minor}")
    });
    let driver = nvml.sys_driver_version().ok();
    let mut facts = Facts { driver, driver_cuda: cuda, ..Facts::default() };
    for gpu in gpus {
        let known = one(gpu, &mut facts);
        facts.gpus.push(known);
    }
    facts
}

/// One of them; what moves, and what is not told, goes to `facts`.
fn one(gpu: &Gpu, facts: &mut Facts) -> environment::Gpu {
    let device = gpu.device();
    let Facts { moving, unknown, .. } = facts;
    let mut told = Told { uuid: gpu.uuid(), unknown };
    let memory = told.by("memory_bytes", device.memory_info());
    if let Some(memory) = &memory {
        moving.memory_used_bytes.insert(gpu.uuid().to_owned(), memory.used);
    }
    let mut clocks_max_mhz = BTreeMap::new();
    for (clock, name) in CLOCKS {
        let key = format!("clocks_mhz.{name}");
        if let Some(mhz) = told.by(&key, device.clock_info(clock)) {
            moving.clocks_mhz.insert(format!("{}.{name}", gpu.uuid()), mhz);
        }
        let key = format!("clocks_max_mhz.{name}");
        if let Some(mhz) = told.by(&key, device.max_clock_info(clock)) {
            clocks_max_mhz.insert(name.to_owned(), mhz);
        }
    }
    if let Some(c) = told.by("temperature", device.temperature(TemperatureSensor::Gpu)) {
        moving.temperatures_mc.insert(gpu.uuid().to_owned(), i64::from(c) * 1000);
    }
    let limits = told.by("power_limit_min_mw", device.power_management_limit_constraints());
    let limits = limits.map(|limits| (limits.min_limit.into(), limits.max_limit.into()));
    environment::Gpu {
        name: Some(gpu.name.clone()),
        uuid: Some(gpu.uuid().to_owned()),
        bus: told.by("bus", device.pci_info()).map(|info| address(&info.bus_id)),
        memory_bytes: memory.map(|memory| memory.total),
        compute_capability: told
            .by("compute_capability", device.cuda_compute_capability())
            .map(|version| format!("{}.{}", version.major, version.minor)),
        power_limit_mw: told.by("power_limit_mw", device.enforced_power_limit()).map(u64::from),
        power_limit_default_mw: told
            .by("power_limit_default_mw", device.power_management_limit_default())
            .map(u64::from),
        power_limit_min_mw: limits.map(|(min, _)| min),
        power_limit_max_mw: limits.map(|(_, max)| max),
        clocks_max_mhz,
        persistence: told.by("persistence", device.is_in_persistent_mode()),
        // Where it was not told at first, why is asked.
        mig: gpu.mig.or_else(|| told.by("mig", device.mig_mode()).map(|mode| mode.current == 1)),
        instance: gpu.instance.clone(),
        ..environment::Gpu::default()
    }
}

/// What the driver does not tell, by UUID and fact.
struct Told<'a> {
    uuid: &'a str,
    unknown: &'a mut BTreeMap<String, String>,
}

impl Told<'_> {
    fn by<T>(&mut self, fact: &str, answer: Result<T, NvmlError>) -> Option<T> {
        let why = |error| {
            self.unknown.insert(format!("{}.{fact}", self.uuid), library::text(&error));
        };
        answer.map_err(why).ok()
    }
}

/// The address as the kernel writes it, with four digits of the domain or more: NVML has eight, and
/// capitals.
fn address(bus_id: &str) -> String {
    let bus_id = bus_id.to_ascii_lowercase();
    let kernels = bus_id.split_once(':').and_then(|(domain, rest)| {
        let domain = u32::from_str_radix(domain, 16).ok()?;
        Some(format!("{domain:04x}:{rest}"))
    });
    kernels.unwrap_or(bus_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_that_of_the_kernel() {
        assert_eq!(address("00000000:1B:00.0"), "0000:1b:00.0");
        assert_eq!(address("00010000:0A:00.0"), "10000:0a:00.0");
        assert_eq!(address("0000:1B:00.0"), "0000:1b:00.0");
    }
}
