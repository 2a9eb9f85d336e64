//! Energy readings. What is not known is null with a reason.

use serde::{Deserialize, Serialize};

/// The energy of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Joules in the window, everything the source covers included.
    pub gross_j: Option<f64>,
    /// Joules above the baseline.
    pub net_j: Option<f64>,
    /// What measured.
    pub source: Source,
    /// Why a number is missing.
    pub reason: Option<String>,
}

/// What measured energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Nothing did.
    None,
}

impl Reading {
    /// No number, and why.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self { gross_j: None, net_j: None, source: Source::None, reason: Some(reason.into()) }
    }
}
