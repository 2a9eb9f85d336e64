//! Meters whose truth is known.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::energy::{Meter, Quantity, ReadError, Sample, Source, Trace};

/// Nanoseconds of a millisecond.
pub(in crate::energy) const MS: u64 = 1_000_000;

/// Power over time: each step holds from its time on.
#[derive(Debug, Clone)]
pub(in crate::energy) struct Script(Vec<(u64, f64)>);

impl Script {
    /// Steps of (nanoseconds, watts), the first at 0.
    pub(in crate::energy) fn new(steps: impl Into<Vec<(u64, f64)>>) -> Self {
        Self(steps.into())
    }

    /// Joules from time 0 up to `at_ns`.
    pub(in crate::energy) fn joules(&self, at_ns: u64) -> f64 {
        let ends = self.0.iter().skip(1).map(|(from, _)| *from).chain([u64::MAX]);
        let parts = self.0.iter().zip(ends).map(|((from, watts), end)| {
            watts * (end.min(at_ns).saturating_sub(*from)) as f64 / 1e9
        });
        parts.sum()
    }

    /// Joules between two times.
    pub(in crate::energy) fn between(&self, begin_ns: u64, end_ns: u64) -> f64 {
        self.joules(end_ns) - self.joules(begin_ns)
    }
}

/// A counter that ticks, or a sensor that averages.
#[derive(Debug, Clone)]
pub(in crate::energy) struct Fake {
    pub(in crate::energy) script: Script,
    pub(in crate::energy) source: Source,
    pub(in crate::energy) scope: String,
    pub(in crate::energy) quantity: Quantity,
    pub(in crate::energy) limit_w: Option<f64>,
    /// Nanoseconds between ticks; of a sensor, between two that it says.
    pub(in crate::energy) tick_ns: u64,
    /// When the first tick is.
    pub(in crate::energy) phase_ns: u64,
    /// Each tick comes later by up to this part of the time between two.
    pub(in crate::energy) jitter: f64,
    /// What the counter says at time 0, in microjoules.
    pub(in crate::energy) start_uj: u64,
}

impl Fake {
    /// An NVML counter of a board of 700 W.
    pub(in crate::energy) fn counter(tick_ns: u64, phase_ns: u64, script: Script) -> Self {
        Self {
            script,
            source: Source::NvmlCounter,
            scope: "GPU-0".to_owned(),
            quantity: Quantity::Energy { wraps_at_uj: None },
            limit_w: Some(700.0),
            tick_ns,
            phase_ns,
            jitter: 0.0,
            start_uj: 1_234_567_000,
        }
    }

    /// An NVML power sensor that averages.
    pub(in crate::energy) fn sensor(averages_over_ns: u64, script: Script) -> Self {
        Self {
            source: Source::NvmlPower,
            quantity: Quantity::Power { averages_over_ns },
            ..Self::counter(20 * MS, 0, script)
        }
    }

    /// The counter of a processor package, which wraps.
    pub(in crate::energy) fn rapl(wraps_at_uj: u64, start_uj: u64, script: Script) -> Self {
        Self {
            source: Source::Rapl,
            scope: "package-0".to_owned(),
            quantity: Quantity::Energy { wraps_at_uj: Some(wraps_at_uj) },
            limit_w: Some(400.0),
            start_uj,
            ..Self::counter(MS, 0, script)
        }
    }

    /// The last tick no later than `at_ns`.
    pub(in crate::energy) fn tick_before(&self, at_ns: u64) -> u64 {
        let mut count = at_ns.saturating_sub(self.phase_ns) / self.tick_ns + 1;
        loop {
            let nominal_ns = self.phase_ns + count * self.tick_ns;
            let late =
                if self.jitter > 0.0 { Chance::new(count).part() * self.jitter } else { 0.0 };
            let late_ns = late * self.tick_ns as f64;
            let tick_ns = nominal_ns + late_ns as u64;
            if tick_ns <= at_ns {
                return tick_ns;
            }
            match count.checked_sub(1) {
                Some(less) => count = less,
                None => return 0,
            }
        }
    }

    /// What it says at `at_ns`: whole millijoules, or milliwatts.
    pub(in crate::energy) fn value(&self, at_ns: u64) -> u64 {
        let tick_ns = self.tick_before(at_ns);
        match self.quantity {
            Quantity::Energy { wraps_at_uj } => {
                let unit_uj = if self.source == Source::Rapl { 61.0 } else { 1000.0 };
                let energy_uj = (self.script.joules(tick_ns) * 1e6 / unit_uj).floor() * unit_uj;
                let value = self.start_uj + energy_uj as u64;
                wraps_at_uj.map_or(value, |range| value % (range + 1))
            }
            Quantity::Power { averages_over_ns } => {
                let from_ns = tick_ns.saturating_sub(averages_over_ns);
                let seconds = (tick_ns - from_ns).max(1) as f64 / 1e9;
                (self.script.between(from_ns, tick_ns) / seconds * 1e3).round() as u64
            }
        }
    }

    /// An empty trace of it, with room for everything.
    pub(in crate::energy) fn trace(&self, poll_ns: u64) -> Trace {
        Trace::of(self, poll_ns, 10_000)
    }

    /// Reads it at each of the times into `trace`. A read takes 20 us, and the value is that of
    /// its middle.
    pub(in crate::energy) fn watch(
        &self,
        trace: &mut Trace,
        times_ns: impl IntoIterator<Item = u64>,
    ) {
        for before_ns in times_ns {
            let value = self.value(before_ns + 10_000);
            trace.push(Sample { before_ns, after_ns: before_ns + 20_000, value });
        }
    }

    /// A trace of reads every `poll_ns` from 0 to `end_ns`.
    pub(in crate::energy) fn watched(&self, poll_ns: u64, end_ns: u64) -> Trace {
        let mut trace = self.trace(poll_ns);
        self.watch(&mut trace, (0..end_ns).step_by(poll_ns as usize));
        trace
    }
}

impl Meter for Fake {
    fn source(&self) -> Source {
        self.source
    }

    fn scope(&self) -> &str {
        &self.scope
    }

    fn quantity(&self) -> Quantity {
        self.quantity
    }

    fn limit_w(&self) -> Option<f64> {
        self.limit_w
    }

    fn read(&mut self) -> Result<u64, ReadError> {
        Err(ReadError::Lasting("the test gives the times".to_owned()))
    }
}

/// Numbers by chance, the same in each run.
pub(in crate::energy) struct Chance(ChaCha8Rng);

impl Chance {
    pub(in crate::energy) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// In [0, 1).
    pub(in crate::energy) fn part(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// In [from, to).
    pub(in crate::energy) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + (self.part() * (to - from) as f64) as u64
    }

    /// A draw from the standard normal distribution, by Box and Muller.
    pub(in crate::energy) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.part()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.part()).cos()
    }
}
