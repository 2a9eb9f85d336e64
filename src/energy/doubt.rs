//! What speaks against a reading.

use serde::{Deserialize, Serialize};

/// What speaks against a reading, or against one of its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Two sources tell different things.
    Disagree {
        /// Joules of the other source.
        other_j: f64,
        /// The other source.
        other: crate::energy::Source,
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
