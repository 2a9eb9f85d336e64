//! Threads within an operation: one number for the whole process, so an engine sets its own
//! before it computes.

use std::sync::OnceLock;

/// The number that libtorch takes by itself: one per core, or what `OMP_NUM_THREADS` says.
static AT_FIRST: OnceLock<i32> = OnceLock::new();

/// Has operations of this thread run on `wanted` threads, or on as many as libtorch takes by
/// itself.
pub(super) fn apply(wanted: Option<usize>) {
    let at_first = *AT_FIRST.get_or_init(tch::get_num_threads);
    let wanted = wanted.and_then(|count| i32::try_from(count).ok()).unwrap_or(at_first);
    if tch::get_num_threads() != wanted {
        tch::set_num_threads(wanted);
    }
}

/// How many threads operations run on now.
pub(super) fn count() -> i32 {
    tch::get_num_threads()
}
