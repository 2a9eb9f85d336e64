//! Reference outputs: made once per worker, and the important ones shared between workers.
//!
//! A case of a load parameter is compared with an output of another engine, mostly the baseline's.
//! Were that not kept on disk, each such group would load two engines instead of one.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::backends::{Generation, score_tables};
use crate::run::{files, placeholder};
use crate::settings::{Settings, short_hash};

/// Where they are, in the folder of a run.
pub(super) const REFERENCES: &str = "references";

/// How many bytes of score tables are kept in memory. A model with a large vocabulary has some
/// hundred MiB of them for one output.
const IN_MEMORY: usize = 512 << 20;

/// How many bytes of score tables are written to a file at most.
const ON_DISK: usize = 256 << 20;

/// An output to compare with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reference {
    pub(super) generation: Generation,
    pub(super) row: placeholder::Row,
}

/// The reference outputs that are known.
#[derive(Debug)]
pub(super) struct References {
    folder: PathBuf,
    /// Identity of build and model: an output of others is none of ours.
    origin: String,
    /// The latest used last.
    known: Vec<(String, Rc<Reference>)>,
    limit: usize,
}

impl References {
    /// Those of `model` in the run in folder `run`.
    pub(super) fn new(run: &Path, model: &Path) -> Self {
        let origin = short_hash(&format!("{} {}", stamp_of_build(), stamp_of_folder(model)), 16);
        Self { folder: run.join(REFERENCES), origin, known: Vec::new(), limit: IN_MEMORY }
    }

    /// The output of `backend` with `settings`, if it is known.
    pub(super) fn get(&mut self, backend: &str, settings: &Settings) -> Option<Rc<Reference>> {
        let key = self.key(backend, settings);
        if let Some(place) = self.known.iter().position(|(known, _)| *known == key) {
            let found = self.known.remove(place);
            let reference = Rc::clone(&found.1);
            self.known.push(found);
            return Some(reference);
        }
        let reference = Rc::new(read(&self.file(&key))?);
        self.keep(key, &reference);
        Some(reference)
    }

    /// Keeps the output of `backend` with `settings`; for other workers, too, where it is `shared`.
    pub(super) fn put(
        &mut self,
        backend: &str,
        settings: &Settings,
        reference: Reference,
        shared: bool,
    ) -> Rc<Reference> {
        let key = self.key(backend, settings);
        if shared && score_tables::size(&reference.generation) <= ON_DISK {
            // What cannot be kept is only made again.
            let _ = write(&self.file(&key), &reference);
        }
        let reference = Rc::new(reference);
        self.keep(key, &reference);
        reference
    }

    fn keep(&mut self, key: String, reference: &Rc<Reference>) {
        self.known.push((key, Rc::clone(reference)));
        let size = |known: &[(String, Rc<Reference>)]| -> usize {
            known.iter().map(|(_, one)| score_tables::size(&one.generation)).sum()
        };
        // The last one is in use, and stays however large it is.
        while self.known.len() > 1 && size(&self.known) > self.limit {
            self.known.remove(0);
        }
    }

    fn key(&self, backend: &str, settings: &Settings) -> String {
        format!("{backend}-{}-{}", self.origin, settings.key())
    }

    fn file(&self, key: &str) -> PathBuf {
        self.folder.join(key)
    }
}

fn write(file: &Path, reference: &Reference) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let bare = Reference {
        generation: score_tables::without_scores(&reference.generation),
        row: reference.row.clone(),
    };
    let mut contents = serde_json::to_vec(&bare)?;
    contents.push(b'\n');
    score_tables::encode(&reference.generation, &mut contents);
    files::replace(file, &contents)
}

fn read(file: &Path) -> Option<Reference> {
    let mut contents = Vec::new();
    std::fs::File::open(file).ok()?.read_to_end(&mut contents).ok()?;
    let end = memchr::memchr(b'\n', &contents)?;
    let mut reference: Reference = serde_json::from_slice(&contents[..end]).ok()?;
    score_tables::decode(&mut reference.generation, &contents[end + 1..])?;
    Some(reference)
}

fn stamp_of_build() -> String {
    std::env::current_exe().map(|file| stamp(&file)).unwrap_or_default()
}

fn stamp_of_folder(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).map(|entries| entries.flatten().collect());
    let mut entries: Vec<_> = entries.unwrap_or_default();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let place = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let files: Vec<String> = entries
        .iter()
        .map(|entry| format!("{} {}", entry.file_name().display(), stamp(&entry.path())))
        .collect();
    format!("{} {}", place.display(), files.join(" "))
}

/// Size and time of the last change.
fn stamp(file: &Path) -> String {
    let Ok(meta) = std::fs::metadata(file) else { return String::new() };
    let changed = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("{} {:?}", meta.len(), changed.map(|since| since.as_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::PromptOutput;
    use crate::generate::{Finish, Row};

    fn reference(entries: usize) -> Reference {
        let row = Row {
            tokens: vec![1],
            text: "x".to_owned(),
            scores: Some(vec![vec![(1, -0.5); entries]]),
            sequence_score: None,
            finish: Finish::Length,
        };
        let prompt = PromptOutput { prompt_tokens: vec![1], rows: vec![row] };
        let generation = Generation { prompts: vec![prompt], ..Generation::default() };
        Reference { row: placeholder::Row::of(&generation, |_| "x".to_owned()), generation }
    }

    fn settings(value: u32) -> Settings {
        [("a", value)].into_iter().collect()
    }

    #[test]
    fn shared_ones_are_known_to_others_with_their_scores() {
        let run = tempfile::tempdir().unwrap();
        let model = tempfile::tempdir().unwrap();
        let mut one = References::new(run.path(), model.path());
        one.put("x", &settings(1), reference(3), true);
        one.put("x", &settings(2), reference(3), false);
        let mut other = References::new(run.path(), model.path());
        assert_eq!(*other.get("x", &settings(1)).unwrap(), reference(3));
        assert_eq!(other.get("x", &settings(2)), None);
        assert_eq!(other.get("y", &settings(1)), None);
        // Another model in the same place is another origin.
        std::fs::write(model.path().join("config.json"), "{}").unwrap();
        assert_eq!(References::new(run.path(), model.path()).get("x", &settings(1)), None);
    }

    #[test]
    fn memory_is_bounded_and_the_latest_stays() {
        let run = tempfile::tempdir().unwrap();
        let mut known = References::new(run.path(), run.path());
        known.limit = 100;
        for value in 0..3 {
            known.put("x", &settings(value), reference(5), false);
        }
        assert_eq!(known.get("x", &settings(0)), None);
        assert!(known.get("x", &settings(1)).is_some());
        known.put("x", &settings(3), reference(100), false);
        assert!(known.get("x", &settings(3)).is_some());
        assert_eq!(known.known.len(), 1);
    }
}
