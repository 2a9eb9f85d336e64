//! The backend as the registry hands it out.

use std::path::Path;

use super::engine::TorchEngine;
use super::settings::{LoadSettings, PARAMETERS};
use crate::backends::{Availability, Backend, BackendError, Engine};
use crate::generate::{GenerationConfig, ModelDefaults};
use crate::settings::Settings;

/// PyTorch in this process.
pub(in crate::backends) struct PyTorch;

impl Backend for PyTorch {
    fn name(&self) -> &'static str {
        "pytorch"
    }

    fn availability(&self) -> Availability {
        // A program that is linked with libtorch does not start without it.
        Availability::Ready
    }

    fn check(&self, settings: &Settings) -> Result<(), BackendError> {
        LoadSettings::parse(settings)?;
        let request = settings.only(|name| !PARAMETERS.contains(&name));
        // Of a model nothing is known yet: what depends on one is checked on loading.
        GenerationConfig::parse(&request, &ModelDefaults::default())?;
        Ok(())
    }

    fn load(&self, model: &Path, settings: &Settings) -> Result<Box<dyn Engine>, BackendError> {
        Ok(Box::new(TorchEngine::load(model, settings)?))
    }
}
