//! The energy counters of the processor, through the kernel's powercap tree.
//!
//! A tree has zones that overlap: `psys` is the whole platform, `core` and `uncore` are parts of a
//! package, `intel-rapl-mmio` is a second way to the same package. Only packages and the memory
//! beside them (`dram`) are added up. AMD processors are found under the same names, without
//! `dram`.
//!
//! Source of the rules: `Documentation/power/powercap/powercap.rst` of the kernel; that reading
//! takes root since CVE-2020-8694; that Docker hides the tree since GHSA-jq35-85cj-fj4p.

mod meter;
#[cfg(test)]
mod tests;
mod zone;

use std::io;
use std::path::Path;

use crate::energy::{Meter, Presence, Probe, Source};
use meter::{ReadFailure, ZoneMeter};
use zone::Zone;

/// What a user does who may not read.
const PERMIT: &str = "read it as root, or run `chmod a+r /sys/class/powercap/*/energy_uj` as root \
                      (it lasts until the next boot)";

/// What a user does in a container.
const UNMASK: &str = "start the container with `--security-opt systempaths=unconfined`, or run \
                      outside of it";

/// Looks for packages and their memory in the powercap tree at `root`.
///
/// A package that may not be read denies the whole: a sum of what happens to be readable would be
/// taken for the machine.
pub fn open(root: &Path) -> (Probe, Vec<Box<dyn Meter>>) {
    open_in(root, is_in_container())
}

fn open_in(root: &Path, container: bool) -> (Probe, Vec<Box<dyn Meter>>) {
    let (presence, meters) = match meters(root, container) {
        Ok(meters) => {
            let scope = meters.iter().map(|meter| meter.scope().to_owned()).collect();
            (Presence::Present { scope }, meters)
        }
        Err(presence) => (presence, Vec::new()),
    };
    let meters = meters.into_iter().map(|meter| Box::new(meter) as Box<dyn Meter>).collect();
    (Probe { source: Source::Rapl, presence }, meters)
}

fn meters(root: &Path, container: bool) -> Result<Vec<ZoneMeter>, Presence> {
    let zones = Zone::all(root).map_err(|error| unlisted(root, &error))?;
    if zones.is_empty() {
        return Err(empty(root, container));
    }
    let mut meters = Vec::new();
    for zone in zones.iter().filter(|zone| zone.counts(&zones)) {
        let mut meter = ZoneMeter::new(zone, &zones);
        let value = meter.value().map_err(|failure| unread(zone, container, &failure))?;
        meters.push((meter, value));
    }
    if meters.is_empty() {
        let names: Vec<&str> = zones.iter().map(|zone| zone.name.as_str()).collect();
        return Err(Presence::Unsupported {
            reason: format!("{}: no package among {}", root.display(), names.join(", ")),
        });
    }
    Ok(without_mirrors(meters))
}

/// The dies of a package may all show the counter of the package: such ones count once. A mirror
/// shows by its value: it lies between two readings of the first die, around its own.
fn without_mirrors(mut found: Vec<(ZoneMeter, u64)>) -> Vec<ZoneMeter> {
    let mut kept: Vec<(ZoneMeter, u64)> = Vec::new();
    for (mut meter, _) in found.drain(..) {
        let is_mirror = kept.iter_mut().any(|(first, before)| {
            if first.place() != meter.place() {
                return false;
            }
            let (Ok(value), Ok(after)) = (meter.value(), first.value()) else { return false };
            // Counters that have not moved since the boot are alike, and mirror nothing.
            let within = value > 0 && (*before..=after).contains(&value);
            *before = after;
            within
        });
        if !is_mirror && let Ok(value) = meter.value() {
            kept.push((meter, value));
        }
    }
    kept.into_iter().map(|(meter, _)| meter).collect()
}

fn unlisted(root: &Path, error: &io::Error) -> Presence {
    let what = root.display();
    match error.kind() {
        io::ErrorKind::NotFound => Presence::Absent {
            reason: format!(
                "there is no {what}: this kernel has no powercap, or this is a virtual machine"
            ),
        },
        io::ErrorKind::PermissionDenied => {
            Presence::Denied { reason: format!("{what}: {error}"), remedy: PERMIT.to_owned() }
        }
        _ => Presence::Unsupported { reason: format!("{what}: {error}") },
    }
}

fn empty(root: &Path, container: bool) -> Presence {
    let reason = format!("{} has no zone of a processor", root.display());
    if container {
        return Presence::Masked {
            reason: format!("{reason}, in a container"),
            remedy: UNMASK.to_owned(),
        };
    }
    Presence::Absent {
        reason: format!(
            "{reason}: its driver is not loaded (`modprobe intel_rapl_msr`), or this is a virtual machine"
        ),
    }
}

fn unread(zone: &Zone, container: bool, failure: &ReadFailure) -> Presence {
    let reason = format!("{}: {failure}", zone.counter().display());
    match failure {
        ReadFailure::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Presence::Denied { reason, remedy: PERMIT.to_owned() }
        }
        // The links of the class are left where the devices behind them are hidden.
        ReadFailure::Io(error) if error.kind() == io::ErrorKind::NotFound && container => {
            Presence::Masked { reason, remedy: UNMASK.to_owned() }
        }
        _ => Presence::Unsupported { reason },
    }
}

/// Docker, podman and Kubernetes each leave one of these.
fn is_in_container() -> bool {
    let marks = ["/.dockerenv", "/run/.containerenv"];
    marks.iter().any(|mark| Path::new(mark).exists())
        || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}
