//! The snapshot of the machine and the build for the record.
//!
//! It is taken in every run, so it reads small files and starts nothing, but for a CUDA compiler
//! where nothing else tells the version of CUDA. Each reader takes a [`Machine`], which a test makes
//! up.

mod build;
mod container;
mod cuda;
mod diff;
mod engine;
mod facts;
mod gpu;
mod host;
pub(crate) mod machine;
mod packages;
mod python;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::settings::short_hash;

pub use container::{Container, Runtime};
pub use cuda::{Cuda, CudaSource};
pub use diff::{Difference, differences};
pub use facts::Facts;
pub use gpu::Gpu;
pub use host::{memory_available, memory_limit};
pub use machine::Machine;
pub(crate) use machine::bytes_of;
pub use python::Python;

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

/// The machine and the build on which a run was made. What cannot be found out is null, and
/// `unknown` has the reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    /// Version of wattest.
    pub wattest: String,
    /// Cargo features of this build.
    pub features: Vec<String>,
    /// `debug` or `release`, as cargo calls the profiles.
    pub profile: String,
    /// Architecture and operating system the build is for.
    pub target: String,
    /// Versions of the crates that compute or measure.
    pub crates: BTreeMap<String, String>,
    /// Version of the libtorch in this build; null without the feature `torch`.
    pub libtorch: Option<String>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// Model name of the first processor.
    pub processor: Option<String>,
    /// Processors that this process may use.
    pub processors: Option<usize>,
    /// How the kernel chooses the clock of the processors.
    pub governor: Option<String>,
    /// Memory of the machine in bytes.
    pub memory_bytes: Option<u64>,
    /// What control groups leave of it to this process, in bytes; null where there is no limit.
    pub memory_limit_bytes: Option<u64>,
    /// The container that this process is in; null where nothing shows one.
    pub container: Option<Container>,
    /// Names of the NVIDIA GPUs that the driver knows, in the order of their bus addresses.
    pub gpus: Vec<String>,
    /// What else is known of each of them.
    pub gpu_details: Vec<Gpu>,
    /// Version of the NVIDIA driver.
    pub driver: Option<String>,
    /// The newest version of CUDA that the driver serves, as NVML tells it.
    pub driver_cuda: Option<String>,
    /// Version of CUDA.
    pub cuda: Option<Cuda>,
    /// The interpreter of the engines in Python, where a backend in Python is among those run.
    pub python: Option<Python>,
    /// Those variables that are set and change where or how fast a backend computes.
    pub variables: BTreeMap<String, String>,
    /// What moves by itself: no part of the hash.
    pub moving: Moving,
    /// Why fields are null or empty, by their names; no part of the hash.
    pub unknown: BTreeMap<String, String>,
}

/// What is another at the next look, on the same machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Moving {
    /// Temperatures in thousandths of a degree Celsius: of processors by sensor, of GPUs by UUID.
    pub temperatures_mc: BTreeMap<String, i64>,
    /// Clocks of GPUs in MHz, by UUID and domain, as `GPU-1.sm`.
    pub clocks_mhz: BTreeMap<String, u32>,
    /// Memory of GPUs that is in use, by anybody, in bytes, by UUID.
    pub memory_used_bytes: BTreeMap<String, u64>,
}

impl Environment {
    /// Looks at this machine and build, and at the interpreter `python` where there is one. Reads
    /// small files and touches no device: what NVML knows besides, [`Environment::with_nvml`] adds.
    pub fn take(python: Option<&Path>) -> Self {
        let processors = std::thread::available_parallelism().ok().map(usize::from);
        Self { processors, ..Self::of(&Machine::here(), python) }
    }

    /// As [`Environment::take`], of `machine`. How many processors this process may use is not
    /// told by files: it is left null.
    pub fn of(machine: &Machine, python: Option<&Path>) -> Self {
        let mut unknown = BTreeMap::new();
        let mut site_packages: Vec<PathBuf> = Vec::new();
        let python = match python.map(|file| python::python(machine, file)) {
            Some(Ok(found)) => {
                site_packages = found.site_packages;
                Some(found.python)
            }
            Some(Err(reason)) => {
                unknown.insert("python".to_owned(), reason);
                None
            }
            None => {
                unknown.insert("python".to_owned(), "no backend in Python is run".to_owned());
                None
            }
        };
        let libtorch = build::libtorch();
        let cuda = cuda::cuda(machine, &site_packages, libtorch.as_deref());
        let cuda = cuda.map_err(|reason| unknown.insert("cuda".to_owned(), reason)).ok();
        let gpu_details = gpu::gpus(machine);
        let variables = VARIABLES.iter().filter_map(|name| {
            Some(((*name).to_owned(), machine.variable_as_set(name)?.to_owned()))
        });
        let mut taken = Self {
            wattest: env!("CARGO_PKG_VERSION").to_owned(),
            features: build::features(),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            crates: build::crates(),
            libtorch,
            kernel: machine.line("/proc/sys/kernel/osrelease"),
            processor: host::processor(machine),
            processors: None,
            governor: host::governor(machine),
            memory_bytes: host::memory(machine),
            memory_limit_bytes: memory_limit(machine),
            container: container::container(machine),
            gpus: names(&gpu_details),
            gpu_details,
            driver: gpu::driver(machine),
            driver_cuda: None,
            cuda,
            python,
            variables: variables.collect(),
            moving: Moving { temperatures_mc: host::temperatures(machine), ..Moving::default() },
            unknown,
        };
        taken.tell_why();
        taken
    }

    /// Says of each field that is null, and of which nothing is said yet, where it was looked for.
    fn tell_why(&mut self) {
        let none_of = |folder: &str| format!("nothing tells it in {folder}");
        let reasons = [
            ("kernel", self.kernel.is_none(), none_of("/proc/sys/kernel/osrelease")),
            ("processor", self.processor.is_none(), none_of("/proc/cpuinfo")),
            ("memory_bytes", self.memory_bytes.is_none(), none_of("/proc/meminfo")),
            (
                "governor",
                self.governor.is_none(),
                "no frequency scaling in /sys/devices/system/cpu/cpufreq, as in virtual machines"
                    .to_owned(),
            ),
            (
                "driver",
                self.driver.is_none(),
                "no NVIDIA driver is loaded: no /proc/driver/nvidia/version".to_owned(),
            ),
            (
                "gpu_details",
                !self.gpu_details.is_empty(),
                "memory, power limits, clocks, persistence and MIG: NVML was not asked".to_owned(),
            ),
            ("driver_cuda", self.driver_cuda.is_none(), "NVML was not asked".to_owned()),
            (
                "crates",
                self.crates.is_empty(),
                "built without a Cargo.lock beside the package".to_owned(),
            ),
        ];
        for (name, is_unknown, reason) in reasons {
            if is_unknown {
                self.unknown.entry(name.to_owned()).or_insert(reason);
            }
        }
    }

    /// These, and what NVML tells; or why it tells nothing.
    ///
    /// A fact that only NVML knows is part of the hash: snapshots of one machine are the same where
    /// NVML was asked for both, or for neither.
    #[must_use]
    pub fn with_nvml(mut self, told: Result<Facts, String>) -> Self {
        for name in ["gpu_details", "driver_cuda"] {
            self.unknown.remove(name);
        }
        match told {
            Ok(facts) => self.add(facts),
            Err(reason) => {
                if !self.gpu_details.is_empty() {
                    self.unknown.insert("gpu_details".to_owned(), reason.clone());
                }
                self.unknown.insert("driver_cuda".to_owned(), reason);
            }
        }
        self
    }

    /// Identity of the snapshot: equal for snapshots that are equal in everything that does not
    /// move by itself, 16 hex digits.
    pub fn hash(&self) -> String {
        let still = Self { moving: Moving::default(), unknown: BTreeMap::new(), ..self.clone() };
        short_hash(&serde_json::to_string(&still).unwrap_or_default(), 16)
    }
}

fn names(gpus: &[Gpu]) -> Vec<String> {
    let name = |gpu: &Gpu| gpu.name.clone().unwrap_or_else(|| gpu::NAMELESS.to_owned());
    gpus.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::machine::made_up::machine;
    use super::*;

    #[test]
    fn the_hash_follows_what_stays_and_not_what_moves() {
        let one = Environment::take(None);
        assert_eq!(one.hash(), Environment::take(None).hash());
        let mut other = one.clone();
        other.moving.temperatures_mc.insert("coretemp.hwmon1".to_owned(), 97_000);
        other.moving.clocks_mhz.insert("GPU-1".to_owned(), 1980);
        other.unknown.insert("cuda".to_owned(), "another reason".to_owned());
        assert_eq!(one.hash(), other.hash());
        other.variables.insert("OMP_NUM_THREADS".to_owned(), "97".to_owned());
        assert_ne!(one.hash(), other.hash());
        // Every field but those two has a say.
        let all = serde_json::to_value(&one).unwrap();
        for name in all.as_object().unwrap().keys() {
            let mut changed = all.clone();
            changed[name] = match name.as_str() {
                "processors" | "memory_bytes" | "memory_limit_bytes" => 12_345.into(),
                "features" | "gpus" => serde_json::json!(["another"]),
                "gpu_details" => serde_json::json!([{"name": "another"}]),
                "crates" | "variables" | "unknown" => serde_json::json!({"another": "1"}),
                "moving" => serde_json::json!({"clocks_mhz": {"another": 1}}),
                "container" => serde_json::json!({"runtime": "podman", "evidence": "another"}),
                "cuda" => {
                    serde_json::json!({"version": "1.0", "source": "nvcc", "evidence": "another"})
                }
                "python" => serde_json::json!({"executable": "another", "packages": {}}),
                _ => "another".into(),
            };
            let changed: Environment = serde_json::from_value(changed).unwrap();
            let moves = ["moving", "unknown"].contains(&name.as_str());
            assert_eq!(changed.hash() == one.hash(), moves, "{name}");
        }
    }

    #[test]
    fn a_machine_that_tells_nothing_is_null_with_reasons() {
        let (_root, bare) = machine(&[], &[("OMP_NUM_THREADS", "2"), ("SECRET", "x")]);
        let taken = Environment::of(&bare, None);
        assert_eq!(taken.variables, BTreeMap::from([("OMP_NUM_THREADS".into(), "2".into())]));
        let all = serde_json::to_value(&taken).unwrap();
        // Without a limit and without a container there is nothing to tell; and what files do not
        // tell is not read here.
        let nothing = ["memory_limit_bytes", "container", "processors", "libtorch"];
        for (name, value) in all.as_object().unwrap() {
            if value.is_null() && !nothing.contains(&name.as_str()) {
                assert!(taken.unknown.contains_key(name), "{name} is null without a reason");
            }
        }
        assert!(taken.gpus.is_empty());
    }

    #[test]
    fn a_snapshot_of_an_older_version_is_read() {
        let old = r#"{"wattest": "0.1.0", "features": ["candle"], "profile": "debug",
            "target": "x86_64-linux", "kernel": "6.1", "processor": null, "processors": 2,
            "memory_bytes": 1, "gpus": ["A"], "driver": null, "variables": {}}"#;
        let read: Environment = serde_json::from_str(old).unwrap();
        assert_eq!((read.gpus.len(), read.cuda), (1, None));
    }
}
