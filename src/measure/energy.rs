//! The energy of a measured run: its reading, and what the meters said.

use crate::energy::{Reading, Recorder, Work};
use crate::report::timeseries::{Series, Window};

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
    let mut window = None;
    let (done, reading) = recorder.watch(told, || {
        let (done, around) = Window::around(work);
        window = Some(around);
        done
    });
    (done, Watched { reading, series: Series::of(recorder.traces(), window) })
}
