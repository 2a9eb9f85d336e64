//! Whether this machine has what a run is going to need, looked at before anything runs: every
//! check is made, and everything that fails is told at once, each with what to do.
//!
//! Nothing heavy is done to find out: no model is loaded, no libtorch and no CUDA library; an
//! interpreter is started only to ask whether it has the package of an engine.

mod check;
mod cuda;
mod energy;
mod folder;
mod gpus;
mod hub;
mod memory;
mod model;
mod needs;

pub use check::{Check, Outcome, PreflightError};
pub use cuda::{NoCuda, cuda};
pub use hub::{HubId, locate};
pub use needs::{ModelNeed, Needs, Reader};

use crate::environment::Machine;

/// Checks on `machine` everything that `needs` names.
///
/// The checks come in the order of [`Needs`]; [`PreflightError::of`] tells what failed.
pub fn run_preflight(needs: &Needs, machine: &Machine) -> Vec<Check> {
    let mut checks = Vec::new();
    checks.extend(needs.backends.iter().map(|(name, found)| needs::backend(name, found.as_ref())));
    if let Some(model) = &needs.model {
        let (found, weights) = model::model(model, machine);
        checks.extend(found);
        checks.extend(memory::memory(weights, needs.cuda.is_some(), machine));
    }
    if let Some(user) = &needs.cuda {
        checks.push(cuda::check(user, machine));
    }
    if needs.cuda.is_some() || needs.exclusive {
        checks.extend(gpus::users(needs.exclusive, &needs.foreign, machine));
    }
    checks.extend(gpus::foreign(needs.exclusive, &needs.foreign, machine));
    checks.extend(gpus::settings(&needs.gpus));
    if let Some(folder) = &needs.folder {
        checks.push(folder::folder(folder));
    }
    if let Some(probes) = &needs.energy {
        checks.push(energy::energy(probes));
    }
    checks
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::backends::Availability;
    use crate::environment::Gpu;

    /// The form is that of the issue, to the letter.
    #[test]
    fn everything_that_fails_is_told_at_once() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine::at(root.path(), BTreeMap::new());
        let off = Availability::Off {
            reason: "the pytorch backend is not in this build".to_owned(),
            remedy: "run `scripts/libtorch`, then build with `--features torch`".to_owned(),
        };
        let needs = Needs {
            backends: vec![
                ("pytorch".to_owned(), Some(off)),
                ("candle".to_owned(), Some(Availability::Ready)),
                ("candel".to_owned(), None),
            ],
            model: Some(ModelNeed { name: "nowhere/at/all".into(), reader: Reader::Embedded }),
            cuda: Some("candle::device=cuda".to_owned()),
            exclusive: true,
            gpus: vec![Gpu {
                uuid: Some("GPU-1".to_owned()),
                persistence: Some(false),
                ..Gpu::default()
            }],
            foreign: Vec::new(),
            folder: Some("/dev/null/below".into()),
            energy: Some(Vec::new()),
        };
        let checks = run_preflight(&needs, &machine);
        let error = PreflightError::of(&checks).unwrap();
        insta::assert_snapshot!(error, @r"
        Pre-flight failed: 5 issue(s) found
          ✗ backend pytorch: the pytorch backend is not in this build; run `scripts/libtorch`, then build with `--features torch`
          ✗ backend candel: there is no such backend; did you mean `candle`?
          ✗ model: nowhere/at/all does not exist; give a model directory, or make a tiny one with `wattest model new --arch llama DIR`
          ✗ CUDA: candle::device=cuda needs it, and there is no NVIDIA GPU and no driver here; run on a machine with one, or leave out what needs it (`device: cpu`)
          ✗ disk: /dev/null is no folder, so /dev/null/below cannot be made; name another with --out
        ");
        // Warnings are no errors.
        let warned: Vec<String> = checks.iter().filter_map(Check::warning).collect();
        insta::assert_snapshot!(warned.join("\n"), @r"
        GPU: persistence mode of GPU-1 is off: the driver may unload between cases, which sets its energy counter to 0; run `nvidia-smi -i GPU-1 -pm 1` as root
        energy: there is no source of energy; every reading will be null with its reason
        ");
    }

    #[test]
    fn nothing_needed_is_nothing_wrong() {
        let root = tempfile::tempdir().unwrap();
        let checks = run_preflight(&Needs::default(), &Machine::at(root.path(), BTreeMap::new()));
        assert!(checks.is_empty());
        assert!(PreflightError::of(&checks).is_none());
    }
}
