//! The journal: the folder of a run with one record per finished case.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::record::Record;

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
        Ok(Self { folder: folder.to_owned() })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the record of a finished case.
    ///
    /// # Errors
    /// [`JournalError`] where it cannot be written.
    pub fn write(&self, _record: &Record) -> Result<(), JournalError> {
        Ok(())
    }

    /// All records of the run, in the order in which they were started; of several attempts at a
    /// case all are given.
    ///
    /// # Errors
    /// [`JournalError`] for a file that is not a record of a known version.
    pub fn records(&self) -> Result<Vec<Record>, JournalError> {
        Ok(Vec::new())
    }
}
