//! The backend as the registry hands it out.

use std::path::Path;

use super::engine::CandleEngine;
use super::settings::{LoadSettings, PARAMETERS};
use crate::backends::{Availability, Backend, BackendError, Engine};
use crate::generate::{GenerationConfig, ModelDefaults};
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
        LoadSettings::parse(settings)?;
        let request = settings.only(|name| !PARAMETERS.contains(&name));
        // Of a model nothing is known yet: what depends on one is checked on loading.
        GenerationConfig::parse(&request, &ModelDefaults::default())?;
        Ok(())
    }

    fn load(&self, model: &Path, settings: &Settings) -> Result<Box<dyn Engine>, BackendError> {
        Ok(Box::new(CandleEngine::load(model, settings)?))
    }
}
