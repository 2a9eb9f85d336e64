//! How often a counter ticks, learnt from watching it.

use serde::{Deserialize, Serialize};

use crate::energy::{Point, Trace};

/// Ticks without which nothing is learnt.
const ENOUGH: usize = 20;

/// The time between two ticks of a counter.
///
/// No source tells it reliably (10 to 100 ms are reported for GPUs), so it is learnt on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// The median, in nanoseconds.
    pub period_ns: u64,
    /// The longest, in nanoseconds.
    pub longest_ns: u64,
    /// How many it was learnt from.
    pub ticks: usize,
}

impl Tick {
    /// The tick that `trace` shows; none where it shows fewer than 20 of them.
    ///
    /// The counter must have been read several times per tick, every 1 to 2 ms: only those times
    /// count whose ends are known to a third of them. Of a counter that has changed at every read
    /// nobody can tell how often it ticks.
    pub fn learn(trace: &Trace) -> Option<Self> {
        let mut times: Vec<f64> = Vec::with_capacity(trace.points().len());
        let blur_ns = |point: &Point| Some(point.after_ns.saturating_sub(point.held_ns?) as f64);
        for (one, next) in trace.points().iter().zip(trace.points().iter().skip(1)) {
            let between_ns = next.time_ns() - one.time_ns();
            let sharp =
                |point| blur_ns(point).is_some_and(|blur_ns: f64| blur_ns <= between_ns / 3.0);
            if sharp(one) && sharp(next) {
                times.push(between_ns);
            }
        }
        if times.len() < ENOUGH {
            return None;
        }
        times.sort_by(f64::total_cmp);
        let longest_ns = times.last().copied()? as u64;
        let half = times.len() / 2;
        let period =
            if times.len() % 2 == 1 { times[half] } else { times[half - 1].midpoint(times[half]) };
        Some(Self { period_ns: period as u64, longest_ns, ticks: times.len() })
    }

    /// The median, in milliseconds.
    pub fn period_ms(&self) -> f64 {
        self.period_ns as f64 / 1e6
    }
}
