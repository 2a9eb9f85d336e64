//! The energy of a measured run: its reading, and what the meters said.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::energy::{Clock as _, Monotonic, Quantity, Reading, Recorder, Sample, Trace, Work};
use crate::report::timeseries::{Row, Series, Unit, Window};

/// What is known of the energy of some work.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Watched {
    /// What it took.
    pub reading: Reading,
    /// The new readings of the meters while it went on.
    pub series: Series,
}

/// Does `work` under watch: the whole of it is one window. The engine is loaded and warm by then,
/// and idle, so that the baseline with the model is taken right before.
pub(super) fn watched<T>(
    recorder: &mut Recorder,
    told: impl FnOnce(&T) -> Work,
    work: impl FnOnce() -> T,
) -> (T, Watched) {
    recorder.keep_traces();
    let mut ends = None;
    let (done, reading) = recorder.watch(told, || {
        let begin = both_clocks();
        let done = work();
        ends = Some([begin, both_clocks()]);
        done
    });
    let rows = rows(recorder.traces());
    let window = ends.filter(|_| !rows.is_empty()).map(|ends| Window {
        monotonic_ns: ends.map(|(monotonic_ns, _)| monotonic_ns),
        offset_ns: ends.map(|(_, offset_ns)| offset_ns),
    });
    (done, Watched { reading, series: Series { rows, window } })
}

/// CLOCK_MONOTONIC, and how far CLOCK_REALTIME is ahead of it, in nanoseconds.
fn both_clocks() -> (u64, i64) {
    let monotonic_ns = Monotonic.now_ns();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let offset_ns = since.as_nanos() as i128 - i128::from(monotonic_ns);
    (monotonic_ns, i64::try_from(offset_ns).unwrap_or(i64::MAX))
}

/// The readings of all meters, in the order of time.
fn rows(traces: &[Trace]) -> Vec<Row> {
    let mut rows: Vec<Row> = traces.iter().flat_map(of_trace).collect();
    rows.sort_by_key(|row| row.sample.before_ns);
    rows
}

fn of_trace(trace: &Trace) -> impl Iterator<Item = Row> {
    let scope: Arc<str> = trace.scope().into();
    let unit = match trace.quantity() {
        Quantity::Energy { .. } => Unit::EnergyUj,
        Quantity::Power { .. } => Unit::PowerMw,
    };
    trace.points().iter().map(move |point| Row {
        sample: Sample { before_ns: point.before_ns, after_ns: point.after_ns, value: point.value },
        // Meters are read by calls that give no time of their own.
        stamp_us: None,
        unit,
        source: trace.source(),
        scope: Arc::clone(&scope),
    })
}
