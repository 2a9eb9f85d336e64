//! What in a trace speaks against a window.

use std::ops::RangeInclusive;

use crate::energy::{Doubt, Flaw, ReadError, Trace};

impl Trace {
    /// # Errors
    /// What is wrong with the readings after `from` up to and with `to`: the first fatal doubt.
    pub(super) fn sound(
        &self,
        from: usize,
        to: usize,
        begin_ns: u64,
        end_ns: u64,
    ) -> Result<(), Doubt> {
        let to = to.min(self.points().len().saturating_sub(1));
        if from >= to {
            return Ok(());
        }
        if let Some(flaw) = self.points().range(from + 1..=to).find_map(|point| point.flaw) {
            return Err(flaw.doubt());
        }
        let lasting = self.failures().iter().find(|failure| {
            matches!(failure.error, ReadError::Lasting(_))
                && failure.after_ns >= begin_ns
                && failure.before_ns <= end_ns
        });
        if let Some(failure) = lasting {
            return Err(Doubt::Failed { error: failure.error.to_string() });
        }
        match self.gap_ns(from..=to) {
            Some(gap_ns) => Err(Doubt::Gap { ms: gap_ns as f64 / 1e6 }),
            None => Ok(()),
        }
    }

    /// Why there is no reading before the window.
    pub(super) fn no_begin(&self, begin_ns: u64) -> Doubt {
        if self.dropped() > 0 {
            let held = self.points().len();
            return Doubt::Failed {
                error: format!(
                    "the log holds {held} readings, and the window has more: \
                     read less often, or measure a shorter window"
                ),
            };
        }
        let Some(first) = self.points().front() else {
            let error = self.failures().back().map(|failure| failure.error.to_string());
            return Doubt::Failed {
                error: error.unwrap_or_else(|| "it was never read".to_owned()),
            };
        };
        self.without_reading(0, first.after_ns, first.after_ns.saturating_sub(begin_ns))
    }

    /// Why there is no reading after the window.
    pub(super) fn no_end(&self, end_ns: u64) -> Doubt {
        let seen_ns = self.points().back().map_or(0, |point| point.after_ns);
        let read_ns = self.last().map_or(end_ns, |last| last.after_ns.max(end_ns));
        self.without_reading(seen_ns, u64::MAX, read_ns.saturating_sub(seen_ns))
    }

    /// A failure between the two times, else a gap that was `gap_ns` long.
    fn without_reading(&self, from_ns: u64, to_ns: u64, gap_ns: u64) -> Doubt {
        let failure = self
            .failures()
            .iter()
            .rfind(|failure| failure.after_ns >= from_ns && failure.before_ns <= to_ns);
        match failure {
            Some(failure) => Doubt::Failed { error: failure.error.to_string() },
            None => Doubt::Gap { ms: gap_ns as f64 / 1e6 },
        }
    }

    /// How many nanoseconds usually lie between two new readings: a tick, or a read where these
    /// come slower. As long as no tick was set, the median of what is logged.
    pub(super) fn usual_ns(&self) -> u64 {
        let usual_ns = self.tick().map_or_else(
            || {
                let next = self.points().iter().skip(1);
                let mut all: Vec<u64> = self
                    .points()
                    .iter()
                    .zip(next)
                    .map(|(one, next)| next.after_ns.saturating_sub(one.after_ns))
                    .collect();
                all.sort_unstable();
                all.get(all.len() / 2).copied().unwrap_or(0)
            },
            |tick| tick.period_ns,
        );
        usual_ns.max(self.poll_ns())
    }

    /// How long a tick is at most, in nanoseconds: the one that was set, or else the shortest time
    /// between two new readings, however rarely it was read besides.
    pub(super) fn tick_at_most_ns(&self) -> u64 {
        let points = self.points();
        let gaps = points.iter().zip(points.iter().skip(1));
        let gaps = gaps.map(|(one, next)| next.after_ns.saturating_sub(one.after_ns));
        self.tick().map_or_else(|| gaps.min().unwrap_or(0), |tick| tick.period_ns)
    }

    /// The first gap between two of the readings `range`, in nanoseconds: three times the usual
    /// time without a new one, or three reads where these are slow.
    fn gap_ns(&self, range: RangeInclusive<usize>) -> Option<u64> {
        let usual_ns = self.usual_ns();
        let next = self.points().range(range.clone()).skip(1);
        self.points().range(range).zip(next).find_map(|(one, next)| {
            let took_ns = next.after_ns.saturating_sub(next.before_ns);
            let gap_ns = next.before_ns.saturating_sub(one.before_ns);
            (gap_ns > usual_ns.max(took_ns).saturating_mul(3)).then_some(gap_ns)
        })
    }
}

impl Flaw {
    /// What it means for a window.
    pub(super) fn doubt(self) -> Doubt {
        match self {
            Self::Reset => Doubt::Reset,
            Self::Wrapped => Doubt::Wrapped,
            Self::Implausible { milliwatts } => {
                Doubt::Implausible { watts: milliwatts as f64 / 1e3 }
            }
        }
    }
}
