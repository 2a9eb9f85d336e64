//! The GPUs that a process may use, and what is known of each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml, cuda_driver_version_major, cuda_driver_version_minor};
use serde::{Deserialize, Serialize};

use crate::energy::nvml::library;
use crate::energy::nvml::processes::Processes;
use crate::energy::nvml::throttle::Edge;
use crate::energy::nvml::visible::{Candidate, Visible};
use crate::energy::{Presence, ReadError};

/// One GPU.
pub(crate) struct Gpu {
    device: Device<'static>,
    uuid: String,
    name: String,
    /// Compute capability.
    capability: Option<(i32, i32)>,
    limit_w: Option<f64>,
    /// The instance of it that is ours, where the whole is not.
    instance: Option<String>,
    /// Whether it is cut into instances; none where it cannot be, or does not say.
    mig: Option<bool>,
    /// Processes on it when it was opened, of which this process can see nothing.
    hidden: BTreeSet<u32>,
}

/// The GPUs that this process may use.
pub struct Gpus {
    nvml: &'static Nvml,
    gpus: Vec<Arc<Gpu>>,
}

/// What is known of a GPU, for the record. Null where the driver does not tell; `unknown` has what
/// it said instead.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// What it is told apart by.
    pub uuid: String,
    /// Its product name.
    pub name: String,
    /// The instance (MIG) that is used, where it is not the whole GPU.
    pub instance: Option<String>,
    /// Address on the PCI bus.
    pub bus_id: Option<String>,
    /// Compute capability, such as `9.0`.
    pub compute_capability: Option<String>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Of that in use now, by anybody, in bytes.
    pub memory_used_bytes: Option<u64>,
    /// The limit of power in force, in watts.
    pub power_limit_w: Option<f64>,
    /// The limit as delivered, in watts.
    pub default_power_limit_w: Option<f64>,
    /// Clock of the processors now, in MHz.
    pub sm_clock_mhz: Option<u32>,
    /// The highest that it has, in MHz.
    pub max_sm_clock_mhz: Option<u32>,
    /// Clock of the memory now, in MHz.
    pub memory_clock_mhz: Option<u32>,
    /// The highest that it has, in MHz.
    pub max_memory_clock_mhz: Option<u32>,
    /// Whether the driver stays loaded while nobody uses the GPU.
    pub persistence: Option<bool>,
    /// Whether it is cut into instances.
    pub mig: Option<bool>,
    /// Degrees Celsius.
    pub temperature_c: Option<u32>,
    /// What is null here, with what the driver said.
    pub unknown: BTreeMap<String, String>,
}

impl Gpus {
    /// Looks for them, before this process computes on any: what is there now is not ours.
    ///
    /// # Errors
    /// Why there is none that can be measured: as a source tells it.
    pub(crate) fn open(nvml: &'static Nvml, visible: &Visible) -> Result<Self, Presence> {
        let count = nvml.device_count().map_err(|error| Presence::Unsupported {
            reason: format!("the GPUs cannot be counted: {}", library::text(&error)),
        })?;
        if count == 0 {
            let reason = "the driver is there, and knows no GPU".to_owned();
            return Err(Presence::Absent { reason });
        }
        let (mut gpus, mut refused) = (Vec::new(), Vec::new());
        for index in 0..count {
            match Gpu::open(nvml, index) {
                Ok(gpu) => gpus.push(gpu),
                Err(error) => refused.push((index, error)),
            }
        }
        if gpus.is_empty() {
            return Err(refusal(&refused));
        }
        let candidates: Vec<Candidate> = gpus.iter().map(Gpu::candidate).collect();
        let chosen =
            visible.choose(&candidates).map_err(|reason| Presence::Unsupported { reason })?;
        if chosen.is_empty() {
            let reason = format!("CUDA_VISIBLE_DEVICES leaves none of {count} GPUs");
            return Err(Presence::Absent { reason });
        }
        let mut gpus: Vec<Option<Gpu>> = gpus.into_iter().map(Some).collect();
        let gpus = chosen.into_iter().filter_map(|one| {
            let mut gpu = gpus.get_mut(one.candidate)?.take()?;
            gpu.instance = one.instance;
            Some(Arc::new(gpu))
        });
        Ok(Self { nvml, gpus: gpus.collect() })
    }

    /// One after the other, in the order of CUDA_VISIBLE_DEVICES.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Gpu>> {
        self.gpus.iter()
    }

    /// Version of the driver.
    pub fn driver(&self) -> Option<String> {
        self.nvml.sys_driver_version().ok()
    }

    /// The newest version of CUDA that the driver serves.
    pub fn cuda(&self) -> Option<String> {
        let version = self.nvml.sys_cuda_driver_version().ok()?;
        let (major, minor) =
            (cuda_driver_version_major(version), cuda_driver_version_minor(version));
        Some(format!("{major}.{minor}"))
    }

    /// What is known of each.
    pub fn facts(&self) -> Vec<Facts> {
        self.gpus.iter().map(|gpu| gpu.facts()).collect()
    }

    /// What must stay the same, or must not grow, from one edge of a window to the other.
    ///
    /// Some calls per GPU: take it before the first reading of a window, and after its last.
    pub fn edge(&self) -> Edge {
        Edge::take(self, &Processes::here())
    }
}

/// What is said where not one GPU can be opened.
fn refusal(refused: &[(u32, NvmlError)]) -> Presence {
    let say = |(index, error): &(u32, NvmlError)| format!("GPU {index}: {}", library::text(error));
    let reason = refused.iter().map(say).collect::<Vec<_>>().join("; ");
    let denied = |(_, error): &(u32, NvmlError)| {
        matches!(error, NvmlError::NoPermission | NvmlError::OperatingSystem)
    };
    if refused.iter().all(denied) {
        let remedy = "give this user, or this container, the device files /dev/nvidia*".to_owned();
        Presence::Denied { reason, remedy }
    } else {
        Presence::Unsupported { reason }
    }
}

impl Gpu {
    fn open(nvml: &'static Nvml, index: u32) -> Result<Self, NvmlError> {
        let device = nvml.device_by_index(index)?;
        let capability = device.cuda_compute_capability().ok();
        let gpu = Self {
            uuid: device.uuid()?,
            name: device.name()?,
            capability: capability.map(|version| (version.major, version.minor)),
            limit_w: device.enforced_power_limit().ok().map(watts),
            instance: None,
            mig: device.mig_mode().ok().map(|mode| mode.current == 1),
            hidden: BTreeSet::new(),
            device,
        };
        let hidden = Processes::here().hidden(&gpu.listed().unwrap_or_default());
        Ok(Self { hidden, ..gpu })
    }

    pub(crate) fn device(&self) -> &Device<'static> {
        &self.device
    }

    pub(crate) fn uuid(&self) -> &str {
        &self.uuid
    }

    pub(crate) fn capability(&self) -> Option<(i32, i32)> {
        self.capability
    }

    pub(crate) fn limit_w(&self) -> Option<f64> {
        self.limit_w
    }

    /// Whether only a part of it is ours, or may be.
    pub(crate) fn is_divided(&self) -> bool {
        self.mig == Some(true) || self.instance.is_some()
    }

    pub(crate) fn hidden(&self) -> &BTreeSet<u32> {
        &self.hidden
    }

    /// Processes that compute on it, as the driver numbers them.
    pub(crate) fn listed(&self) -> Result<Vec<u32>, ReadError> {
        let processes =
            self.device.running_compute_processes().map_err(|error| library::read_error(&error))?;
        Ok(processes.into_iter().map(|process| process.pid).collect())
    }

    fn candidate(&self) -> Candidate {
        let instances = if self.mig == Some(true) { self.instances() } else { Vec::new() };
        Candidate { uuid: self.uuid.clone(), name: self.name.clone(), instances }
    }

    fn instances(&self) -> Vec<String> {
        let count = self.device.mig_device_count().unwrap_or(0);
        let instance = |index| self.device.mig_device_by_index(index).ok()?.uuid().ok();
        (0..count).filter_map(instance).collect()
    }

    fn facts(&self) -> Facts {
        let device = &self.device;
        let mut unknown = BTreeMap::new();
        let mut facts = Facts {
            uuid: self.uuid.clone(),
            name: self.name.clone(),
            instance: self.instance.clone(),
            mig: self.mig,
            ..Facts::default()
        };
        let mut told = Told(&mut unknown);
        facts.bus_id = told.by("bus_id", device.pci_info()).map(|info| info.bus_id);
        facts.compute_capability = told
            .by("compute_capability", device.cuda_compute_capability())
            .map(|version| format!("{}.{}", version.major, version.minor));
        let memory = told.by("memory_bytes", device.memory_info());
        facts.memory_bytes = memory.as_ref().map(|memory| memory.total);
        facts.memory_used_bytes = memory.map(|memory| memory.used);
        facts.power_limit_w = told.by("power_limit_w", device.enforced_power_limit()).map(watts);
        facts.default_power_limit_w =
            told.by("default_power_limit_w", device.power_management_limit_default()).map(watts);
        facts.sm_clock_mhz = told.by("sm_clock_mhz", device.clock_info(Clock::SM));
        facts.max_sm_clock_mhz = told.by("max_sm_clock_mhz", device.max_clock_info(Clock::SM));
        facts.memory_clock_mhz = told.by("memory_clock_mhz", device.clock_info(Clock::Memory));
        facts.max_memory_clock_mhz =
            told.by("max_memory_clock_mhz", device.max_clock_info(Clock::Memory));
        facts.persistence = told.by("persistence", device.is_in_persistent_mode());
        facts.temperature_c = told.by("temperature_c", device.temperature(TemperatureSensor::Gpu));
        if facts.mig.is_none() {
            told.by("mig", device.mig_mode());
        }
        facts.unknown = unknown;
        facts
    }
}

/// What the driver did not tell.
struct Told<'a>(&'a mut BTreeMap<String, String>);

impl Told<'_> {
    fn by<T>(&mut self, fact: &str, answer: Result<T, NvmlError>) -> Option<T> {
        answer.map_err(|error| self.0.insert(fact.to_owned(), library::text(&error))).ok()
    }
}

fn watts(milliwatts: u32) -> f64 {
    f64::from(milliwatts) / 1000.0
}
