//! Whether energy can be measured: never an error, as readings say themselves that they are
//! unknown.

use crate::energy::{Presence, Probe, Source};
use crate::preflight::Check;

pub(super) fn energy(probes: &[Probe]) -> Check {
    let present: Vec<String> = probes
        .iter()
        .filter_map(|probe| match &probe.presence {
            Presence::Present { scope } => {
                Some(format!("{} of {}", name(probe.source), scope.join(", ")))
            }
            _ => None,
        })
        .collect();
    if !present.is_empty() {
        return Check::good("energy", present.join("; "));
    }
    let why: Vec<String> = probes.iter().filter_map(absence).collect();
    let why = if why.is_empty() { String::new() } else { format!(": {}", why.join("; ")) };
    let remedies: Vec<&str> = probes
        .iter()
        .filter_map(|probe| match &probe.presence {
            Presence::Denied { remedy, .. } | Presence::Masked { remedy, .. } => {
                Some(remedy.as_str())
            }
            _ => None,
        })
        .collect();
    let remedy = if remedies.is_empty() {
        "every reading will be null with its reason".to_owned()
    } else {
        remedies.join(", or ")
    };
    Check::warn("energy", format!("there is no source of energy{why}"), remedy)
}

fn absence(probe: &Probe) -> Option<String> {
    let (state, reason) = match &probe.presence {
        Presence::Present { .. } => return None,
        Presence::Absent { reason } => ("absent", reason),
        Presence::Denied { reason, .. } => ("denied", reason),
        Presence::Masked { reason, .. } => ("masked", reason),
        Presence::Unsupported { reason } => ("unsupported", reason),
    };
    Some(format!("{} is {state} ({reason})", name(probe.source)))
}

/// As records have it.
fn name(source: Source) -> &'static str {
    match source {
        Source::NvmlCounter => "nvml-counter",
        Source::NvmlPower => "nvml-power",
        Source::Rapl => "rapl",
        Source::None => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_source_is_a_warning_with_the_state_of_each() {
        let absent = Probe {
            source: Source::NvmlCounter,
            presence: Presence::Absent { reason: "no libnvidia-ml.so.1".to_owned() },
        };
        let denied = Probe {
            source: Source::Rapl,
            presence: Presence::Denied {
                reason: "energy_uj is root's".to_owned(),
                remedy: "run as root".to_owned(),
            },
        };
        let told = |probes: &[Probe]| energy(probes).warning().unwrap_or_default();
        insta::assert_snapshot!(told(&[]), @"energy: there is no source of energy; every reading will be null with its reason");
        insta::assert_snapshot!(told(std::slice::from_ref(&absent)), @"energy: there is no source of energy: nvml-counter is absent (no libnvidia-ml.so.1); every reading will be null with its reason");
        insta::assert_snapshot!(told(&[absent, denied.clone()]), @"energy: there is no source of energy: nvml-counter is absent (no libnvidia-ml.so.1); rapl is denied (energy_uj is root's); run as root");
        let present = Probe {
            source: Source::Rapl,
            presence: Presence::Present { scope: vec!["package-0".to_owned()] },
        };
        assert_eq!(energy(&[present, denied]), Check::good("energy", "rapl of package-0"));
    }
}
