//! The journal: the folder of a run with one record per finished case.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::record::{Record, SCHEMA_VERSION};
use crate::run::Manifest;
use crate::run::files;

/// The folder of a run. Records are written by atomic rename, so a reader sees whole ones only.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
}

/// The journal cannot be written or read.
#[derive(Debug, Error)]
#[error("{}: {message}", path.display())]
pub struct JournalError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong and what to do.
    pub message: String,
}

impl Journal {
    /// Opens the run folder, and makes it where it is not there yet.
    ///
    /// # Errors
    /// [`JournalError`] where it cannot be made.
    pub fn open(folder: &Path) -> Result<Self, JournalError> {
        for part in ["records", "logs"] {
            let path = folder.join(part);
            std::fs::create_dir_all(&path).map_err(|error| JournalError {
                message: format!("cannot be made: {error}; choose another run folder"),
                path,
            })?;
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes what is planned, before the first case: it says what is missing where a run was
    /// killed.
    ///
    /// # Errors
    /// [`JournalError`] where it cannot be written.
    pub fn begin(&self, manifest: &Manifest) -> Result<(), JournalError> {
        let path = self.manifest_file();
        files::replace_json(&path, manifest).map_err(|error| unwritable(path, &error))
    }

    /// What was planned; none where no run has begun here.
    ///
    /// # Errors
    /// [`JournalError`] where it cannot be read, or is of an unknown version.
    pub fn manifest(&self) -> Result<Option<Manifest>, JournalError> {
        let path = self.manifest_file();
        if path.exists() { read(&path).map(Some) } else { Ok(None) }
    }

    /// Writes the record of a finished case, in place of an earlier one of the same attempt.
    ///
    /// # Errors
    /// [`JournalError`] where it cannot be written.
    pub fn write(&self, record: &Record) -> Result<(), JournalError> {
        let name = files::name(&record.case.name, record.attempt);
        let path = self.records_folder().join(format!("{name}.json"));
        files::replace_json(&path, record).map_err(|error| unwritable(path, &error))
    }

    /// All records of the run, in the order in which they were started; of several attempts at a
    /// case all are given.
    ///
    /// # Errors
    /// [`JournalError`] for a file that is not a record of a known version.
    pub fn records(&self) -> Result<Vec<Record>, JournalError> {
        let folder = self.records_folder();
        let unreadable = |error: &io::Error| JournalError {
            path: folder.clone(),
            message: format!("cannot be read: {error}"),
        };
        let mut records = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(|error| unreadable(&error))? {
            let path = entry.map_err(|error| unreadable(&error))?.path();
            // Everything else is a temporary file of a run that was killed.
            if path.extension().is_some_and(|extension| extension == "json") {
                let record: Record = read(&path)?;
                let started: Option<Timestamp> = record.started.parse().ok();
                records.push((started, record));
            }
        }
        records.sort_by(|(one, a), (other, b)| {
            (one, &a.case.name, a.attempt).cmp(&(other, &b.case.name, b.attempt))
        });
        Ok(records.into_iter().map(|(_, record)| record).collect())
    }

    /// The names of the cases that have a record: what `--resume` need not run again.
    ///
    /// # Errors
    /// As [`Journal::records`].
    pub fn finished(&self) -> Result<BTreeSet<String>, JournalError> {
        Ok(self.records()?.into_iter().map(|record| record.case.name).collect())
    }

    fn records_folder(&self) -> PathBuf {
        self.folder.join("records")
    }

    fn manifest_file(&self) -> PathBuf {
        self.folder.join("run.json")
    }
}

fn unwritable(path: PathBuf, error: &io::Error) -> JournalError {
    JournalError { path, message: format!("cannot be written: {error}; is the disk full?") }
}

/// Reads a file of this version: the version is looked at first, as all else may have changed.
fn read<T: DeserializeOwned>(path: &Path) -> Result<T, JournalError> {
    let fault = |message: String| JournalError { path: path.to_owned(), message };
    let text = std::fs::read(path).map_err(|error| fault(format!("cannot be read: {error}")))?;
    let value: serde_json::Value = serde_json::from_slice(&text)
        .map_err(|error| fault(format!("is not JSON ({error}); move it out of the way")))?;
    let version = value.get("schema_version").and_then(serde_json::Value::as_u64);
    if version != Some(u64::from(SCHEMA_VERSION)) {
        let found = version.map_or("no version".to_owned(), |version| format!("version {version}"));
        return Err(fault(format!(
            "has {found} and this wattest reads version {SCHEMA_VERSION}; use the one that wrote it"
        )));
    }
    serde_json::from_value(value).map_err(|error| {
        fault(format!("is not what it should be: {error}; move it out of the way"))
    })
}
