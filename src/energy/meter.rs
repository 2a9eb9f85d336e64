//! What energy is read off: one trait over counters and power sensors.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What measured energy.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// NVML's counter of energy since the driver was loaded.
    NvmlCounter,
    /// NVML's power, integrated.
    NvmlPower,
    /// The counters of the processor, through the kernel's powercap tree.
    Rapl,
    /// Nothing did.
    #[default]
    None,
}

impl fmt::Display for Source {
    /// As records have it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NvmlCounter => "nvml-counter",
            Self::NvmlPower => "nvml-power",
            Self::Rapl => "rapl",
            Self::None => "none",
        })
    }
}

/// What a meter gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Microjoules since some time; it only grows, but for a wrap at `wraps_at_uj`, where it has one.
    Energy {
        /// The value after which it begins at 0 again.
        wraps_at_uj: Option<u64>,
    },
    /// Milliwatts: the mean of the `averages_over_ns` before the reading.
    Power {
        /// Over how long it averages, in nanoseconds.
        averages_over_ns: u64,
    },
}

/// One thing of which energy or power can be read: a GPU, a processor package.
///
/// Reading allocates nothing, and takes a few microseconds to some milliseconds.
pub trait Meter: Send {
    /// What it reads.
    fn source(&self) -> Source;

    /// What it covers: the UUID of a GPU, `package-0` and the like.
    fn scope(&self) -> &str;

    /// Energy or power.
    fn quantity(&self) -> Quantity;

    /// The most that it can draw, in watts; none where nobody says.
    fn limit_w(&self) -> Option<f64>;

    /// Microjoules or milliwatts, by [`Meter::quantity`].
    ///
    /// # Errors
    /// What the driver or the kernel said. An unreadable value is an error, never 0.
    fn read(&mut self) -> Result<u64, ReadError>;
}

/// A reading that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// This time there is none; the next may be good.
    #[error("{0}")]
    Passing(String),
    /// There will be none any more: the device is lost, the file is gone.
    #[error("{0}")]
    Lasting(String),
}

/// Whether there is a source here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Presence {
    /// It can be read.
    Present {
        /// What it covers.
        scope: Vec<String>,
    },
    /// There is none on this machine.
    Absent {
        /// What was looked for, and not found.
        reason: String,
    },
    /// It is there, and may not be read.
    Denied {
        /// By whom or what.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// It is there, and hidden from this process: by a container, as a rule.
    Masked {
        /// How that shows.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The device or its driver does not have it.
    Unsupported {
        /// What it said.
        reason: String,
    },
}

impl Presence {
    /// What it covers; nothing where it cannot be read.
    pub fn scope(&self) -> &[String] {
        match self {
            Self::Present { scope } => scope,
            _ => &[],
        }
    }

    /// Why it cannot be read, where it cannot: the word of its state, the reason, and what to do,
    /// if anything can be done.
    pub fn lack(&self) -> Option<(&'static str, &str, Option<&str>)> {
        match self {
            Self::Present { .. } => None,
            Self::Absent { reason } => Some(("absent", reason, None)),
            Self::Denied { reason, remedy } => Some(("denied", reason, Some(remedy))),
            Self::Masked { reason, remedy } => Some(("masked", reason, Some(remedy))),
            Self::Unsupported { reason } => Some(("unsupported", reason, None)),
        }
    }
}

/// A source and whether it is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The source.
    pub source: Source,
    /// Whether it is here.
    #[serde(flatten)]
    pub presence: Presence,
}

/// Nanoseconds that only grow, from a start that is the same for a whole process
/// (CLOCK_MONOTONIC): a clock that is set changes nothing.
pub trait Clock: Send {
    /// Now.
    fn now_ns(&self) -> u64;

    /// Waits until `at_ns`; returns at once where that is past.
    fn sleep_until(&self, at_ns: u64);
}

/// A value of a meter with the times before and after it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Before, in nanoseconds.
    pub before_ns: u64,
    /// After, in nanoseconds.
    pub after_ns: u64,
    /// Microjoules or milliwatts.
    pub value: u64,
}
