//! The same case in another run.

use serde::{Deserialize, Serialize};

use crate::energy::Reading;
use crate::record::{Outcome, Record};
use crate::settings::Settings;

/// What an energy gate needs to know of the same case in the other run. It is kept in the record,
/// so that the record can be judged again when the other run is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// Its energy there.
    pub energy: Reading,
    /// Tokens that it generated there; none where it had no output.
    pub output_tokens: Option<u64>,
    /// Its settings there.
    pub settings: Settings,
    /// Hash of the environment snapshot of that run.
    pub environment: String,
}

impl Against {
    /// What `record`, of the other run, says. Where the case did not end well, its energy is
    /// unknown.
    pub fn of(record: &Record) -> Self {
        let energy = match record.outcome {
            Outcome::Completed => record.energy.clone(),
            _ => Reading::unknown("the case did not complete there"),
        };
        Self {
            energy,
            output_tokens: record.output_tokens(),
            settings: record.given_settings().clone(),
            environment: record.environment.clone(),
        }
    }
}

impl Record {
    /// Tokens that it generated; none where it has no output.
    pub fn output_tokens(&self) -> Option<u64> {
        let rows = self.output.as_ref()?.prompts.iter().flat_map(|prompt| &prompt.rows);
        Some(rows.map(|row| row.tokens.len() as u64).sum())
    }

    /// The settings as the engine was given them.
    pub fn given_settings(&self) -> &Settings {
        self.resolved.as_ref().unwrap_or(&self.case.settings)
    }
}
