//! What the selected cases need of this machine, checked before the first of them.
//!
//! A case says itself what it requires, and is skipped where that is not there; so is each case of
//! a backend that is off. Here is what would make cases fail one after the other instead.

use std::path::PathBuf;

use wattest::backends::{self, Availability};
use wattest::energy::sources;
use wattest::environment::Machine;
use wattest::preflight::{Check, ModelNeed, Needs, PreflightError, Reader, locate, run_preflight};
use wattest::schema::{Case, Kind, Requirement};

use crate::options::Options;
use crate::{console, folder};

/// Checks what `cases` need. Warnings go to stderr. Gives the directory of the model that is named,
/// where one is.
///
/// # Errors
/// Everything that fails, at once.
pub(crate) fn check(options: &Options, cases: &[Case]) -> Result<Option<PathBuf>, PreflightError> {
    let machine = Machine::here();
    let needs = needs(options, cases).with_nvml(&sources::open(&options.energy));
    pass(&needs, &machine)?;
    // Found a moment ago.
    Ok(options.model.as_ref().and_then(|model| locate(model, &machine).ok()))
}

/// Checks `needs` on `machine`. Warnings go to stderr.
///
/// # Errors
/// Everything that fails, at once.
pub fn pass(needs: &Needs, machine: &Machine) -> Result<(), PreflightError> {
    let checks = run_preflight(needs, machine);
    if let Some(error) = PreflightError::of(&checks) {
        return Err(error);
    }
    for warning in checks.iter().filter_map(Check::warning) {
        console::print(&format!("warning: {warning}\n"), true);
    }
    Ok(())
}

fn needs(options: &Options, cases: &[Case]) -> Needs {
    let reader = Reader::of(cases.iter().map(|case| case.backend.as_str()));
    // A run that is resumed has its folder.
    let folder = match (&options.out, &options.resume) {
        (Some(out), _) => Some(out.clone()),
        (None, Some(_)) => None,
        (None, None) => Some(folder::root()),
    };
    Needs {
        model: options.model.clone().map(|name| ModelNeed { name, reader }),
        cuda: cases.iter().find(|case| needs_cuda(case)).map(|case| case.name.clone()),
        folder,
        ..Needs::default()
    }
}

/// Whether `case` computes on a GPU, and does not require one: then it would not be skipped.
fn needs_cuda(case: &Case) -> bool {
    let device = case.settings.get("device").and_then(|device| device.as_str());
    let skips = case
        .requirements
        .iter()
        .any(|one| matches!(one, Requirement::Devices(_) | Requirement::ComputeCapability(_)));
    device.is_some_and(|device| device.starts_with("cuda"))
        && case.kind != Kind::Negative
        && !skips
        && is_ready(&case.backend)
}

/// Asked only for the few cases of which it matters: an engine in Python has no `device`.
fn is_ready(backend: &str) -> bool {
    backends::find(backend, &backends::Options::default())
        .is_some_and(|backend| backend.availability() == Availability::Ready)
}

#[cfg(test)]
mod tests {
    use wattest::schema::Relation;
    use wattest::settings::Settings;

    use super::*;

    fn case(backend: &str, kind: Kind, device: &str, requirements: Vec<Requirement>) -> Case {
        Case {
            name: format!("{backend}::device={device}"),
            backend: backend.to_owned(),
            kind,
            parameter: None,
            value: None,
            settings: [("device", device)].into_iter().collect(),
            reference: Settings::new(),
            load_paths: Vec::new(),
            relation: Relation::None,
            requirements,
            alias: None,
            known: None,
        }
    }

    #[test]
    fn only_a_case_that_would_not_be_skipped_needs_cuda() {
        let ready = "scripted";
        let rows = [
            (case(ready, Kind::Valid, "cuda:0", Vec::new()), true),
            (case(ready, Kind::Baseline, "cuda", Vec::new()), true),
            (case(ready, Kind::Valid, "cpu", Vec::new()), false),
            (case(ready, Kind::Negative, "cuda:99", Vec::new()), false),
            (case(ready, Kind::Valid, "cuda", vec![Requirement::Devices(1)]), false),
            (case("nothing", Kind::Valid, "cuda", Vec::new()), false),
        ];
        for (case, expected) in rows {
            assert_eq!(needs_cuda(&case), expected, "{}", case.name);
        }
    }

    #[test]
    fn an_engine_reads_more_models_than_this_library() {
        let options = Options { model: Some("m".into()), ..Options::default() };
        let reader = |backends: &[&str]| {
            let cases: Vec<Case> =
                backends.iter().map(|one| case(one, Kind::Valid, "cpu", Vec::new())).collect();
            needs(&options, &cases).model.unwrap().reader
        };
        assert_eq!(reader(&["vllm", "transformers"]), Reader::Engine);
        assert_eq!(reader(&["vllm", "candle"]), Reader::Embedded);
    }
}
