//! What is known of the machine while it waits.

use std::time::{Duration, Instant};

use crate::energy::{Baseline, BaselineKind, Baselines, Doubt, Measurement, Sampler, Tick, Trace};

/// Parts of a baseline: their spread is its doubt.
const PARTS: u32 = 5;

/// A baseline older than this is taken anew before a case that is measured thoroughly.
const FRESH: Duration = Duration::from_secs(300);

/// The baselines of a machine, where they are wanted.
#[derive(Debug, Default)]
pub(super) struct Idle {
    bare: Option<Result<Baseline, Doubt>>,
    context: Option<Result<Baseline, Doubt>>,
    /// That of the model that is loaded, and when it was taken.
    model: Option<(Instant, Result<Baseline, Doubt>)>,
    /// The longest tick that a baseline has shown.
    tick: Option<Duration>,
}

impl Idle {
    /// A model is about to be loaded, and the machine is in the state `kind`; none where another
    /// model stays, which is neither. The first time in each state takes its baseline.
    pub(super) fn before_load(
        &mut self,
        sampler: &Sampler,
        measurement: Measurement,
        kind: Option<BaselineKind>,
    ) {
        // Another model is another idle power.
        self.model = None;
        let Some(kind) = kind.filter(|_| measurement.is_thorough()) else { return };
        let place = match kind {
            BaselineKind::Bare => &mut self.bare,
            BaselineKind::Context => &mut self.context,
            BaselineKind::Model => return,
        };
        if place.is_none() {
            let (taken, tick) = take(sampler, kind, measurement.baseline());
            (*place, self.tick) = (Some(taken), tick);
        }
    }

    /// Takes the baseline with the model, where one is wanted and the last is not fresh.
    pub(super) fn refresh(&mut self, sampler: &Sampler, measurement: Measurement) {
        let is_fresh = |(taken, _): &(Instant, _)| taken.elapsed() < FRESH;
        if measurement.is_thorough() && !self.model.as_ref().is_some_and(is_fresh) {
            let (taken, tick) = take(sampler, BaselineKind::Model, measurement.baseline());
            (self.model, self.tick) = (Some((Instant::now(), taken)), tick);
        }
    }

    /// Takes the baseline with the model once more, where the one that there is has come to the age
    /// of `least`; none where it has not. It serves what is measured next, and says whether the one
    /// before it did not hold for what began at `begin_ns`.
    pub(super) fn again(
        &mut self,
        sampler: &Sampler,
        measurement: Measurement,
        least: Duration,
        begin_ns: u64,
    ) -> Option<Result<Option<Doubt>, Doubt>> {
        let (at, before) = self.model.as_ref()?;
        let Ok(before) = before.clone() else { return None };
        if !measurement.is_thorough() || at.elapsed() < least {
            return None;
        }
        let (later, tick) = take(sampler, BaselineKind::Model, measurement.baseline());
        Some(later.map(|later| {
            let stale = before.stale(begin_ns, Some(&later));
            (self.model, self.tick) = (Some((Instant::now(), Ok(later))), tick);
            stale
        }))
    }

    /// What is known of the machine at `at_ns`; none where nothing was taken.
    pub(super) fn told(&self, at_ns: u64) -> Option<Baselines> {
        let told = |baseline: &Baseline| baseline.told(at_ns);
        let taken = |one: &Option<Result<Baseline, Doubt>>| {
            one.as_ref().and_then(|taken| taken.as_ref().ok()).map(told)
        };
        let all = Baselines {
            bare: taken(&self.bare),
            context: taken(&self.context),
            model: self.model().map(told),
        };
        (all != Baselines::default()).then_some(all)
    }

    /// The baseline with the model that is loaded, where it was taken and came to something.
    pub(super) fn model(&self) -> Option<&Baseline> {
        self.model.as_ref()?.1.as_ref().ok()
    }

    /// Why there is none, where one was to be taken.
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
    let (begin_ns, own) = (open.begin_ns(), open.own());
    open.close(|all, end_ns, _| {
        let traces = &mut all[..own];
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
