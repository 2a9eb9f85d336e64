//! What NVML tells of the GPUs, and how it comes to what files tell.

use std::collections::BTreeMap;

use crate::environment::{Environment, Gpu, Moving, names};

/// What NVML tells of the GPUs that this process may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Each of them.
    pub gpus: Vec<Gpu>,
    /// Of them, what is another at the next look.
    pub moving: Moving,
    /// Version of the driver.
    pub driver: Option<String>,
    /// The newest version of CUDA that the driver serves.
    pub driver_cuda: Option<String>,
    /// What the driver did not tell, with what it said instead: by UUID and fact, as `GPU-1.mig`.
    pub unknown: BTreeMap<String, String>,
}

impl Environment {
    /// Puts what is told beside what files told: files tell of all GPUs, NVML is asked of those
    /// that are used.
    pub(super) fn add(&mut self, told: Facts) {
        let Facts { gpus, moving, driver, driver_cuda, unknown } = told;
        for gpu in gpus {
            match self.gpu_details.iter_mut().find(|known| is_same(known, &gpu)) {
                Some(known) => known.add(gpu),
                // The files are not there everywhere that NVML is: a container may hide them.
                None => self.gpu_details.push(gpu),
            }
        }
        self.gpu_details.sort_by(|a, b| a.bus.cmp(&b.bus));
        self.gpus = names(&self.gpu_details);
        if self.gpu_details.iter().any(|gpu| gpu.memory_bytes.is_none()) {
            let reason = "what only NVML knows is asked of the GPUs in CUDA_VISIBLE_DEVICES alone";
            self.unknown.insert("gpu_details".to_owned(), reason.to_owned());
        }
        if self.driver.is_none() && driver.is_some() {
            self.unknown.remove("driver");
            self.driver = driver;
        }
        self.driver_cuda = driver_cuda;
        if self.driver_cuda.is_none() {
            self.unknown.insert("driver_cuda".to_owned(), "the driver does not tell".to_owned());
        }
        self.moving.temperatures_mc.extend(moving.temperatures_mc);
        self.moving.clocks_mhz.extend(moving.clocks_mhz);
        self.moving.memory_used_bytes.extend(moving.memory_used_bytes);
        self.unknown.extend(unknown);
    }
}

/// Files do not know the UUID of a GPU that is asleep; then the address tells which it is.
fn is_same(known: &Gpu, told: &Gpu) -> bool {
    match (&known.uuid, &told.uuid) {
        (Some(a), Some(b)) => a == b,
        _ => known.bus.is_some() && known.bus == told.bus,
    }
}

impl Gpu {
    /// Fills what is not known yet.
    fn add(&mut self, told: Self) {
        // Each field by its name, so that a new one is not forgotten.
        let Self {
            name,
            uuid,
            bus,
            minor,
            firmware,
            memory_bytes,
            compute_capability,
            power_limit_mw,
            power_limit_default_mw,
            power_limit_min_mw,
            power_limit_max_mw,
            clocks_max_mhz,
            persistence,
            mig,
            instance,
        } = told;
        fill(&mut self.name, name);
        fill(&mut self.uuid, uuid);
        fill(&mut self.bus, bus);
        fill(&mut self.minor, minor);
        fill(&mut self.firmware, firmware);
        fill(&mut self.memory_bytes, memory_bytes);
        fill(&mut self.compute_capability, compute_capability);
        fill(&mut self.power_limit_mw, power_limit_mw);
        fill(&mut self.power_limit_default_mw, power_limit_default_mw);
        fill(&mut self.power_limit_min_mw, power_limit_min_mw);
        fill(&mut self.power_limit_max_mw, power_limit_max_mw);
        fill(&mut self.persistence, persistence);
        fill(&mut self.mig, mig);
        fill(&mut self.instance, instance);
        self.clocks_max_mhz.extend(clocks_max_mhz);
    }
}

fn fill<T>(known: &mut Option<T>, told: Option<T>) {
    if known.is_none() {
        *known = told;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::machine::made_up::machine;

    fn told(uuid: &str, bus: &str) -> Gpu {
        Gpu {
            name: Some("NVIDIA H200".to_owned()),
            uuid: Some(uuid.to_owned()),
            bus: Some(bus.to_owned()),
            memory_bytes: Some(141 << 30),
            persistence: Some(true),
            ..Gpu::default()
        }
    }

    fn facts(gpus: Vec<Gpu>) -> Facts {
        let mut facts = Facts { gpus, driver: Some("580.82.07".to_owned()), ..Facts::default() };
        facts.unknown.insert("GPU-1.mig".to_owned(), "not supported".to_owned());
        facts.moving.temperatures_mc.insert("GPU-1".to_owned(), 41_000);
        facts
    }

    #[test]
    fn nvml_fills_what_files_leave_open_and_the_hash_has_it() {
        let information = |uuid: &str, minor: u32| {
            format!("Model: \t NVIDIA H200\nGPU UUID: \t {uuid}\nDevice Minor: \t {minor}\n")
        };
        let (second, asleep) = (information("GPU-2", 1), information("GPU-????????", 0));
        let files = [
            ("/proc/driver/nvidia/gpus/0000:9b:00.0/information", second.as_str()),
            ("/proc/driver/nvidia/gpus/0000:1b:00.0/information", asleep.as_str()),
        ];
        let (_root, machine) = machine(&files, &[]);
        let by_files = Environment::of(&machine, None);
        let taken = by_files.clone().with_nvml(Ok(facts(vec![told("GPU-1", "0000:1b:00.0")])));
        assert_eq!(taken.gpus, ["NVIDIA H200", "NVIDIA H200"]);
        let [first, other] = &taken.gpu_details[..] else { panic!("{:?}", taken.gpu_details) };
        assert_eq!((first.uuid.as_deref(), first.minor), (Some("GPU-1"), Some(0)));
        assert_eq!((first.memory_bytes, other.memory_bytes), (Some(141 << 30), None));
        assert_eq!(taken.driver.as_deref(), Some("580.82.07"));
        assert_eq!(taken.moving.temperatures_mc["GPU-1"], 41_000);
        insta::assert_snapshot!(taken.unknown["gpu_details"], @"what only NVML knows is asked of the GPUs in CUDA_VISIBLE_DEVICES alone");
        assert_eq!(taken.unknown["GPU-1.mig"], "not supported");
        assert!(!taken.unknown.contains_key("driver"));
        // Asked again, it is the same; not asked, it is known of fewer things, and says so.
        let again = by_files.clone().with_nvml(Ok(facts(vec![told("GPU-1", "0000:1b:00.0")])));
        assert_eq!(taken.hash(), again.hash());
        let without = by_files.clone().with_nvml(Err("energy is off".to_owned()));
        assert_eq!(without.unknown["gpu_details"], "energy is off");
        assert_eq!(without.hash(), by_files.hash());
        assert_ne!(without.hash(), taken.hash());
    }

    #[test]
    fn gpus_that_files_do_not_have_are_listed_by_their_addresses() {
        let (_root, bare) = machine(&[], &[]);
        let gpus = vec![told("GPU-2", "0000:9b:00.0"), told("GPU-1", "0000:1b:00.0")];
        let taken = Environment::of(&bare, None).with_nvml(Ok(facts(gpus)));
        let uuids: Vec<_> =
            taken.gpu_details.iter().filter_map(|gpu| gpu.uuid.as_deref()).collect();
        assert_eq!(uuids, ["GPU-1", "GPU-2"]);
        assert!(!taken.unknown.contains_key("gpu_details"));
        // Without GPUs there is nothing that NVML could have told of them.
        let without = Environment::of(&bare, None).with_nvml(Err("no library".to_owned()));
        assert!(!without.unknown.contains_key("gpu_details"));
        assert_eq!(without.hash(), Environment::of(&bare, None).hash());
    }
}
