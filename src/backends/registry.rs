//! Which backends there are.

use std::path::PathBuf;

use crate::backends::Backend;
#[cfg(feature = "candle")]
use crate::backends::candle::Candle;
#[cfg(not(all(feature = "candle", feature = "torch", feature = "python")))]
use crate::backends::off::Off;
#[cfg(feature = "python")]
use crate::backends::python::{Adapter, PythonBackend};
#[cfg(feature = "torch")]
use crate::backends::pytorch::PyTorch;
use crate::backends::replicas::Replicated;
use crate::backends::scripted::Scripted;
use crate::process::WorkerCommand;

/// How to have the pytorch backend.
#[cfg(not(feature = "torch"))]
const TORCH: &str = "run `scripts/libtorch`, then build with `--features torch`";

/// The backends of engines in Python, and how to have them.
#[cfg(not(feature = "python"))]
const IN_PYTHON: [(&str, &str); 3] = [
    (
        "tensorrt",
        "install TensorRT-LLM, which needs an NVIDIA GPU, then build with `--features python`",
    ),
    ("transformers", "run `scripts/engines`, then build with `--features python`"),
    ("vllm", "run `scripts/engines`, then build with `--features python`"),
];

/// The names of the backends over engines in Python, built in or not.
pub const ENGINES: [&str; 3] = ["tensorrt", "transformers", "vllm"];

/// What a backend may need to know beside model and settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Options {
    /// The script that the `scripted` backend follows.
    pub script: Option<PathBuf>,
    /// The interpreter whose environment has the engines in Python. Without one it is that of
    /// `VIRTUAL_ENV`, or else that of `scripts/engines` in the current directory.
    #[serde(default)]
    pub python: Option<PathBuf>,
    /// How to start a replica of an engine, where `num_processes` asks for more than one. It is a
    /// matter of the process that starts them, and no part of what is written down of a run.
    #[serde(skip)]
    pub replica: Option<WorkerCommand>,
}

/// The names of all backends, built in or not, in the order of listings.
pub fn names() -> &'static [&'static str] {
    &["candle", "pytorch", "scripted", "tensorrt", "transformers", "vllm"]
}

/// The interpreter of the engines in Python that `options` and the environment lead to; none where
/// nobody chose one. It is not started.
pub fn interpreter(options: &Options) -> Option<PathBuf> {
    #[cfg(feature = "python")]
    return crate::backends::python::chosen(options.python.as_deref());
    #[cfg(not(feature = "python"))]
    options.python.clone()
}

/// Whether the backend of that name runs an engine in Python, and this build can.
pub fn runs_python(name: &str) -> bool {
    cfg!(feature = "python") && ENGINES.contains(&name)
}

/// The backend of that name. One that this build lacks answers too: it is unavailable, with the
/// command that turns it on. None for a name that no backend has.
pub fn find(name: &str, options: &Options) -> Option<Box<dyn Backend>> {
    // These share the work of a request among processes in ways of their own.
    if let Some(backend) = in_python(name, options) {
        return Some(backend);
    }
    single(name, options).map(|inner| Box::new(Replicated::new(inner, options)) as Box<dyn Backend>)
}

/// The backend of that name over an engine in Python.
#[cfg(feature = "python")]
fn in_python(name: &str, options: &Options) -> Option<Box<dyn Backend>> {
    let all = [Adapter::TENSORRT, Adapter::TRANSFORMERS, Adapter::VLLM];
    let adapter = all.into_iter().find(|adapter| adapter.name == name)?;
    Some(Box::new(PythonBackend::new(adapter, options.python.as_deref())))
}

/// The backend of that name, which this build lacks.
#[cfg(not(feature = "python"))]
fn in_python(name: &str, _options: &Options) -> Option<Box<dyn Backend>> {
    let (name, remedy) = IN_PYTHON.into_iter().find(|(one, _)| *one == name)?;
    Some(Box::new(Off::new(name, remedy)))
}

/// The backend of that name without `num_processes`: what a replica runs.
pub(super) fn single(name: &str, options: &Options) -> Option<Box<dyn Backend>> {
    match name {
        #[cfg(feature = "candle")]
        "candle" => Some(Box::new(Candle)),
        #[cfg(not(feature = "candle"))]
        "candle" => Some(Box::new(Off::new("candle", "build with `--features candle`"))),
        #[cfg(feature = "torch")]
        "pytorch" => Some(Box::new(PyTorch)),
        #[cfg(not(feature = "torch"))]
        "pytorch" => Some(Box::new(Off::new("pytorch", TORCH))),
        "scripted" => Some(Box::new(Scripted::new(options.script.as_deref()))),
        _ => None,
    }
}
