//! Reading the counter of a zone.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use rustix::io::Errno;

use crate::energy::rapl::zone::Zone;
use crate::energy::{Meter, Quantity, ReadError, Source};

/// Longer than the largest number with its newline.
const LONGEST: usize = 24;

/// The counter of a package or of its memory.
#[derive(Debug)]
pub(super) struct ZoneMeter {
    scope: String,
    counter: PathBuf,
    wraps_at_uj: Option<u64>,
    limit_w: Option<f64>,
}

/// Why a counter gave no value.
#[derive(Debug)]
pub(super) enum ReadFailure {
    Io(io::Error),
    /// The file has no number in it.
    Text,
}

impl ZoneMeter {
    pub(super) fn new(zone: &Zone, all: &[Zone]) -> Self {
        Self {
            scope: zone.scope(all),
            counter: zone.counter(),
            wraps_at_uj: zone.wraps_at_uj(),
            limit_w: zone.limit_w(),
        }
    }

    /// Microjoules.
    pub(super) fn value(&mut self) -> Result<u64, ReadFailure> {
        let mut text = [0; LONGEST];
        // Opened each time: a zone that has gone is an error then, and no last value for ever.
        let mut file = File::open(&self.counter).map_err(ReadFailure::Io)?;
        let mut read = 0;
        while read < LONGEST {
            match file.read(&mut text[read..]).map_err(ReadFailure::Io)? {
                0 => break,
                n => read += n,
            }
        }
        number(&text[..read]).ok_or(ReadFailure::Text)
    }

    /// The package, whatever die of it, and whether it is its memory.
    pub(super) fn place(&self) -> (&str, bool) {
        let (whole, part) = self.scope.split_once('/').unwrap_or((&self.scope, ""));
        (whole.split("-die-").next().unwrap_or(whole), !part.is_empty())
    }
}

impl Meter for ZoneMeter {
    fn source(&self) -> Source {
        Source::Rapl
    }

    fn scope(&self) -> &str {
        &self.scope
    }

    fn quantity(&self) -> Quantity {
        Quantity::Energy { wraps_at_uj: self.wraps_at_uj }
    }

    fn limit_w(&self) -> Option<f64> {
        self.limit_w
    }

    fn read(&mut self) -> Result<u64, ReadError> {
        self.value().map_err(|failure| {
            let said = format!("{}: {failure}", self.counter.display());
            match failure.lasts() {
                true => ReadError::Lasting(said),
                false => ReadError::Passing(said),
            }
        })
    }
}

impl ReadFailure {
    /// Whether the zone has gone, or was taken away.
    fn lasts(&self) -> bool {
        let Self::Io(error) = self else { return false };
        matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
            || error.raw_os_error() == Some(Errno::NODEV.raw_os_error())
    }
}

impl fmt::Display for ReadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Text => f.write_str("it has no whole number in it"),
        }
    }
}

/// The number that is all of `text`, but for its newline. A text that fills the buffer may go on.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(text).ok()?.strip_suffix('\n')?;
    let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}
