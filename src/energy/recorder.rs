//! From work to a reading: opens windows around it, and takes the baselines.

use std::io;
use std::time::{Duration, Instant};

use crate::energy::cuda::{self, CudaError};
use crate::energy::idle::Idle;
use crate::energy::nvml::{Edge, Gpus};
use crate::energy::{
    BaselineKind, Clock as _, Doubt, Measurement, Meter, Monotonic, Open, Options, Probe, Quantity,
    Rate, Reading, Rounds, Sampler, Source, Tokens, Trace, Window, Work, sources,
};

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;

/// Ticks of a window where nothing but repeats was asked for. What the ticks leave open is then one
/// percent of the energy, at even power.
const TICKS: u32 = 100;

/// A window where nothing but repeats was asked for, and the counter ticks too often to be seen.
const LENGTH: Duration = Duration::from_secs(1);

/// Of the draws of the bootstrap: the same readings have the same interval.
const SEED: u64 = 0;

/// Waits until the GPUs are done with what this process gave them, and says how many there are on
/// which it computes: [`cuda::synchronize`].
type Wait = Box<dyn Fn() -> Result<usize, CudaError> + Send>;

/// After a case the baseline is taken once more where it has come to this age: drift takes minutes,
/// and short cases are not to pay for it one by one.
const DRIFTS: Duration = Duration::from_secs(60);

/// Measures work, where there is a source.
pub struct Recorder {
    /// The sampler, or why there is none.
    sampler: Result<Sampler, String>,
    /// What else is to be asked of the GPUs at the edges; none where RAPL is read.
    gpus: Option<Gpus>,
    /// Called at both edges of a window; none where no GPU is read.
    wait: Option<Wait>,
    measurement: Measurement,
    idle: Idle,
    keeps: bool,
    /// What was read in the last measurement, where that is to be kept.
    kept: Vec<Trace>,
}

/// The begin of a window.
struct Begun<'a> {
    /// Whether the GPUs were free then.
    waited: Result<(), Doubt>,
    gpus: Option<Edge>,
    open: Open<'a>,
}

/// A window that was measured.
struct Done<T> {
    /// The output of the first work in it.
    first: T,
    reading: Reading,
    /// Tokens of all the work in it.
    tokens: Tokens,
    /// What was read, where that is kept.
    traces: Vec<Trace>,
}

impl Recorder {
    /// A recorder over the sources that `options` lead to. Where there are none, it measures
    /// nothing, costs nothing, and each of its readings says why.
    pub fn open(options: &Options, measurement: Measurement) -> Self {
        if options.off {
            return Self::new(Err("energy is off".to_owned()), measurement);
        }
        let sources = sources::open(options);
        if sources.meters.is_empty() {
            return Self::new(Err(nothing_here(&sources.probes)), measurement);
        }
        let reads_gpus = sources.meters.iter().any(|meter| meter.source() != Source::Rapl);
        let (meters, others) = (sources.meters, sources.others);
        let started = Self::start_with(meters, others, Rate::default(), measurement);
        let mut recorder = started.unwrap_or_else(|error| {
            let reason = format!("the thread that reads the meters cannot be started: {error}");
            Self::new(Err(reason), measurement)
        });
        if reads_gpus {
            recorder.gpus = sources.gpus;
            recorder.wait = Some(Box::new(cuda::synchronize));
        }
        recorder
    }

    /// A recorder over `meters`. Of several sources the best is read: their joules overlap.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        meters: Vec<Box<dyn Meter>>,
        rate: Rate,
        measurement: Measurement,
    ) -> io::Result<Self> {
        Self::start_with(meters, Vec::new(), rate, measurement)
    }

    /// As [`Recorder::start`]. Where counters are read, `others`, the power of the same devices, is
    /// read besides, to compare.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start_with(
        mut meters: Vec<Box<dyn Meter>>,
        mut others: Vec<Box<dyn Meter>>,
        rate: Rate,
        measurement: Measurement,
    ) -> io::Result<Self> {
        let best = meters.iter().map(|meter| rank(meter.source())).min();
        meters.retain(|meter| Some(rank(meter.source())) == best);
        let patience = match measurement.is_thorough() {
            true => rate.patience + averages_over(&meters),
            false => rate.patience,
        };
        let rate = Rate { patience, ..rate };
        others.retain(|other| meters.iter().any(|meter| meter.scope() == other.scope()));
        Ok(Self::new(Ok(Sampler::start_with(meters, others, rate)?), measurement))
    }

    fn new(sampler: Result<Sampler, String>, measurement: Measurement) -> Self {
        let (idle, kept) = (Idle::default(), Vec::new());
        Self { sampler, gpus: None, wait: None, measurement, idle, keeps: false, kept }
    }

    /// Before a model is loaded: takes the baseline of the machine as it is, where baselines are
    /// wanted and that of its state is not there yet. `others` says whether another model stays
    /// loaded meanwhile: then there is nothing to learn.
    pub fn before_load(&mut self, others: bool) {
        let Ok(sampler) = &self.sampler else { return };
        let contexts = self.wait.as_ref().map_or(Ok(0), |wait| wait());
        let kind = match contexts {
            Ok(0) => Some(BaselineKind::Bare),
            Ok(_) => Some(BaselineKind::Context),
            // GPUs that fail are not idle; the next window says so.
            Err(_) => None,
        };
        self.idle.before_load(sampler, self.measurement, kind.filter(|_| !others));
    }

    /// From now on keeps what is read, for [`Recorder::traces`].
    pub fn keep_traces(&mut self) {
        self.keeps = true;
    }

    /// What was read in the last measurement: for each window the trace of each meter.
    pub fn traces(&self) -> &[Trace] {
        &self.kept
    }

    /// Does `work` and measures it, as often and as long as was asked for. The output is that of
    /// the first time; `told` is what an output tells of the work.
    ///
    /// # Errors
    /// What `work` says, the first time or later.
    pub fn measure<T, E>(
        &mut self,
        told: impl Fn(&T) -> Work,
        mut work: impl FnMut() -> Result<T, E>,
    ) -> Result<(T, Reading), E> {
        let began = Instant::now();
        let sampler = match &self.sampler {
            Ok(sampler) => sampler,
            Err(reason) => return Ok((work()?, Reading::unknown(reason.as_str()))),
        };
        self.kept.clear();
        if !self.measurement.is_thorough() {
            let Done { first, reading, traces, .. } =
                self.window(sampler, began, Some(1), &told, &mut work)?;
            self.kept = traces;
            return Ok((first, reading));
        }
        // What is done for the first time costs more than ever after: it is not measured.
        let first = work()?;
        self.idle.refresh(sampler, self.measurement);
        let begin_ns = Monotonic.now_ns();
        let wanted = self.measurement.windows();
        let mut windows: Vec<(Reading, Option<Tokens>)> = Vec::new();
        // Windows can be compared where the same is done in each: as often as in the first.
        let mut times = None;
        let mut longest = Duration::ZERO;
        while windows.len() < wanted as usize {
            if !windows.is_empty() && !self.leaves(began, longest) {
                break;
            }
            let window = Instant::now();
            let done = self.window(sampler, began, times, &told, &mut work)?;
            times = done.reading.repeats;
            windows.push((done.reading, Some(done.tokens)));
            self.kept.extend(done.traces);
            longest = longest.max(window.elapsed());
        }
        let done = windows.len();
        let mut reading = over(&windows);
        if done < wanted as usize {
            reading
                .say(format!("{done} of {wanted} windows: the deadlines leave no time for more"));
        }
        if self.leaves(began, self.measurement.baseline()) {
            recheck(&mut self.idle, sampler, self.measurement, DRIFTS, begin_ns, &mut reading);
        }
        Ok((first, reading))
    }

    /// One window around `work`, done once, whatever else was asked for. Where baselines are wanted
    /// and there is none with this model, the machine is watched first: let it be idle.
    pub fn watch<T>(
        &mut self,
        told: impl FnOnce(&T) -> Work,
        work: impl FnOnce() -> T,
    ) -> (T, Reading) {
        let sampler = match &self.sampler {
            Ok(sampler) => sampler,
            Err(reason) => return (work(), Reading::unknown(reason.as_str())),
        };
        self.idle.refresh(sampler, self.measurement);
        let begin_ns = Monotonic.now_ns();
        let edge = self.begin(sampler);
        let output = work();
        let (mut reading, traces) = self.end(edge, &told(&output), 1);
        self.kept = traces;
        let at_once = Duration::ZERO;
        recheck(&mut self.idle, sampler, self.measurement, at_once, begin_ns, &mut reading);
        (output, reading)
    }

    /// Watches rounds of work for their power, whatever else was asked for: no baseline is taken.
    pub fn rounds(&self) -> Rounds<'_> {
        let open = self.sampler.as_ref().map(Sampler::open).map_err(Clone::clone);
        Rounds::new(self, open)
    }

    /// One window, in which the work is done so many `times`: without a number, until it is as long
    /// as was asked for.
    fn window<T, E>(
        &self,
        sampler: &Sampler,
        began: Instant,
        times: Option<u32>,
        told: impl Fn(&T) -> Work,
        mut work: impl FnMut() -> Result<T, E>,
    ) -> Result<Done<T>, E> {
        let edge = self.begin(sampler);
        let begun = Instant::now();
        let length = self.length();
        let goes_on = |repeats| times.map_or(begun.elapsed() < length, |times| repeats < times);
        let first = work()?;
        let mut done = told(&first);
        let mut repeats = 1;
        while goes_on(repeats) && self.leaves(began, begun.elapsed() / repeats) {
            done.add(told(&work()?));
            repeats += 1;
        }
        let is_short = goes_on(repeats);
        let (mut reading, traces) = self.end(edge, &done, repeats);
        if is_short {
            let ms = length.as_millis();
            reading.say(format!("the window is shorter than {ms} ms: the deadlines leave no more"));
        }
        Ok(Done { first, reading, tokens: done.tokens, traces })
    }

    fn begin<'a>(&self, sampler: &'a Sampler) -> Begun<'a> {
        // What was given to the GPUs before is not of this window.
        let waited = self.wait();
        let gpus = self.gpus.as_ref().map(Gpus::edge);
        let is_thorough = self.measurement.is_thorough();
        let open = if is_thorough { sampler.open_aligned() } else { sampler.open() };
        Begun { waited, gpus, open }
    }

    /// Waits for the GPUs. Where they fail, nobody knows what of the work is in the window.
    pub(super) fn wait(&self) -> Result<(), Doubt> {
        let Some(wait) = &self.wait else { return Ok(()) };
        let failed = |error| Doubt::Failed { error: format!("waiting for the GPUs: {error}") };
        wait().map(|_| ()).map_err(failed)
    }

    fn end(&self, begun: Begun<'_>, work: &Work, repeats: u32) -> (Reading, Vec<Trace>) {
        let begin_ns = begun.open.begin_ns();
        // The engine has its output; what the GPUs still do for it belongs to it.
        let waited = begun.waited.and_then(|()| self.wait());
        let own = begun.open.own();
        let (mut reading, traces) = begun.open.close(|all, end_ns, cost| {
            let (traces, others) = all.split_at(own);
            let later = self.gpus.as_ref().map(Gpus::edge);
            let edges = begun.gpus.as_ref().zip(later.as_ref());
            let mut doubts = edges.map(|(begun, later)| begun.until(later)).unwrap_or_default();
            doubts.extend(waited.err());
            let window = Window {
                begin_ns,
                end_ns,
                baseline: self.idle.model(),
                tokens: Some(work.tokens),
                phases: work.phases.as_ref(),
                others,
                repeats: Some(repeats),
                doubts,
            };
            let mut reading = window.reading(traces);
            reading.sampler_cpu_percent = cost.cpu_percent();
            reading.sampler_hz = cost.hz();
            reading.baselines = self.idle.told(begin_ns);
            (reading, if self.keeps { all.to_vec() } else { Vec::new() })
        });
        if let Some(doubt) = self.idle.failed() {
            reading.say(format!("the baseline: {doubt}"));
        }
        (reading, traces)
    }

    /// How long a window is to be at least.
    fn length(&self) -> Duration {
        if !self.measurement.is_thorough() {
            return Duration::ZERO;
        }
        let by_ticks = || self.idle.tick().map_or(LENGTH, |tick| tick * TICKS);
        self.measurement.min_window.unwrap_or_else(by_ticks)
    }

    /// Whether there is time for something that takes `next`.
    fn leaves(&self, began: Instant, next: Duration) -> bool {
        self.measurement.budget.is_none_or(|budget| began.elapsed() + next <= budget)
    }
}

/// Takes the baseline once more after the work, where the last has come to the age of `least`, and
/// says in `reading` where it no longer holds.
fn recheck(
    idle: &mut Idle,
    sampler: &Sampler,
    measurement: Measurement,
    least: Duration,
    begin_ns: u64,
    reading: &mut Reading,
) {
    match idle.again(sampler, measurement, least, begin_ns) {
        None | Some(Ok(None)) => {}
        Some(Ok(Some(stale))) => {
            let is_said = |doubt: &Doubt| matches!(doubt, Doubt::StaleBaseline { .. });
            if reading.net_j.is_some() && !reading.doubts.iter().any(is_said) {
                reading.doubts.push(stale);
            }
        }
        Some(Err(doubt)) => reading.say(format!("the baseline after the work: {doubt}")),
    }
}

/// The windows of a case, with how often the work was done in all of them, and the sampler at its
/// worst.
fn over(windows: &[(Reading, Option<Tokens>)]) -> Reading {
    let each = |number: fn(&Reading) -> Option<f64>| {
        windows.iter().filter_map(move |(one, _)| number(one))
    };
    Reading {
        repeats: windows.iter().map(|(one, _)| one.repeats).sum(),
        sampler_cpu_percent: each(|one| one.sampler_cpu_percent).max_by(f64::total_cmp),
        sampler_hz: each(|one| one.sampler_hz).min_by(f64::total_cmp),
        baselines: windows.first().and_then(|(one, _)| one.baselines),
        ..Reading::of_repeats(windows, SEED)
    }
}

/// The best source first: a counter misses nothing between two readings, and what a GPU does for a
/// case is more than what its host does.
fn rank(source: Source) -> u8 {
    match source {
        Source::NvmlCounter => 0,
        Source::NvmlPower => 1,
        Source::Rapl => 2,
        Source::None => 3,
    }
}

/// Over how long the slowest of the sensors averages: until then its readings are still of the
/// window.
fn averages_over(meters: &[Box<dyn Meter>]) -> Duration {
    let averages_ns = meters.iter().filter_map(|meter| match meter.quantity() {
        Quantity::Power { averages_over_ns } => Some(averages_over_ns),
        Quantity::Energy { .. } => None,
    });
    Duration::from_nanos(averages_ns.max().unwrap_or(0))
}

/// Why nothing is measured, where nothing can be: what became of each source.
fn nothing_here(probes: &[Probe]) -> String {
    let states: Vec<String> = probes.iter().map(state).collect();
    format!("no source of energy: {}", states.join("; "))
}

/// A source and its state, in words.
fn state(probe: &Probe) -> String {
    let (state, detail) = match probe.presence.lack() {
        None => ("present", probe.presence.scope().join(", ")),
        Some((state, reason, None)) => (state, reason.to_owned()),
        Some((state, reason, Some(remedy))) => (state, format!("{reason}; {remedy}")),
    };
    format!("{} {state} ({detail})", probe.source)
}
