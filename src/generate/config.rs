//! The request settings, checked: what the loop runs on.

use crate::refusal::Refusal;
use crate::settings::Settings;

/// What the model brings along for the settings that a request leaves open.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelDefaults {
    /// The entries of `generation_config.json` (and, where it lacks them, of `config.json`) that
    /// are generation settings.
    pub settings: Settings,
    /// How many entries a row of logits has.
    pub vocab_size: usize,
    /// How many positions one row may have.
    pub max_positions: usize,
}

/// Checked request settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GenerationConfig {}

impl GenerationConfig {
    /// Every request parameter of the loop, by name.
    pub const PARAMETERS: &'static [&'static str] = &[];

    /// Checks `settings` (request settings only) over the defaults of the model.
    ///
    /// # Errors
    /// A [`Refusal`] with the parameter, the value and the rule.
    pub fn parse(_settings: &Settings, _defaults: &ModelDefaults) -> Result<Self, Refusal> {
        Ok(Self::default())
    }

    /// The settings in force, read back from the checked form: every parameter, defaults included.
    pub fn effective(&self) -> Settings {
        Settings::new()
    }
}
