//! What a meter said, as far as it was new.

use std::collections::VecDeque;

use crate::energy::{Meter, Quantity, ReadError, Sample, Source, Tick};

/// Power between two readings is implausible above the limit by this factor: sensors are off by
/// some percent, and boards exceed their limit for milliseconds.
pub(super) const OVER_LIMIT: f64 = 1.5;

/// The limit of a meter that tells none, in watts: more than any one device draws today.
const LIMIT_OF_ANY_W: f64 = 10_000.0;

/// A counter ticks more often than this; for the first reading, of which nobody saw the tick.
const LONGEST_TICK_NS: u64 = 1_000_000_000;

/// Failed reads that are kept with what they said.
const FAILURES: usize = 64;

/// The new readings of one meter, and what was wrong with them.
///
/// A reading of a counter is new when its value changed, so the counter has ticked since the read
/// before; of a power sensor each reading is new, because flat power is power. The log is bounded:
/// when it is full, the oldest reading goes. Nothing is allocated after [`Trace::of`], but where a
/// read fails.
#[derive(Debug, Clone)]
pub struct Trace {
    source: Source,
    scope: String,
    quantity: Quantity,
    limit_w: Option<f64>,
    poll_ns: u64,
    tick: Option<Tick>,
    points: VecDeque<Point>,
    capacity: usize,
    dropped: u64,
    last: Option<Sample>,
    failures: VecDeque<Failure>,
    failed: u64,
}

/// A new reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Before it was asked for, in nanoseconds.
    pub before_ns: u64,
    /// After it was there. A counter ticked no later.
    pub after_ns: u64,
    /// When the value before it was last asked for: a counter ticked no earlier. None of the first
    /// reading, of which nobody knows.
    pub held_ns: Option<u64>,
    /// As the meter said it: microjoules or milliwatts.
    pub value: u64,
    /// Microjoules since the first reading, wraps repaired; of power, 0.
    pub energy_uj: u64,
    /// What is wrong with the step from the reading before to this one.
    pub flaw: Option<Flaw>,
}

/// What is wrong with the step from one reading to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The counter went back, and not because it wrapped.
    Reset,
    /// It was not read for so long that it may have wrapped once more than shows.
    Wrapped,
    /// More power than the limit allows by half.
    Implausible {
        /// Mean power since the reading before, in milliwatts.
        milliwatts: u64,
    },
}

/// A read that gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Before it, in nanoseconds.
    pub before_ns: u64,
    /// After it.
    pub after_ns: u64,
    /// What was said.
    pub error: ReadError,
}

impl Trace {
    /// An empty log of up to `capacity` readings (at least 2) of `meter`, which is read every
    /// `poll_ns` nanoseconds at the slowest: what is later than that is a gap.
    pub fn of(meter: &dyn Meter, poll_ns: u64, capacity: usize) -> Self {
        let capacity = capacity.max(2);
        Self {
            source: meter.source(),
            scope: meter.scope().to_owned(),
            quantity: meter.quantity(),
            limit_w: meter.limit_w(),
            poll_ns,
            tick: None,
            points: VecDeque::with_capacity(capacity),
            capacity,
            dropped: 0,
            last: None,
            failures: VecDeque::with_capacity(FAILURES),
            failed: 0,
        }
    }

    /// Logs what was read, and whether it was new. Samples come in the order of time.
    pub fn push(&mut self, sample: Sample) -> bool {
        match self.quantity {
            Quantity::Energy { wraps_at_uj } => self.push_energy(sample, wraps_at_uj),
            Quantity::Power { .. } => self.push_power(sample),
        }
    }

    /// Logs a read that failed.
    pub fn fail(&mut self, before_ns: u64, after_ns: u64, error: ReadError) {
        self.failed += 1;
        if self.failures.len() == FAILURES {
            self.failures.pop_front();
        }
        self.failures.push_back(Failure { before_ns, after_ns, error });
    }

    /// Forgets the readings, but not the tick.
    pub fn clear(&mut self) {
        self.points.clear();
        self.failures.clear();
        self.dropped = 0;
        self.failed = 0;
        self.last = None;
    }

    /// When it was last asked, with or without an answer; none where it never was.
    pub(super) fn asked_ns(&self) -> Option<u64> {
        let read = self.last.map(|last| last.before_ns);
        read.max(self.failures.back().map(|failure| failure.before_ns))
    }

    /// Sets the tick that was learnt from another trace of this meter.
    pub fn set_tick(&mut self, tick: Tick) {
        self.tick = Some(tick);
    }

    /// The tick that was set.
    pub fn tick(&self) -> Option<Tick> {
        self.tick
    }

    /// What measures.
    pub fn source(&self) -> Source {
        self.source
    }

    /// What it covers.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Energy or power.
    pub fn quantity(&self) -> Quantity {
        self.quantity
    }

    /// The most that the device can draw, in watts, where it says so.
    pub fn limit_w(&self) -> Option<f64> {
        self.limit_w
    }

    /// The readings, oldest first.
    pub fn points(&self) -> &VecDeque<Point> {
        &self.points
    }

    /// The last failed reads, oldest first.
    pub fn failures(&self) -> &VecDeque<Failure> {
        &self.failures
    }

    /// How many reads failed.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// How many readings the full log let go.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The last read that gave something, new or not.
    pub fn last(&self) -> Option<Sample> {
        self.last
    }

    /// Whether the log goes far enough for a window that ends at `end_ns`: a counter has ticked
    /// after it, a power sensor has averaged over nothing before it. One more tick tells the
    /// estimate what power there was after the end.
    pub fn covers_end(&self, end_ns: u64) -> bool {
        let far_enough = match self.quantity {
            Quantity::Energy { .. } => end_ns,
            Quantity::Power { averages_over_ns } => end_ns.saturating_add(averages_over_ns),
        };
        self.points.back().is_some_and(|point| match self.quantity {
            Quantity::Energy { .. } => point.held_ns.is_some_and(|held_ns| held_ns >= far_enough),
            Quantity::Power { .. } => point.before_ns >= far_enough,
        })
    }

    /// How late the slowest reads are meant to come after each other, in nanoseconds.
    pub(super) fn poll_ns(&self) -> u64 {
        self.poll_ns
    }

    /// More than this is implausible, in watts.
    pub(super) fn implausible_w(&self) -> f64 {
        self.limit_w.unwrap_or(LIMIT_OF_ANY_W) * OVER_LIMIT
    }

    /// What one unit of the counter's display hides, in microjoules: NVML shows whole millijoules,
    /// RAPL counts in units of 61 microjoules and less.
    pub(super) fn resolution_uj(&self) -> u64 {
        match self.source {
            Source::NvmlCounter | Source::NvmlPower => 1000,
            Source::Rapl => 61,
            Source::None => 1,
        }
    }

    fn push_energy(&mut self, sample: Sample, wraps_at_uj: Option<u64>) -> bool {
        let Some(last) = self.last.replace(sample) else {
            self.log(sample, None, 0, None);
            return true;
        };
        if sample.value == last.value {
            return false;
        }
        let before = self.points.back().map_or(0, |point| point.energy_uj);
        let (step_uj, flaw) = self.step(sample, last.value, wraps_at_uj);
        self.log(sample, Some(last.before_ns), before.saturating_add(step_uj), flaw);
        true
    }

    /// The energy between the last reading and `sample`, and what is wrong with it.
    fn step(&self, sample: Sample, last: u64, wraps_at_uj: Option<u64>) -> (u64, Option<Flaw>) {
        // The longest that there can be between the two ticks: what is too much even then is too
        // much in any case.
        let since_ns = self.points.back().map_or(0, |point| {
            let longest_ns = self.tick.map_or(LONGEST_TICK_NS, |tick| tick.longest_ns);
            point.held_ns.unwrap_or_else(|| point.before_ns.saturating_sub(longest_ns))
        });
        let seconds = sample.after_ns.saturating_sub(since_ns).max(1) as f64 / 1e9;
        let most_uj = self.implausible_w() * seconds * 1e6;

        let step_uj = match (sample.value.checked_sub(last), wraps_at_uj) {
            (Some(step_uj), _) => step_uj,
            (None, None) => return (0, Some(Flaw::Reset)),
            (None, Some(range_uj)) => {
                let Some(to_wrap_uj) = range_uj.checked_sub(last) else {
                    return (0, Some(Flaw::Reset));
                };
                let step_uj = to_wrap_uj.saturating_add(sample.value);
                if step_uj as f64 > most_uj {
                    return (0, Some(Flaw::Reset));
                }
                step_uj
            }
        };
        if step_uj as f64 > most_uj {
            let milliwatts = (step_uj as f64 / 1e3 / seconds) as u64;
            return (step_uj, Some(Flaw::Implausible { milliwatts }));
        }
        let once_more = wraps_at_uj.is_some_and(|range| (step_uj as f64 + range as f64) <= most_uj);
        (step_uj, once_more.then_some(Flaw::Wrapped))
    }

    fn push_power(&mut self, sample: Sample) -> bool {
        if sample.value == 0 {
            // Drivers that are asked too often answer so; no device that runs draws nothing.
            self.fail(
                sample.before_ns,
                sample.after_ns,
                ReadError::Passing("it says 0 mW".to_owned()),
            );
            return false;
        }
        let flaw = (sample.value as f64 / 1e3 > self.implausible_w())
            .then_some(Flaw::Implausible { milliwatts: sample.value });
        let held_ns = self.last.replace(sample).map(|last| last.before_ns);
        self.log(sample, held_ns, 0, flaw);
        true
    }

    fn log(&mut self, sample: Sample, held_ns: Option<u64>, energy_uj: u64, flaw: Option<Flaw>) {
        if self.points.len() == self.capacity {
            self.points.pop_front();
            self.dropped += 1;
        }
        let Sample { before_ns, after_ns, value } = sample;
        self.points.push_back(Point { before_ns, after_ns, held_ns, value, energy_uj, flaw });
    }
}

impl Point {
    /// When it ticked, in nanoseconds, as near as the reads tell.
    pub(super) fn time_ns(&self) -> f64 {
        let earliest_ns = self.held_ns.unwrap_or(self.before_ns);
        f64::midpoint(earliest_ns as f64, self.after_ns as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::tests::fake::{Fake, MS, Script};

    #[test]
    fn a_log_does_not_grow_beyond_its_bound() {
        let fake = Fake::counter(10 * MS, 0, Script::new([(0, 300.0)]));
        let mut trace = Trace::of(&fake, 10 * MS, 64);
        let room = trace.points.capacity();
        fake.watch(&mut trace, (0..20_000 * MS).step_by(2 * MS as usize));
        assert_eq!((trace.points.len(), trace.points.capacity()), (64, room));
        for at_ns in 0..1000 {
            trace.fail(at_ns, at_ns, ReadError::Passing("busy".to_owned()));
        }
        assert_eq!((trace.failures.len(), trace.failed), (FAILURES, 1000));
    }

    #[test]
    fn only_what_is_new_is_kept() {
        let fake = Fake::counter(10 * MS, 0, Script::new([(0, 300.0)]));
        let mut trace = fake.trace(10 * MS);
        let read = |before_ns, value| Sample { before_ns, after_ns: before_ns + 5, value };
        let new: Vec<bool> = [(10, 7), (20, 7), (30, 9), (40, 9)]
            .map(|(at, value)| trace.push(read(at, value)))
            .into();
        assert_eq!(new, [true, false, true, false]);
        let points: Vec<_> =
            trace.points.iter().map(|p| (p.held_ns, p.before_ns, p.value, p.energy_uj)).collect();
        assert_eq!(points, [(None, 10, 7, 0), (Some(20), 30, 9, 2)]);
        assert_eq!(trace.last(), Some(read(40, 9)));
        trace.clear();
        assert!(trace.points.is_empty() && trace.last().is_none());
    }
}
