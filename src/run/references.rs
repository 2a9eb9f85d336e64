//! Reference outputs: made once per worker, and shared between the workers of a run.
//!
//! A case of a load parameter is compared with an output of another engine. Were it not kept on
//! disk, each such group would load two engines instead of one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::backends::Generation;
use crate::run::{files, placeholder};
use crate::settings::{Settings, short_hash};

/// An output to compare with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Reference {
    pub(super) generation: Generation,
    pub(super) row: placeholder::Row,
}

/// The reference outputs that are known.
#[derive(Debug)]
pub(super) struct References {
    folder: PathBuf,
    /// Identity of this build: an output of an older build is none of ours.
    build: String,
    known: HashMap<String, Rc<Reference>>,
}

impl References {
    /// Those of the run in folder `run`.
    pub(super) fn of_run(run: &Path) -> Self {
        Self { folder: run.join("references"), build: build(), known: HashMap::new() }
    }

    /// The output of `backend` with `settings`, if it is known.
    pub(super) fn get(&mut self, backend: &str, settings: &Settings) -> Option<Rc<Reference>> {
        let key = self.key(backend, settings);
        if let Some(reference) = self.known.get(&key) {
            return Some(Rc::clone(reference));
        }
        let text = std::fs::read(self.file(&key)).ok()?;
        let reference = Rc::new(serde_json::from_slice(&text).ok()?);
        self.known.insert(key, Rc::clone(&reference));
        Some(reference)
    }

    /// Keeps the output of `backend` with `settings`.
    pub(super) fn put(
        &mut self,
        backend: &str,
        settings: &Settings,
        reference: Reference,
    ) -> Rc<Reference> {
        let key = self.key(backend, settings);
        // Score tables are far too large for a file.
        let rows = reference.generation.prompts.iter().flat_map(|prompt| &prompt.rows);
        if rows.into_iter().all(|row| row.scores.is_none()) {
            // Not kept only means to make it again.
            let _ = std::fs::create_dir_all(&self.folder);
            let _ = files::replace_json(&self.file(&key), &reference);
        }
        let reference = Rc::new(reference);
        self.known.insert(key, Rc::clone(&reference));
        reference
    }

    fn key(&self, backend: &str, settings: &Settings) -> String {
        format!("{backend}-{}-{}", self.build, settings.key())
    }

    fn file(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }
}

fn build() -> String {
    let stamp = std::env::current_exe().and_then(std::fs::metadata).map(|meta| {
        let changed = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        format!("{} {:?}", meta.len(), changed)
    });
    short_hash(&stamp.unwrap_or_default(), 8)
}
