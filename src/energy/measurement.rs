//! How thoroughly a case is measured.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Windows at most, whatever is asked for.
const MOST_REPEATS: u32 = 10_000;

/// How thoroughly a case is measured. Where nothing is asked for, its one window is what it takes
/// to run it, and there is no net, because no baseline is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measurement {
    /// In how many windows the work is done, each of its own; none for one.
    pub repeats: Option<u32>,
    /// In each window the work is done again until it is so long; none for once.
    pub min_window: Option<Duration>,
    /// No window is begun, and no work is begun again, once measuring has taken so long; none for
    /// no limit.
    pub budget: Option<Duration>,
}

impl Measurement {
    /// Whether more is asked for than what happens anyway: there are baselines then.
    pub fn is_thorough(&self) -> bool {
        self.repeats.is_some() || self.min_window.is_some()
    }

    /// How many windows.
    pub fn windows(&self) -> u32 {
        self.repeats.unwrap_or(1).clamp(1, MOST_REPEATS)
    }

    /// How long the machine is watched for a baseline: as long as a window, within 2.5 and
    /// 10 seconds, so that the slowest counters (100 ms) tick more than 20 times.
    pub fn baseline(&self) -> Duration {
        let (least, most) = (Duration::from_millis(2500), Duration::from_secs(10));
        self.min_window.unwrap_or(least).clamp(least, most)
    }
}
