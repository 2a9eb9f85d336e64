//! NVIDIA GPUs, through NVML: the driver's own library, loaded while running where there is one.

mod device;
mod facts;
mod library;
mod meter;
mod processes;
mod throttle;
mod visible;

pub use device::Gpus;
pub use processes::{Foreign, Process, Processes};
pub use throttle::Edge;
pub use visible::{Selector, Visible};

use std::path::Path;
use std::sync::Arc;

use crate::energy::{Meter, Presence, Probe, ReadError, Source};

/// What NVML has: its two sources, a meter per GPU, and the GPUs themselves.
pub struct Found {
    /// The counter and the power, each with whether it is here.
    pub probes: Vec<Probe>,
    /// One per GPU: the counters, or the powers where not every GPU has a counter.
    pub meters: Vec<Box<dyn Meter>>,
    /// The powers of those GPUs whose counters are read: to compare with.
    pub others: Vec<Box<dyn Meter>>,
    /// The GPUs that this process may use; none where there is no NVML.
    pub gpus: Option<Gpus>,
}

/// Loads the library and looks at the GPUs in `visible`. Touches no CUDA.
///
/// `library` is the file of NVML, none for the one that the loader finds. What goes wrong is in
/// the probes: nothing here fails, and nothing panics.
pub fn open(library: Option<&Path>, visible: &Visible) -> Found {
    let nvml = match library::load(library) {
        Ok(nvml) => nvml,
        Err(presence) => return Found::without(presence),
    };
    let gpus = match Gpus::open(nvml, visible) {
        Ok(gpus) => gpus,
        Err(presence) => return Found::without(presence),
    };
    let counters = Every::of(&gpus, |gpu| meter::Counter::open(gpu).map(boxed));
    let powers = Every::of(&gpus, |gpu| meter::Power::open(gpu).map(boxed));
    let probes = vec![counters.probe(Source::NvmlCounter), powers.probe(Source::NvmlPower)];
    // Joules of one source can be added up. Where neither has all GPUs, the counter is the better.
    let all = [&counters, &powers].map(|every| every.without.is_empty());
    let (meters, others) = match all {
        [false, true] => (powers.meters, Vec::new()),
        [false, false] if counters.meters.is_empty() => (powers.meters, Vec::new()),
        _ => (counters.meters, powers.meters),
    };
    Found { probes, meters, others, gpus: Some(gpus) }
}

/// One source over all GPUs.
struct Every {
    meters: Vec<Box<dyn Meter>>,
    /// The GPUs that do not have it, and what they said.
    without: Vec<String>,
}

fn boxed(meter: impl Meter + 'static) -> Box<dyn Meter> {
    Box::new(meter)
}

impl Every {
    fn of(
        gpus: &Gpus,
        open: impl Fn(&Arc<device::Gpu>) -> Result<Box<dyn Meter>, ReadError>,
    ) -> Self {
        let mut every = Self { meters: Vec::new(), without: Vec::new() };
        for gpu in gpus.iter() {
            match open(gpu) {
                Ok(meter) => every.meters.push(meter),
                Err(error) => every.without.push(format!("{}: {error}", gpu.uuid())),
            }
        }
        every
    }

    /// Present where one GPU has it; that others do not, their absence from the scope tells.
    fn probe(&self, source: Source) -> Probe {
        let presence = if self.meters.is_empty() {
            Presence::Unsupported { reason: self.without.join("; ") }
        } else {
            let scope = self.meters.iter().map(|meter| meter.scope().to_owned()).collect();
            Presence::Present { scope }
        };
        Probe { source, presence }
    }
}

impl Found {
    fn without(presence: Presence) -> Self {
        let probe = |source| Probe { source, presence: presence.clone() };
        Self {
            probes: vec![probe(Source::NvmlCounter), probe(Source::NvmlPower)],
            meters: Vec::new(),
            others: Vec::new(),
            gpus: None,
        }
    }
}
