//! What speaks against a reading.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What speaks against a reading, or against one of its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "doubt", rename_all = "snake_case")]
pub enum Doubt {
    /// The ticks leave more open than was asked for, and the repeats have come to their end.
    Underresolved {
        /// `u_quant_j` over `net_j`, or over `gross_j` where there is no net, in percent.
        percent: f64,
    },
    /// The counter went back: the driver was reloaded, or it is broken. There are no joules.
    Reset,
    /// The counter may have wrapped more than once. There are no joules.
    Wrapped,
    /// No new reading for more than three ticks. There are no joules.
    Gap {
        /// The longest time without one, in milliseconds.
        ms: f64,
    },
    /// More power than the limit allows by half, or less than none. There are no joules.
    Implausible {
        /// Mean power between two readings, in watts.
        watts: f64,
    },
    /// The source failed within the window. There are no joules.
    Failed {
        /// What it said.
        error: String,
    },
    /// Somebody else uses the device, or the reading is of a board of which only a part is ours.
    /// There is no net.
    Shared {
        /// Who or what.
        with: String,
    },
    /// The device slowed down for its heat or its supply. Time within the window, in milliseconds.
    Throttled {
        /// As the driver names it.
        cause: String,
        /// Milliseconds within the window; null where the driver counts no time.
        ms: Option<f64>,
    },
    /// The device kept to its power limit: normal for prefill at full load.
    PowerCapped {
        /// Milliseconds within the window; null where the driver counts no time.
        ms: Option<f64>,
    },
    /// The power limit changed within the window.
    LimitChanged,
    /// Two sources tell different things of the same time, most of the window.
    Disagree {
        /// Joules of that time by the source of the reading.
        own_j: f64,
        /// Joules of it by the other source.
        other_j: f64,
        /// The other source.
        other: crate::energy::Source,
        /// How long that time is, in seconds.
        seconds: f64,
    },
    /// The baseline is old, or the idle power has moved since.
    StaleBaseline {
        /// Seconds since it was taken.
        age_s: f64,
    },
    /// The source averages over longer than it may for this window.
    Averaged {
        /// Over how long it averages, in milliseconds.
        ms: f64,
    },
}

impl Doubt {
    /// Whether there can be no joules with it.
    pub fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::Reset
                | Self::Wrapped
                | Self::Gap { .. }
                | Self::Implausible { .. }
                | Self::Failed { .. }
        )
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Underresolved { percent } => {
                write!(f, "the ticks leave {percent:.1} % open: repeat the work more often")
            }
            Self::Reset => f.write_str("the counter went back: its driver was loaded anew"),
            Self::Wrapped => f.write_str("the counter may have wrapped more than once"),
            Self::Gap { ms } => write!(f, "nothing new was read for {ms:.0} ms"),
            Self::Implausible { watts } => write!(f, "{watts:.0} W cannot be"),
            Self::Failed { error } => write!(f, "the source failed: {error}"),
            Self::Shared { with } => write!(f, "the device is shared with {with}"),
            Self::Throttled { cause, ms: Some(ms) } => {
                write!(f, "the device slowed down for {ms:.0} ms ({cause})")
            }
            Self::Throttled { cause, ms: None } => write!(f, "the device slowed down ({cause})"),
            Self::PowerCapped { ms: Some(ms) } => {
                write!(f, "the device was at its power limit for {ms:.0} ms")
            }
            Self::PowerCapped { ms: None } => f.write_str("the device was at its power limit"),
            Self::LimitChanged => f.write_str("the power limit was changed"),
            Self::Disagree { own_j, other_j, other, seconds } => write!(
                f,
                "{other} says {other_j:.3} J for {seconds:.3} s of the window, where this source \
                 says {own_j:.3} J"
            ),
            Self::StaleBaseline { age_s } => {
                write!(f, "the baseline, {age_s:.0} s old, no longer holds")
            }
            Self::Averaged { ms } => write!(f, "the sensor averages over {ms:.0} ms"),
        }
    }
}
