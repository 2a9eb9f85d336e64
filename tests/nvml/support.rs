//! What the tests share: opening a machine, and telling what came of it.

use serde_json::{Value, json};
use wattest::energy::nvml::Visible;
use wattest::energy::sources::{self, Sources};
use wattest::energy::{Options, Presence, Source};

use crate::machine::Machine;

pub(crate) const FIRST: &str = "GPU-00000000-0000-0000-0000-000000000001";

/// The sources of a machine without counters of the processor, with all its GPUs.
pub(crate) fn open(machine: &Machine) -> Sources {
    open_visible(machine, &Visible::default())
}

pub(crate) fn open_visible(machine: &Machine, visible: &Visible) -> Sources {
    let options = Options {
        off: false,
        nvml: Some(machine.library()),
        powercap: Some(machine.library().join("none")),
    };
    sources::open_with(&options, visible)
}

/// What the probe of a source says.
pub(crate) fn presence(sources: &Sources, source: Source) -> &Presence {
    &sources.probes.iter().find(|probe| probe.source == source).unwrap().presence
}

/// State and reason on one line.
pub(crate) fn told(presence: &Presence) -> String {
    match presence {
        Presence::Present { scope } => format!("present: {}", scope.join(" ")),
        Presence::Absent { reason } => format!("absent: {reason}"),
        Presence::Denied { reason, remedy } => format!("denied: {reason}; {remedy}"),
        Presence::Masked { reason, remedy } => format!("masked: {reason}; {remedy}"),
        Presence::Unsupported { reason } => format!("unsupported: {reason}"),
    }
}

/// One GPU that is as `gpu` says, at a time.
pub(crate) fn one(at_ms: f64, gpu: &Value) -> Value {
    json!({"at_ms": at_ms, "gpus": [gpu]})
}
