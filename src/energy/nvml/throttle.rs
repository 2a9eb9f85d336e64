//! What may not change within a window: what holds the clocks down, the limit, who else is there.

use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::error::{Bits, NvmlError};
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::sys_exports::field_id;

use crate::energy::Doubt;
use crate::energy::nvml::device::{Gpu, Gpus};
use crate::energy::nvml::processes::Processes;

/// Why clocks are lower than they could be.
struct Cause {
    /// The field that counts its nanoseconds.
    field: u32,
    /// Its bit among the reasons at present.
    bit: u64,
    /// In words.
    name: &'static str,
}

/// The limit of power is kept by lower clocks. At full load that is what the limit is for.
const POWER_CAP: &str = "software power cap";

/// Those with a counter. Ids as they were before driver 580.82; nvml-wrapper knows the later ones.
const CAUSES: [Cause; 6] = [
    Cause {
        field: field_id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_POWER_CAP,
        bit: 1 << 2,
        name: POWER_CAP,
    },
    Cause {
        field: field_id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SYNC_BOOST,
        bit: 1 << 4,
        name: "sync boost",
    },
    Cause {
        field: field_id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN,
        bit: 1 << 5,
        name: "software thermal slowdown",
    },
    Cause {
        field: field_id::NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN,
        bit: 1 << 6,
        name: "hardware thermal slowdown",
    },
    Cause {
        field: field_id::NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN,
        bit: 1 << 7,
        name: "hardware power brake",
    },
    Cause {
        field: field_id::NVML_FI_DEV_PERF_POLICY_BOARD_LIMIT,
        bit: 1 << 9,
        name: "board limit",
    },
];

/// Heat or power brake, in one bit: it says nothing where both have counters.
const HARDWARE_SLOWDOWN: u64 = 1 << 3;

/// Bits that are no throttling: idle, clocks that were asked for, and the voltage that ends every
/// boost.
const HARMLESS: u64 = 1 | 1 << 1 | 1 << 8 | 1 << 10;

/// The GPUs at one edge of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    gpus: Vec<State>,
}

/// One of them.
#[derive(Debug, Clone, Default, PartialEq)]
struct State {
    uuid: String,
    /// Nanoseconds by cause, in the order of [`CAUSES`]; none where the driver counts none.
    held_ns: [Option<u64>; CAUSES.len()],
    /// Reasons at present; none where the driver does not say.
    bits: Option<u64>,
    limit_mw: Option<u32>,
    /// Who else is there, each in words.
    others: Vec<String>,
}

impl Edge {
    pub(crate) fn take(gpus: &Gpus, processes: &Processes) -> Self {
        Self { gpus: gpus.iter().map(|gpu| State::of(gpu, processes)).collect() }
    }

    /// What speaks against a window from this edge to a `later` one.
    pub fn until(&self, later: &Self) -> Vec<Doubt> {
        let several = self.gpus.len() > 1;
        let pairs = self.gpus.iter().zip(&later.gpus);
        pairs.flat_map(|(before, after)| before.until(after, several)).collect()
    }
}

impl State {
    fn of(gpu: &Gpu, processes: &Processes) -> Self {
        let device = gpu.device();
        let fields = CAUSES.map(|cause| FieldId(cause.field));
        let mut held_ns = [None; CAUSES.len()];
        // By position: the id of an answer need not be that of the question.
        for (place, answer) in
            held_ns.iter_mut().zip(device.field_values_for(&fields).into_iter().flatten())
        {
            *place = answer.and_then(|answer| answer.value).ok().and_then(nanoseconds);
        }
        let bits = match device.current_throttle_reasons_strict() {
            Ok(reasons) => Some(reasons.bits()),
            // Newer drivers have reasons that the wrapper does not know.
            Err(NvmlError::IncorrectBits(Bits::U64(bits))) => Some(bits),
            Err(_) => None,
        };
        Self {
            uuid: gpu.uuid().to_owned(),
            held_ns,
            bits,
            limit_mw: device.enforced_power_limit().ok(),
            others: others(gpu, processes),
        }
    }

    fn until(&self, later: &Self, several: bool) -> Vec<Doubt> {
        let place = if several { format!(" on {}", self.uuid) } else { String::new() };
        let bits = self.bits.unwrap_or(0) | later.bits.unwrap_or(0);
        let mut doubts = Vec::new();
        let mut known = HARMLESS;
        for (k, cause) in CAUSES.iter().enumerate() {
            known |= cause.bit;
            let held = match (self.held_ns[k], later.held_ns[k]) {
                (Some(before), Some(after)) if after > before => {
                    Some(Some((after - before) as f64 / 1e6))
                }
                (Some(before), Some(after)) if after == before => None,
                // No counter, or one that began anew: what the edges show is all there is.
                _ => (bits & cause.bit != 0).then_some(None),
            };
            match held {
                Some(ms) if cause.name == POWER_CAP => doubts.push(Doubt::PowerCapped { ms }),
                Some(ms) => {
                    let cause = format!("{}{place}", cause.name);
                    doubts.push(Doubt::Throttled { cause, ms });
                }
                None => {}
            }
        }
        known |= HARDWARE_SLOWDOWN;
        let counted = |k: usize| later.held_ns[k].is_some();
        if bits & HARDWARE_SLOWDOWN != 0 && !(counted(3) && counted(4)) {
            let cause = format!("hardware slowdown{place}");
            doubts.push(Doubt::Throttled { cause, ms: None });
        }
        if bits & !known != 0 {
            let cause = format!("reasons {:#x}, which are new here{place}", bits & !known);
            doubts.push(Doubt::Throttled { cause, ms: None });
        }
        if self.limit_mw != later.limit_mw {
            doubts.push(Doubt::LimitChanged);
        }
        let mut others = self.others.clone();
        others.extend(later.others.iter().filter(|other| !self.others.contains(other)).cloned());
        doubts.extend(others.into_iter().map(|with| Doubt::Shared { with }));
        doubts
    }
}

/// A counter of nanoseconds, of whichever type the driver has for it.
fn nanoseconds(value: SampleValue) -> Option<u64> {
    match value {
        SampleValue::U64(ns) => Some(ns),
        SampleValue::U32(ns) => Some(ns.into()),
        SampleValue::I64(ns) => u64::try_from(ns).ok(),
        SampleValue::F64(_) => None,
    }
}

/// Who has a part in what the board draws, but for this process.
fn others(gpu: &Gpu, processes: &Processes) -> Vec<String> {
    let mut others = Vec::new();
    if gpu.is_divided() {
        others.push(format!("the other instances (MIG) of {}", gpu.uuid()));
    }
    match gpu.listed() {
        Ok(listed) => {
            let foreign = processes.foreign(&listed, gpu.hidden());
            let say = |pid| format!("process {pid} on {}", gpu.uuid());
            others.extend(foreign.into_iter().map(say));
        }
        Err(error) => {
            others.push(format!("processes on {} that are not known: {error}", gpu.uuid()));
        }
    }
    others
}
