//! Where the sources of energy are looked for.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where the sources are looked for. Each worker is told the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Nothing is measured.
    pub off: bool,
    /// The NVML library; none for the one that the loader finds.
    pub nvml: Option<PathBuf>,
    /// The powercap tree; none for `/sys/class/powercap`.
    pub powercap: Option<PathBuf>,
}
