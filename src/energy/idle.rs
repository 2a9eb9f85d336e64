//! What is known of the machine while it waits.

use std::time::{Duration, Instant};

use crate::energy::{Baseline, BaselineKind, Doubt, Measurement, Sampler, Tick, Trace};

/// Parts of a baseline: their spread is its doubt.
const PARTS: u32 = 5;

/// A baseline older than this is taken anew before a case that is measured thoroughly.
const FRESH: Duration = Duration::from_secs(300);

/// The baselines of a machine, where they are wanted.
#[derive(Debug, Default)]
pub(super) struct Idle {
    bare: Option<Result<Baseline, Doubt>>,
    /// That of the model that is loaded, and when it was taken.
    model: Option<(Instant, Result<Baseline, Doubt>)>,
    /// The longest tick that a baseline has shown.
    tick: Option<Duration>,
}

impl Idle {
    /// A model is about to be loaded: for the first one, takes the baseline without.
    pub(super) fn before_load(&mut self, sampler: &Sampler, measurement: Measurement) {
        if self.bare.is_none() && measurement.is_thorough() {
            let (taken, tick) = take(sampler, BaselineKind::Bare, measurement.baseline());
            (self.bare, self.tick) = (Some(taken), tick);
        }
        // Another model is another idle power.
        self.model = None;
    }

    /// Takes the baseline with the model, where one is wanted and the last is not fresh.
    pub(super) fn refresh(&mut self, sampler: &Sampler, measurement: Measurement) {
        let is_fresh = |(taken, _): &(Instant, _)| taken.elapsed() < FRESH;
        if measurement.is_thorough() && !self.model.as_ref().is_some_and(is_fresh) {
            let (taken, tick) = take(sampler, BaselineKind::Model, measurement.baseline());
            (self.model, self.tick) = (Some((Instant::now(), taken)), tick);
        }
    }

    /// The baseline without a model, where it was taken and came to something.
    pub(super) fn bare(&self) -> Option<&Baseline> {
        self.bare.as_ref()?.as_ref().ok()
    }

    /// The same with the model that is loaded.
    pub(super) fn model(&self) -> Option<&Baseline> {
        self.model.as_ref()?.1.as_ref().ok()
    }

    /// Why there is none with the model, where one was to be taken.
    pub(super) fn failed(&self) -> Option<&Doubt> {
        self.model.as_ref()?.1.as_ref().err()
    }

    /// The longest tick that a baseline has shown.
    pub(super) fn tick(&self) -> Option<Duration> {
        self.tick
    }
}

/// Watches the machine while it does nothing; the longest tick that it has seen as well.
fn take(
    sampler: &Sampler,
    kind: BaselineKind,
    length: Duration,
) -> (Result<Baseline, Doubt>, Option<Duration>) {
    let open = sampler.open_fast();
    std::thread::sleep(length);
    let begin_ns = open.begin_ns();
    open.close(|traces, end_ns, _| {
        for trace in &mut *traces {
            if let Some(tick) = Tick::learn(trace) {
                trace.set_tick(tick);
            }
        }
        let ticks = traces.iter().filter_map(Trace::tick);
        let longest = ticks.map(|tick| Duration::from_nanos(tick.period_ns)).max();
        (Baseline::of(kind, traces, begin_ns, end_ns, PARTS), longest)
    })
}
