//! The manifest of a run: what is planned, written before the first case.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::backends;
use crate::energy::{self, Measurement};
use crate::record::SCHEMA_VERSION;
use crate::run::{Isolate, SupervisorOptions};
use crate::schema::Case;

/// What a run is about. A resumed run must be about the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`] at the time of writing.
    pub schema_version: u32,
    /// Version of wattest.
    pub tool_version: String,
    /// When the run began, RFC 3339.
    pub started: String,
    /// Model directory as it was given.
    pub model: String,
    /// Identity of the model's files.
    pub model_fingerprint: String,
    /// Options of the backends.
    pub backends: backends::Options,
    /// Where the sources of energy are looked for.
    #[serde(default)]
    pub energy: energy::Options,
    /// How thoroughly energy is measured.
    #[serde(default)]
    pub measurement: Measurement,
    /// What shares a process.
    pub isolate: Isolate,
    /// Deadline of one case in seconds.
    pub timeout_s: f64,
    /// Longest silence within a case in seconds.
    pub silence_s: f64,
    /// Hash of the environment snapshot.
    pub environment: String,
    /// Names of the planned cases, in the order of the run.
    pub cases: Vec<String>,
}

impl Manifest {
    /// The manifest of a run of `cases` with these options that begins now.
    pub fn new(options: &SupervisorOptions, cases: &[Case]) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            started: format!("{:.6}", Timestamp::now()),
            model: options.model.display().to_string(),
            model_fingerprint: fingerprint(&options.model),
            backends: options.backends.clone(),
            energy: options.energy.clone(),
            measurement: options.measurement,
            isolate: options.isolate,
            timeout_s: seconds(options.timeout),
            silence_s: seconds(options.silence),
            environment: options.environment.clone(),
            cases: cases.iter().map(|case| case.name.clone()).collect(),
        }
    }

    /// Why a run with the manifest `new` cannot continue this one: its records would not be
    /// comparable. None where it can. Limits, isolation and the choice of cases may change.
    pub fn conflict(&self, new: &Self) -> Option<String> {
        let differs = |what: &str, old: &str, new: &str| {
            (old != new).then(|| {
                format!(
                    "the run has {what} {old} and is to be resumed with {new}; \
                     run without --resume to start a new one"
                )
            })
        };
        let script = |options: &backends::Options| {
            options.script.as_deref().map_or("none".to_owned(), |path| path.display().to_string())
        };
        differs("wattest version", &self.tool_version, &new.tool_version)
            .or_else(|| {
                // The same files may be reached by another path.
                let same = self.model_fingerprint == new.model_fingerprint;
                let changed = || {
                    differs("model", &self.model, &new.model).unwrap_or_else(|| {
                        format!(
                            "the files of the model {} have changed since the run began; \
                             run without --resume to start a new one",
                            self.model
                        )
                    })
                };
                (!same).then(changed)
            })
            .or_else(|| differs("script", &script(&self.backends), &script(&new.backends)))
    }
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

/// Names and sizes of all files, and the contents of the small ones: weights are too large to be
/// read for this.
fn fingerprint(model: &Path) -> String {
    const SMALL: u64 = 1 << 20;
    let mut files: Vec<_> = std::fs::read_dir(model)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let Ok(meta) = std::fs::metadata(&file) else { continue };
        let name = file.file_name().unwrap_or_default();
        hash.update(name.as_encoded_bytes());
        hash.update(meta.len().to_le_bytes());
        if meta.is_file() && meta.len() <= SMALL {
            hash.update(std::fs::read(&file).unwrap_or_default());
        }
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
