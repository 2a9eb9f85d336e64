//! A backend that this build lacks: it answers with the way to have it.

use std::path::Path;

use crate::backends::{Availability, Backend, BackendError, Engine};
use crate::settings::Settings;

/// A backend whose cargo feature is off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Off {
    name: &'static str,
    remedy: &'static str,
}

impl Off {
    /// The backend `name`, which `remedy` turns on.
    pub(super) fn new(name: &'static str, remedy: &'static str) -> Self {
        Self { name, remedy }
    }

    fn reason(self) -> String {
        format!("the {} backend is not in this build", self.name)
    }

    fn error(self) -> BackendError {
        BackendError::Unavailable { reason: self.reason(), remedy: self.remedy.to_owned() }
    }
}

impl Backend for Off {
    fn name(&self) -> &'static str {
        self.name
    }

    fn availability(&self) -> Availability {
        Availability::Off { reason: self.reason(), remedy: self.remedy.to_owned() }
    }

    fn check(&self, _settings: &Settings) -> Result<(), BackendError> {
        Err(self.error())
    }

    fn load(&self, _model: &Path, _settings: &Settings) -> Result<Box<dyn Engine>, BackendError> {
        Err(self.error())
    }
}
