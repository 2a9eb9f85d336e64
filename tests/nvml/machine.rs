//! A machine with GPUs that do what a test says: a copy of the fake NVML in a folder of its own.
//!
//! A copy, because the loader knows a library by its file: two tests with one would share a machine.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// The machine.
pub(crate) struct Machine {
    folder: TempDir,
}

impl Machine {
    /// One that does what `script` says (`tests/fake-nvml/src/script.rs`).
    pub(crate) fn new(script: &Value) -> Self {
        Self::without(script, &[])
    }

    /// One whose library lacks some functions.
    pub(crate) fn without(script: &Value, functions: &[&str]) -> Self {
        let mut bytes = fs::read(built()).unwrap();
        for function in functions {
            let name = format!("\0{function}\0");
            let found = places(&bytes, name.as_bytes());
            assert!(!found.is_empty(), "the fake has no `{function}`");
            for place in found {
                // The loader finds its hash, and under it another name.
                bytes[place + function.len()] = b'?';
            }
        }
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(machine.library(), bytes).unwrap();
        machine.set(script);
        machine
    }

    /// What it does from now on.
    ///
    /// Written in place, over what was there: a file that is replaced is flushed to the disk by
    /// many file systems, and some tests do it thousands of times.
    pub(crate) fn set(&self, script: &Value) {
        let path = self.folder.path().join("libnvidia-ml.so.1.json");
        let mut file =
            OpenOptions::new().create(true).truncate(false).write(true).open(path).unwrap();
        let length = file.metadata().unwrap().len() as usize;
        file.write_all(format!("{:length$}", script.to_string()).as_bytes()).unwrap();
    }

    /// Its NVML.
    pub(crate) fn library(&self) -> PathBuf {
        self.folder.path().join("libnvidia-ml.so.1")
    }
}

fn places(bytes: &[u8], name: &[u8]) -> Vec<usize> {
    (0..bytes.len().saturating_sub(name.len()))
        .filter(|&place| bytes[place] == 0 && bytes[place..].starts_with(name))
        .collect()
}

/// The library as cargo builds it; tests cannot ask for that beforehand.
pub(crate) fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let program = std::env::current_exe().unwrap();
        // target/<profile>/deps/<program>
        let target = program.ancestors().nth(3).unwrap();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["build", "--quiet", "--locked", "--package", "wattest-fake-nvml"])
            .arg("--target-dir")
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.join("debug/libwattest_fake_nvml.so")
    })
}
