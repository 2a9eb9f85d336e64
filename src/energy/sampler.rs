//! The thread that reads the meters while a window is open.
//!
//! There is one, whatever the number of meters: drivers answer one at a time anyway. Between
//! windows it sleeps and reads nothing. Whoever opens or closes a window reads in its own thread,
//! so that the edge does not wait for another; both never read at once.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::energy::clock::{Monotonic, thread_cpu_ns};
use crate::energy::{Clock, Meter, ReadError, Sample, Trace};

/// Readings that a log holds. At 10 Hz that is a quarter of an hour; a new one is 64 bytes.
const CAPACITY: usize = 10_000;

/// How often the meters are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// While a window is open.
    pub period: Duration,
    /// After an edge, until each counter has ticked.
    pub edge: Duration,
    /// How long after an edge at most.
    pub patience: Duration,
}

impl Default for Rate {
    /// 10 Hz, and every millisecond at the edges for a quarter of a second at most: the slowest
    /// counters tick about every 100 ms.
    fn default() -> Self {
        Self {
            period: Duration::from_millis(100),
            edge: Duration::from_millis(1),
            patience: Duration::from_millis(250),
        }
    }
}

/// What sampling took, since the meters were last idle.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Processor time of the thread, and of reading at the edges, in nanoseconds.
    pub cpu_ns: u64,
    /// Wall clock since the first round, in nanoseconds.
    pub wall_ns: u64,
    /// How often all meters were read, by the thread and at the edges.
    pub rounds: u64,
    /// The longest time that reading all of them took, in nanoseconds.
    pub longest_ns: u64,
    /// The longest time between two rounds, in nanoseconds: with the rate that was asked for it
    /// is about the period, with slow meters more.
    pub slowest_ns: u64,
}

impl Cost {
    /// What the thread took of one processor core, in percent; none before time has passed.
    pub fn cpu_percent(&self) -> Option<f64> {
        (self.wall_ns > 0).then(|| 100.0 * self.cpu_ns as f64 / self.wall_ns as f64)
    }

    /// Rounds a second; none before time has passed.
    pub fn hz(&self) -> Option<f64> {
        (self.wall_ns > 0).then(|| self.rounds as f64 / (self.wall_ns as f64 / 1e9))
    }
}

/// The thread, the meters and what they said.
#[derive(Debug)]
pub struct Sampler {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    rate: Rate,
    /// As in its state.
    own: usize,
}

struct Shared {
    state: Mutex<State>,
    /// There is something to do, or an end.
    wake: Condvar,
    /// All is known of the last edge.
    seen: Condvar,
}

/// What both threads work on.
struct State {
    meters: Vec<Box<dyn Meter>>,
    /// How many of them, the first ones, are what is measured with. Those after them are for
    /// comparison: they are read once a period, and no edge waits for them.
    own: usize,
    period_ns: u64,
    /// One per meter.
    traces: Vec<Trace>,
    /// Whether it will never say anything again; one per meter.
    lost: Vec<bool>,
    clock: Box<dyn Clock + Send>,
    /// Windows that are open; nested ones share the readings.
    windows: usize,
    /// Fast until then, or until each counter has ticked after `edge_ns`.
    fast_until_ns: u64,
    edge_ns: u64,
    /// Whether it is read fast all the time.
    always_fast: bool,
    quits: bool,
    cost: Cost,
    began_ns: u64,
    /// Begin and end of the last round.
    last_ns: u64,
    ended_ns: u64,
    /// Processor time of the thread when the first window opened.
    cpu_before_ns: u64,
    cpu_now_ns: u64,
}

/// An open window. Dropping it closes it, by a panic as well.
#[derive(Debug)]
#[must_use]
pub struct Open<'a> {
    sampler: &'a Sampler,
    begin_ns: u64,
}

impl Sampler {
    /// Starts the thread over `meters`.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(meters: Vec<Box<dyn Meter>>, rate: Rate) -> io::Result<Self> {
        Self::start_with(meters, Vec::new(), rate)
    }

    /// As [`Sampler::start`], and reads `others` besides, once a [`Rate::period`] and not faster at
    /// the edges: their traces come after those of `meters`.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start_with(
        mut meters: Vec<Box<dyn Meter>>,
        others: Vec<Box<dyn Meter>>,
        rate: Rate,
    ) -> io::Result<Self> {
        let own = meters.len();
        meters.extend(others);
        let state = State::new(meters, own, rate, Box::new(Monotonic));
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            wake: Condvar::new(),
            seen: Condvar::new(),
        });
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("wattest-energy".to_owned())
            .spawn(move || served.serve(rate))?;
        Ok(Self { shared, thread: Some(thread), rate, own })
    }

    /// Opens a window: it begins when this returns.
    pub fn open(&self) -> Open<'_> {
        self.begin(false)
    }

    /// Opens a window just after each counter has ticked ([`Rate::patience`] is waited for that at
    /// most): so it is known what there was at its begin.
    pub fn open_aligned(&self) -> Open<'_> {
        let mut open = self.begin(false);
        let mut state = self.shared.seen(self.lock(), self.rate.patience);
        open.begin_ns = state.edge(self.rate.patience);
        drop(state);
        self.shared.wake.notify_all();
        open
    }

    /// Opens a window in which each tick is to be seen: it is read every [`Rate::edge`].
    pub fn open_fast(&self) -> Open<'_> {
        self.begin(true)
    }

    fn begin(&self, fast: bool) -> Open<'_> {
        let mut state = self.lock();
        state.open();
        state.always_fast |= fast;
        let begin_ns = state.edge(self.rate.patience);
        drop(state);
        self.shared.wake.notify_all();
        Open { sampler: self, begin_ns }
    }

    /// How many windows are open.
    #[cfg(test)]
    pub(super) fn windows(&self) -> usize {
        self.lock().windows
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.lock().quits = true;
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has panicked only where a meter did, which was written to stderr then.
            let _ = thread.join();
        }
    }
}

impl Open<'_> {
    /// When it began, in nanoseconds of the clock.
    pub fn begin_ns(&self) -> u64 {
        self.begin_ns
    }

    /// How many of the traces, the first ones, are of the meters that are measured with.
    pub fn own(&self) -> usize {
        self.sampler.own
    }

    /// What sampling has taken so far.
    pub fn cost(&self) -> Cost {
        self.sampler.lock().cost()
    }

    /// An edge within the window, at the time that is returned: it is read now, and fast for a
    /// while.
    pub fn mark(&self) -> u64 {
        let at_ns = self.sampler.lock().edge(self.sampler.rate.patience);
        self.sampler.shared.wake.notify_all();
        at_ns
    }

    /// Gives `look` the traces of the meters that are measured with, once each counter has ticked
    /// after the last edge ([`Rate::patience`] is waited for that at most).
    pub fn look<T>(&self, look: impl FnOnce(&[Trace]) -> T) -> T {
        let Sampler { shared, rate, own, .. } = self.sampler;
        let state = shared.seen(shared.lock(), rate.patience);
        look(state.traces.get(..*own).unwrap_or_default())
    }

    /// Closes the window, waits until each counter has ticked after it ([`Rate::patience`] at
    /// most), and gives `look` the traces. The second argument is when the window ended.
    /// The traces of meters that are for comparison come last.
    pub fn close<T>(self, look: impl FnOnce(&mut [Trace], u64, Cost) -> T) -> T {
        let sampler = self.sampler;
        let mut state = sampler.lock();
        // What is read now is within the window, and says what there was at least by its end.
        let end_ns = state.edge(sampler.rate.patience);
        sampler.shared.wake.notify_all();
        let mut state = sampler.shared.seen(state, sampler.rate.patience);
        let cost = state.cost();
        let seen = look(&mut state.traces, end_ns, cost);
        // The guard goes before the window: closing takes it again.
        drop(state);
        seen
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let mut state = self.sampler.lock();
        state.windows -= 1;
        state.always_fast &= state.windows > 0;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A meter that panicked has lost a reading, and nothing else.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all is known of the last edge, or `patience` is over: also where the thread
    /// has died of a meter.
    fn seen<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        patience: Duration,
    ) -> MutexGuard<'a, State> {
        let open = |state: &mut State| !state.has_seen_the_edge();
        let waited = self.seen.wait_timeout_while(state, patience, open);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Reads the meters whenever they are due, until the end.
    fn serve(&self, rate: Rate) {
        let mut state = self.lock();
        loop {
            state.cpu_now_ns = thread_cpu_ns();
            if state.quits {
                return;
            }
            if state.windows == 0 {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let fast = state.always_fast || !state.has_seen_the_edge();
            let period = if fast { rate.edge } else { rate.period };
            let next_ns = state.last_ns.saturating_add(nanoseconds(period));
            // Meters that are slower than the period leave others a time for the edges, too.
            let due_ns = next_ns.max(state.ended_ns.saturating_add(nanoseconds(rate.edge)));
            let now_ns = state.now_ns();
            if due_ns > now_ns {
                let wait = Duration::from_nanos(due_ns - now_ns);
                let woken = self.wake.wait_timeout(state, wait);
                state = woken.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            state.round();
            if state.has_seen_the_edge() {
                self.seen.notify_all();
            }
        }
    }
}

impl State {
    fn new(
        meters: Vec<Box<dyn Meter>>,
        own: usize,
        rate: Rate,
        clock: Box<dyn Clock + Send>,
    ) -> Self {
        let poll_ns = nanoseconds(rate.period);
        let traces = meters.iter().map(|meter| Trace::of(meter.as_ref(), poll_ns, CAPACITY));
        Self {
            traces: traces.collect(),
            lost: vec![false; meters.len()],
            meters,
            own,
            period_ns: poll_ns,
            clock,
            windows: 0,
            fast_until_ns: 0,
            edge_ns: 0,
            always_fast: false,
            quits: false,
            cost: Cost::default(),
            began_ns: 0,
            last_ns: 0,
            ended_ns: 0,
            cpu_before_ns: 0,
            cpu_now_ns: 0,
        }
    }

    fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    /// One more window. The first of several that nest begins the logs anew.
    fn open(&mut self) {
        if self.windows == 0 {
            self.traces.iter_mut().for_each(Trace::clear);
            // They are asked once more, so that this window, too, has what they say.
            self.lost.fill(false);
            self.cost = Cost::default();
            self.cpu_before_ns = self.cpu_now_ns;
            self.began_ns = self.now_ns();
            self.last_ns = self.began_ns;
        }
        self.windows += 1;
    }

    /// Reads all meters; then there is an edge, and it is fast for a while.
    fn edge(&mut self, patience: Duration) -> u64 {
        let cpu_ns = thread_cpu_ns();
        self.round();
        self.cost.cpu_ns += thread_cpu_ns().saturating_sub(cpu_ns);
        self.edge_ns = self.now_ns();
        self.fast_until_ns = self.edge_ns.saturating_add(nanoseconds(patience));
        self.edge_ns
    }

    /// Whether there is nothing more to learn of the last edge, or no more time for it.
    fn has_seen_the_edge(&self) -> bool {
        let mut all = self.traces.iter().zip(&self.lost).take(self.own);
        all.all(|(trace, lost)| *lost || trace.covers_end(self.edge_ns))
            || self.now_ns() >= self.fast_until_ns
    }

    /// Reads all meters once. Allocates nothing, but where a read fails.
    fn round(&mut self) {
        let begin_ns = self.now_ns();
        let channels = self.meters.iter_mut().zip(&mut self.traces).zip(&mut self.lost);
        for (k, ((meter, trace), lost)) in channels.enumerate().filter(|(_, (_, lost))| !**lost) {
            let before_ns = self.clock.now_ns();
            let waits = |last: u64| before_ns < last.saturating_add(self.period_ns);
            if k >= self.own && trace.asked_ns().is_some_and(waits) {
                continue;
            }
            let said = meter.read();
            let after_ns = self.clock.now_ns();
            match said {
                Ok(value) => {
                    trace.push(Sample { before_ns, after_ns, value });
                }
                Err(error) => {
                    *lost = matches!(error, ReadError::Lasting(_));
                    trace.fail(before_ns, after_ns, error);
                }
            }
        }
        let end_ns = self.now_ns();
        self.cost.rounds += 1;
        self.cost.longest_ns = self.cost.longest_ns.max(end_ns.saturating_sub(begin_ns));
        self.cost.slowest_ns = self.cost.slowest_ns.max(begin_ns.saturating_sub(self.last_ns));
        (self.last_ns, self.ended_ns) = (begin_ns, end_ns);
    }

    fn cost(&self) -> Cost {
        Cost {
            cpu_ns: self.cost.cpu_ns + self.cpu_now_ns.saturating_sub(self.cpu_before_ns),
            wall_ns: self.now_ns().saturating_sub(self.began_ns),
            ..self.cost
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
