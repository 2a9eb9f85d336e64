//! Which backends there are.

use std::path::PathBuf;

use crate::backends::Backend;
#[cfg(feature = "candle")]
use crate::backends::candle::Candle;
#[cfg(not(feature = "candle"))]
use crate::backends::off::Off;
use crate::backends::scripted::Scripted;

/// What a backend may need to know beside model and settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Options {
    /// The script that the `scripted` backend follows.
    pub script: Option<PathBuf>,
}

/// The names of all backends, built in or not, in the order of listings.
pub fn names() -> &'static [&'static str] {
    &["candle", "scripted"]
}

/// The backend of that name. One that this build lacks answers too: it is unavailable, with the
/// command that turns it on. None for a name that no backend has.
pub fn find(name: &str, options: &Options) -> Option<Box<dyn Backend>> {
    match name {
        #[cfg(feature = "candle")]
        "candle" => Some(Box::new(Candle)),
        #[cfg(not(feature = "candle"))]
        "candle" => Some(Box::new(Off::new("candle", "candle"))),
        "scripted" => Some(Box::new(Scripted::new(options.script.as_deref()))),
        _ => None,
    }
}
