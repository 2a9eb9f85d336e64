//! All sources of energy of this machine, each looked for once.

use std::path::Path;

use crate::energy::nvml::{self, Foreign, Gpus, Visible};
use crate::energy::{Meter, Options, Probe, Source, cuda, rapl};
use crate::environment::Facts;

/// Where the kernel has the counters of the processor.
const POWERCAP: &str = "/sys/class/powercap";

/// What can be read here, and why the rest cannot. Nothing at all where energy is off.
#[derive(Default)]
pub struct Sources {
    /// Each source once, whether it is here or not.
    pub probes: Vec<Probe>,
    /// One per GPU and per domain of the processors.
    pub meters: Vec<Box<dyn Meter>>,
    /// The powers of the GPUs whose counters are among the meters: to compare with.
    pub others: Vec<Box<dyn Meter>>,
    /// The GPUs that this process may use; none where there are none, or nothing is measured.
    pub gpus: Option<Gpus>,
}

/// Looks for the sources. Fails nowhere: what is not here is told by its probe.
///
/// It may be called again: NVML stays loaded, so that the second time is some calls for each GPU.
/// What was found the first time is not kept, because which GPUs are ours may be another matter by
/// then.
///
/// Call it before the engine is loaded: what computes on a GPU by then is not this process. Where
/// CUDA is started already, its GPUs are those that are measured, and else those that
/// CUDA_VISIBLE_DEVICES names. CUDA is not started.
pub fn open(options: &Options) -> Sources {
    if options.off {
        return Sources::default();
    }
    let visible = cuda::started().map_or_else(Visible::from_env, Visible::from_uuids);
    open_with(options, &visible)
}

/// As [`open`], of the GPUs in `visible`.
pub fn open_with(options: &Options, visible: &Visible) -> Sources {
    let mut sources = Sources::default();
    if options.off {
        return sources;
    }
    let nvml = nvml::open(options.nvml.as_deref(), visible);
    sources.add(nvml.probes, nvml.meters);
    sources.gpus = nvml.gpus;
    sources.others = nvml.others;
    let powercap = options.powercap.as_deref().unwrap_or(Path::new(POWERCAP));
    let (probe, meters) = rapl::open(powercap);
    sources.add(vec![probe], meters);
    sources
}

impl Sources {
    /// What NVML tells of the GPUs, for the snapshot of the machine.
    ///
    /// # Errors
    /// Why it tells nothing.
    pub fn facts(&self) -> Result<Facts, String> {
        if let Some(gpus) = &self.gpus {
            return Ok(gpus.facts());
        }
        let nvml = self.probes.iter().find(|probe| probe.source == Source::NvmlCounter);
        Err(match nvml.and_then(|probe| probe.presence.lack()) {
            Some((state, reason, _)) => format!("NVML is {state} ({reason})"),
            None => "NVML was not asked, because energy is off".to_owned(),
        })
    }

    /// Who else computes on the GPUs, by GPU; nothing where there is no NVML.
    pub fn foreign(&self) -> Vec<Foreign> {
        self.gpus.as_ref().map(Gpus::foreign).unwrap_or_default()
    }

    fn add(&mut self, probes: Vec<Probe>, meters: Vec<Box<dyn Meter>>) {
        self.probes.extend(probes);
        self.meters.extend(meters);
    }
}
