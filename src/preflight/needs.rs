//! What a run is going to need.

use std::path::PathBuf;

use crate::backends::{self, Availability};
use crate::energy::nvml::Foreign;
use crate::energy::{Probe, Sources};
use crate::environment::Gpu;
use crate::preflight::Check;
use crate::refusal::nearest;

/// What a run is going to need. What is not named is not looked at.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// The backends that must be ready, each with what it says of itself; none of a name that no
    /// backend has.
    pub backends: Vec<(String, Option<Availability>)>,
    /// The model.
    pub model: Option<ModelNeed>,
    /// What needs CUDA: a case or a setting, by its name.
    pub cuda: Option<String>,
    /// Whether nobody else may use a GPU while the run lasts. Where it is false, somebody who does
    /// is warned of: energy is then that of both.
    pub exclusive: bool,
    /// The GPUs as NVML tells of them, for warnings; empty where it was not asked.
    pub gpus: Vec<Gpu>,
    /// Who else computes on them, as NVML tells.
    pub foreign: Vec<Foreign>,
    /// The folder that is written.
    pub folder: Option<PathBuf>,
    /// The sources of energy, where energy is to be measured.
    pub energy: Option<Vec<Probe>>,
}

/// A model that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelNeed {
    /// A directory, or the id of a model on the hub.
    pub name: PathBuf,
    /// What reads it.
    pub reader: Reader,
}

/// What reads a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// This library: the architectures and formats that it knows.
    Embedded,
    /// An engine, which knows more of them.
    Engine,
}

impl Reader {
    /// What reads the model of a run of `backends`: an engine, where they are all over engines in
    /// Python.
    pub fn of<'a>(backends: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names = backends.into_iter().peekable();
        let is_known = names.peek().is_some();
        match is_known && names.all(|name| backends::ENGINES.contains(&name)) {
            true => Self::Engine,
            false => Self::Embedded,
        }
    }
}

impl Needs {
    /// These, and what NVML tells of the GPUs, for warnings.
    #[must_use]
    pub fn with_nvml(mut self, sources: &Sources) -> Self {
        self.gpus = sources.facts().map(|facts| facts.gpus).unwrap_or_default();
        self.foreign = sources.foreign();
        self
    }

    /// These, and the backend `name` ready.
    #[must_use]
    pub fn with_backend(mut self, name: &str, options: &backends::Options) -> Self {
        let found = backends::find(name, options).map(|backend| backend.availability());
        self.backends.push((name.to_owned(), found));
        self
    }
}

pub(super) fn backend(name: &str, found: Option<&Availability>) -> Check {
    let what = format!("backend {name}");
    match found {
        Some(Availability::Ready) => Check::good(what, "ready"),
        Some(Availability::Off { reason, remedy }) => Check::failed(what, reason, remedy),
        None => {
            let known = backends::names();
            let remedy = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are: {}", known.join(", ")),
            };
            Check::failed(what, "there is no such backend", remedy)
        }
    }
}
