//! Whether the weights of a model have room in main memory.

use crate::environment::{Machine, memory_available};
use crate::preflight::Check;

/// By how much weights may shrink on the way from the files to memory: from 32 bits to four.
const SHRINKS: u64 = 8;

/// Whether `weights` bytes have room; nothing where either is not known. With a GPU they go there,
/// so that what main memory has is no reason not to begin.
pub(super) fn memory(weights: Option<u64>, gpu: bool, machine: &Machine) -> Option<Check> {
    let (weights, available) = (weights?, memory_available(machine)?);
    let told = format!("the weights take {}, and {} can be had", mib(weights), mib(available));
    Some(if weights / SHRINKS > available && !gpu {
        let remedy = "free memory, raise the limit of the container, or take a smaller model";
        Check::failed("memory", told + " (even in four bits they do not fit)", remedy)
    } else if weights > available {
        let remedy = "free memory, or load in fewer bits";
        Check::warn("memory", told, remedy)
    } else {
        Check::good("memory", told)
    })
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::machine::made_up::machine;
    use crate::preflight::Outcome;

    #[test]
    fn weights_that_cannot_fit_fail_and_those_that_may_not_warn() {
        const MIB: u64 = 1 << 20;
        let files = [("/proc/meminfo", "MemTotal: 4096 kB\nMemAvailable: 2048 kB\n")];
        let (_root, machine) = machine(&files, &[]);
        let kind = |weights, gpu| match memory(Some(weights), gpu, &machine).unwrap().outcome {
            Outcome::Good { .. } => "good",
            Outcome::Warning { .. } => "warning",
            Outcome::Failed { .. } => "failed",
        };
        let rows = [
            (2 * MIB, false, "good"),
            (3 * MIB, false, "warning"),
            (16 * MIB, false, "warning"),
            (17 * MIB, false, "failed"),
            (17 * MIB, true, "warning"),
        ];
        for (weights, gpu, expected) in rows {
            assert_eq!(kind(weights, gpu), expected, "{weights} {gpu}");
        }
        insta::assert_snapshot!(
            memory(Some(32 * MIB), false, &machine).unwrap().failure().unwrap(),
            @"memory: the weights take 32 MiB, and 2 MiB can be had (even in four bits they do not fit); free memory, raise the limit of the container, or take a smaller model"
        );
        assert_eq!(memory(None, false, &machine), None);
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_not_judged() {
        let (_root, machine) = machine(&[], &[]);
        assert_eq!(memory(Some(1), false, &machine), None);
    }
}
