//! The backend as the registry hands it out.

use std::path::Path;

use super::engine::CandleEngine;
use super::settings::{LoadSettings, PARAMETERS};
use crate::backends::{Availability, Backend, BackendError, Engine, load};
use crate::generate::ModelDefaults;
use crate::settings::Settings;

/// The embedded backend.
pub(in crate::backends) struct Candle;

impl Backend for Candle {
    fn name(&self) -> &'static str {
        "candle"
    }

    fn availability(&self) -> Availability {
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
        Ok(Box::new(CandleEngine::load(model, settings)?))
    }
}
