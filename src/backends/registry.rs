//! Which backends there are.

use std::path::PathBuf;

use crate::backends::Backend;
#[cfg(feature = "candle")]
use crate::backends::candle::Candle;
#[cfg(not(all(feature = "candle", feature = "torch")))]
use crate::backends::off::Off;
#[cfg(feature = "torch")]
use crate::backends::pytorch::PyTorch;
use crate::backends::replicas::Replicated;
use crate::backends::scripted::Scripted;
use crate::process::WorkerCommand;

/// How to have the pytorch backend.
#[cfg(not(feature = "torch"))]
const TORCH: &str = "run `scripts/libtorch`, then build with `--features torch`";

/// What a backend may need to know beside model and settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Options {
    /// The script that the `scripted` backend follows.
    pub script: Option<PathBuf>,
    /// How to start a replica of an engine, where `num_processes` asks for more than one. It is a
    /// matter of the process that starts them, and no part of what is written down of a run.
    #[serde(skip)]
    pub replica: Option<WorkerCommand>,
}

/// The names of all backends, built in or not, in the order of listings.
pub fn names() -> &'static [&'static str] {
    &["candle", "pytorch", "scripted"]
}

/// The backend of that name. One that this build lacks answers too: it is unavailable, with the
/// command that turns it on. None for a name that no backend has.
pub fn find(name: &str, options: &Options) -> Option<Box<dyn Backend>> {
    single(name, options).map(|inner| Box::new(Replicated::new(inner, options)) as Box<dyn Backend>)
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
