//! All sources of energy of this machine, each looked for once.

use std::path::Path;

use crate::energy::nvml::{self, Gpus, Visible};
use crate::energy::{Meter, Options, Probe, cuda, rapl};

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
    fn add(&mut self, probes: Vec<Probe>, meters: Vec<Box<dyn Meter>>) {
        self.probes.extend(probes);
        self.meters.extend(meters);
    }
}
