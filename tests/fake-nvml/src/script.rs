//! What the file may say.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A machine.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Script {
    /// Version of the driver.
    pub(crate) driver: String,
    /// Version of CUDA: major times 1000 plus minor times 10.
    pub(crate) cuda: i32,
    /// Milliseconds since the start of the machine; none for those since the first call.
    pub(crate) at_ms: Option<f64>,
    /// How long each call takes, in milliseconds.
    pub(crate) latency_ms: u64,
    /// By symbol: which calls fail, and how.
    pub(crate) errors: BTreeMap<String, Failure>,
    /// In the order of NVML.
    pub(crate) gpus: Vec<Gpu>,
}

/// Calls that fail.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failure {
    /// `nvmlReturn_t`.
    pub(crate) code: u32,
    /// The first call that fails, counted from 0.
    #[serde(default)]
    pub(crate) from: u64,
    /// The first one after it that does not.
    #[serde(default)]
    pub(crate) until: Option<u64>,
}

/// A GPU.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Gpu {
    pub(crate) uuid: String,
    pub(crate) name: String,
    /// Number of its PCI bus.
    pub(crate) bus: u32,
    /// Compute capability.
    pub(crate) capability: (i32, i32),
    pub(crate) memory_mib: u64,
    pub(crate) memory_used_mib: u64,
    /// What it draws: from each time (ms) on, so many watts; the first holds before its time, too.
    pub(crate) watts: Vec<(f64, f64)>,
    pub(crate) counter: Counter,
    pub(crate) power: Power,
    pub(crate) limit_w: f64,
    pub(crate) default_limit_w: f64,
    /// The lowest limit and the highest that can be set.
    pub(crate) limits_w: (f64, f64),
    pub(crate) persistence: bool,
    /// Whether it is cut into instances; none where it cannot be.
    pub(crate) mig: Option<Vec<String>>,
    pub(crate) temperature: u32,
    /// Graphics, SM, memory, video, in MHz.
    pub(crate) clocks_mhz: [u32; 4],
    pub(crate) max_clocks_mhz: [u32; 4],
    /// Processes with a context on it.
    pub(crate) processes: Vec<u32>,
    /// Bits of what holds its clocks down at present.
    pub(crate) throttle: u64,
    /// By canonical id of the field.
    pub(crate) fields: BTreeMap<u32, Field>,
    /// Of other scopes than the GPU (0): 1 is the module it is on, 2 its memory. By scope and id.
    pub(crate) scopes: BTreeMap<u32, BTreeMap<u32, Field>>,
}

/// The counter of energy.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Counter {
    /// The time between two ticks.
    pub(crate) tick_ms: f64,
    /// The time of the first.
    pub(crate) phase_ms: f64,
    /// How far a tick comes early or late at most.
    pub(crate) jitter_ms: f64,
    /// A tick shows the energy as of so long before it.
    pub(crate) lag_ms: f64,
    /// Where it stands at time 0.
    pub(crate) start_mj: u64,
    /// It does not move from here on.
    pub(crate) frozen_at_ms: Option<f64>,
    /// The driver is loaded anew: it counts from 0.
    pub(crate) reset_at_ms: Option<f64>,
    /// What is added from a time on.
    pub(crate) steps: Vec<(f64, i64)>,
    /// It stands at this, whatever is drawn.
    pub(crate) fixed_mj: Option<u64>,
}

/// The sensor of power.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Power {
    /// It tells the mean of so long.
    pub(crate) window_ms: f64,
    /// The time between two values.
    pub(crate) update_ms: f64,
    /// It tells this, whatever is drawn.
    pub(crate) fixed_mw: Option<u32>,
}

/// A value of `nvmlDeviceGetFieldValues`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Field {
    /// `nvmlValueType_t`; 3 is an unsigned 64-bit integer.
    #[serde(default = "unsigned_long_long")]
    pub(crate) kind: u32,
    /// The value, of whatever kind.
    #[serde(default)]
    pub(crate) value: u64,
    /// `nvmlReturn_t` of this value alone.
    #[serde(default)]
    pub(crate) code: u32,
}

fn unsigned_long_long() -> u32 {
    3
}

impl Default for Script {
    fn default() -> Self {
        Self {
            driver: "570.124.06".to_owned(),
            cuda: 12080,
            at_ms: None,
            latency_ms: 0,
            errors: BTreeMap::new(),
            gpus: vec![Gpu::default()],
        }
    }
}

impl Default for Gpu {
    fn default() -> Self {
        Self {
            uuid: "GPU-00000000-0000-0000-0000-000000000001".to_owned(),
            name: "NVIDIA Fake 700W".to_owned(),
            bus: 1,
            capability: (9, 0),
            memory_mib: 81_920,
            memory_used_mib: 512,
            watts: vec![(0.0, 120.0)],
            counter: Counter::default(),
            power: Power::default(),
            limit_w: 700.0,
            default_limit_w: 700.0,
            limits_w: (200.0, 700.0),
            persistence: true,
            mig: Some(Vec::new()),
            temperature: 40,
            clocks_mhz: [1980, 1980, 2619, 1545],
            max_clocks_mhz: [1980, 1980, 2619, 1545],
            processes: Vec::new(),
            throttle: 0,
            fields: BTreeMap::new(),
            scopes: BTreeMap::new(),
        }
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self {
            tick_ms: 100.0,
            phase_ms: 0.0,
            jitter_ms: 0.0,
            lag_ms: 0.0,
            start_mj: 1_000_000,
            frozen_at_ms: None,
            reset_at_ms: None,
            steps: Vec::new(),
            fixed_mj: None,
        }
    }
}

impl Default for Power {
    fn default() -> Self {
        Self { window_ms: 1000.0, update_ms: 100.0, fixed_mw: None }
    }
}
