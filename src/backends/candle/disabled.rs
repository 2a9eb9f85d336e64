//! What answers for the backend in a build that lacks it.

use std::path::Path;

use crate::backends::{Availability, Backend, BackendError, Engine};
use crate::settings::Settings;

const REASON: &str = "this build has no candle backend";
const REMEDY: &str = "build with `--features candle`";

/// The backend that is not there.
pub(super) struct Candle;

impl Backend for Candle {
    fn name(&self) -> &'static str {
        "candle"
    }

    fn availability(&self) -> Availability {
        Availability::Off { reason: REASON.to_owned(), remedy: REMEDY.to_owned() }
    }

    fn check(&self, _settings: &Settings) -> Result<(), BackendError> {
        Err(unavailable())
    }

    fn load(&self, _model: &Path, _settings: &Settings) -> Result<Box<dyn Engine>, BackendError> {
        Err(unavailable())
    }
}

fn unavailable() -> BackendError {
    BackendError::Unavailable { reason: REASON.to_owned(), remedy: REMEDY.to_owned() }
}
