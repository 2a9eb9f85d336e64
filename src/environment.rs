//! The snapshot of the machine and the build for the record.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::settings::short_hash;

/// Environment variables that change how fast or where a backend computes.
const VARIABLES: [&str; 7] = [
    "CUDA_VISIBLE_DEVICES",
    "MKL_NUM_THREADS",
    "NVIDIA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "TOKENIZERS_PARALLELISM",
];

/// The machine and the build on which a run was made. What cannot be found out is null.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Version of wattest.
    pub wattest: String,
    /// Cargo features of this build.
    pub features: Vec<String>,
    /// `debug` or `release`, as cargo calls the profiles.
    pub profile: String,
    /// Architecture and operating system the build is for.
    pub target: String,
    /// Kernel release.
    pub kernel: Option<String>,
    /// Model name of the first processor.
    pub processor: Option<String>,
    /// Processors that this process may use.
    pub processors: Option<usize>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Names of the NVIDIA GPUs that the driver knows, in the order of their bus addresses.
    pub gpus: Vec<String>,
    /// Version of the NVIDIA driver.
    pub driver: Option<String>,
    /// Those variables that are set and change where or how fast a backend computes.
    pub variables: BTreeMap<String, String>,
}

impl Environment {
    /// Looks at this machine and build. Reads a few small files, starts nothing and touches no
    /// device.
    pub fn take() -> Self {
        let variables = VARIABLES
            .iter()
            .filter_map(|name| std::env::var(name).ok().map(|value| ((*name).to_owned(), value)));
        Self {
            wattest: env!("CARGO_PKG_VERSION").to_owned(),
            features: features(),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            kernel: line("/proc/sys/kernel/osrelease"),
            processor: value_of("/proc/cpuinfo", "model name"),
            processors: std::thread::available_parallelism().ok().map(usize::from),
            memory_bytes: value_of("/proc/meminfo", "MemTotal").and_then(|text| kibibytes(&text)),
            gpus: gpus(Path::new("/proc/driver/nvidia/gpus")),
            driver: line("/proc/driver/nvidia/version").and_then(|text| driver_version(&text)),
            variables: variables.collect(),
        }
    }

    /// Identity of the snapshot: equal for equal snapshots, 16 hex digits.
    pub fn hash(&self) -> String {
        short_hash(&serde_json::to_string(self).unwrap_or_default(), 16)
    }
}

/// The cargo features that this library was built with.
fn features() -> Vec<String> {
    let all = [
        ("candle", cfg!(feature = "candle")),
        ("cuda", cfg!(feature = "cuda")),
        ("python", cfg!(feature = "python")),
        ("torch", cfg!(feature = "torch")),
    ];
    all.iter().filter(|(_, on)| *on).map(|(name, _)| (*name).to_owned()).collect()
}

/// The first line of `file`.
fn line(file: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

/// The value of the first `key : value` line of `file`.
fn value_of(file: impl AsRef<Path>, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    })
}

/// `16384 kB` as the kernel writes it, in bytes.
fn kibibytes(text: &str) -> Option<u64> {
    text.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn gpus(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut folders: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.sort();
    folders.iter().filter_map(|gpu| value_of(gpu.join("information"), "Model")).collect()
}

/// The version in `NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug ...`.
fn driver_version(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let is_version = |word: &&str| {
        word.contains('.')
            && word
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    };
    words.find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_follows_the_snapshot() {
        let one = Environment::take();
        assert_eq!(one.hash(), Environment::take().hash());
        let mut other = one.clone();
        other.variables.insert("OMP_NUM_THREADS".to_owned(), "97".to_owned());
        assert_ne!(one.hash(), other.hash());
    }

    #[test]
    fn kernel_texts_are_understood() {
        assert_eq!(kibibytes("16384 kB"), Some(16_777_216));
        assert_eq!(kibibytes("16384 MB"), None);
        let text =
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15";
        assert_eq!(driver_version(text).as_deref(), Some("535.104.05"));
        assert_eq!(driver_version("no digits"), None);
    }

    #[test]
    fn gpus_come_in_the_order_of_their_addresses() {
        let folder = tempfile::tempdir().unwrap();
        for (address, name) in [("0000:02:00.0", "B"), ("0000:01:00.0", "A")] {
            fs::create_dir(folder.path().join(address)).unwrap();
            let text = format!("Model: \t\t NVIDIA {name}\nIRQ:   17\n");
            fs::write(folder.path().join(address).join("information"), text).unwrap();
        }
        assert_eq!(gpus(folder.path()), ["NVIDIA A", "NVIDIA B"]);
        assert!(gpus(&folder.path().join("none")).is_empty());
    }
}
