//! The backend as the registry hands it out.

use std::path::Path;

use super::engine::TorchEngine;
use super::settings::{LoadSettings, PARAMETERS};
use crate::backends::{Availability, Backend, BackendError, Engine, load};
use crate::generate::ModelDefaults;
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
        let assistant = LoadSettings::parse(settings)?.assistant.is_some();
        // Of a model nothing is known yet: what depends on one is checked on loading.
        let defaults = ModelDefaults { assistant, ..ModelDefaults::default() };
        load::request(settings, PARAMETERS, &defaults)?;
        Ok(())
    }

    fn load(&self, model: &Path, settings: &Settings) -> Result<Box<dyn Engine>, BackendError> {
        Ok(Box::new(TorchEngine::load(model, settings)?))
    }
}
