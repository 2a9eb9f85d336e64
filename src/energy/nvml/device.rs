//! The GPUs that a process may use, and what is known of each.

use std::collections::BTreeSet;
use std::sync::Arc;

use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::struct_wrappers::device::ProcessInfo;
use nvml_wrapper::{Device, Nvml};

use crate::energy::nvml::processes::{Foreign, Process, Processes};
use crate::energy::nvml::throttle::Edge;
use crate::energy::nvml::visible::{Candidate, Visible};
use crate::energy::nvml::{facts, library};
use crate::energy::{Presence, ReadError};
use crate::environment::Facts;

/// One GPU.
pub(crate) struct Gpu {
    device: Device<'static>,
    uuid: String,
    pub(super) name: String,
    /// Compute capability.
    capability: Option<(i32, i32)>,
    limit_w: Option<f64>,
    /// The instance of it that is ours, where the whole is not.
    pub(super) instance: Option<String>,
    /// Whether it is cut into instances; none where it cannot be, or does not say.
    pub(super) mig: Option<bool>,
    /// Processes on it when it was opened, of which this process can see nothing.
    hidden: BTreeSet<u32>,
}

/// The GPUs that this process may use.
pub struct Gpus {
    nvml: &'static Nvml,
    gpus: Vec<Arc<Gpu>>,
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

    /// What is known of them, for the snapshot of the machine. Some twelve calls for each.
    pub fn facts(&self) -> Facts {
        facts::of(self.nvml, &self.gpus)
    }

    /// Who computes on each, other than this process and those it started.
    pub fn foreign(&self) -> Vec<Foreign> {
        let processes = Processes::here();
        self.gpus.iter().map(|gpu| gpu.foreign(&processes)).collect()
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
        Ok(self.processes()?.into_iter().map(|process| process.pid).collect())
    }

    fn processes(&self) -> Result<Vec<Process>, ReadError> {
        let listed =
            self.device.running_compute_processes().map_err(|error| library::read_error(&error))?;
        let process = |one: ProcessInfo| Process {
            pid: one.pid,
            memory_bytes: match one.used_gpu_memory {
                UsedGpuMemory::Used(bytes) => Some(bytes),
                UsedGpuMemory::Unavailable => None,
            },
        };
        Ok(listed.into_iter().map(process).collect())
    }

    fn foreign(&self, here: &Processes) -> Foreign {
        let gpu = self.uuid.clone();
        match self.processes() {
            Ok(mut processes) => {
                let listed: Vec<u32> = processes.iter().map(|process| process.pid).collect();
                let foreign = here.foreign(&listed, &self.hidden);
                processes.retain(|process| foreign.contains(&process.pid));
                Foreign { gpu, processes, unknown: None }
            }
            Err(error) => Foreign { gpu, processes: Vec::new(), unknown: Some(error.to_string()) },
        }
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
}

fn watts(milliwatts: u32) -> f64 {
    f64::from(milliwatts) / 1000.0
}
