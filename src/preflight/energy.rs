//! Whether energy can be measured: never an error, as readings say themselves that they are
//! unknown.

use crate::energy::Probe;
use crate::preflight::Check;

pub(super) fn energy(probes: &[Probe]) -> Check {
    let present = probes.iter().filter(|probe| probe.presence.lack().is_none());
    let present: Vec<String> = present
        .map(|probe| format!("{} of {}", probe.source, probe.presence.scope().join(", ")))
        .collect();
    if !present.is_empty() {
        return Check::good("energy", present.join("; "));
    }
    let lacks = || probes.iter().filter_map(|probe| Some((probe.source, probe.presence.lack()?)));
    let why: Vec<String> = lacks()
        .map(|(source, (state, reason, _))| format!("{source} is {state} ({reason})"))
        .collect();
    let why = if why.is_empty() { String::new() } else { format!(": {}", why.join("; ")) };
    let mut remedies: Vec<&str> = lacks().filter_map(|(_, (_, _, remedy))| remedy).collect();
    // Both sources of NVML lack the same.
    remedies.dedup();
    let remedy = if remedies.is_empty() {
        "every reading will be null with its reason".to_owned()
    } else {
        remedies.join(", or ")
    };
    Check::warn("energy", format!("there is no source of energy{why}"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::{Presence, Source};

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
