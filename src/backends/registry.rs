//! Which backends there are.

use std::path::PathBuf;

use crate::backends::{Backend, candle};

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
pub fn find(name: &str, _options: &Options) -> Option<Box<dyn Backend>> {
    match name {
        "candle" => Some(candle::backend()),
        _ => None,
    }
}
