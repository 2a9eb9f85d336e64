//! An interrupted run: its views are finished, and it says so.

use std::process;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::Exit;

/// On the first SIGINT, SIGTERM or SIGHUP calls `finish` and ends this process with
/// [`Exit::Interrupted`]; on a second one ends it at once.
///
/// The worker has a process group of its own, which ends with its channel to this process, so
/// nothing is left running. The main thread cannot be asked to stop: libtest-mimic has no way to.
///
/// # Errors
/// Where the signals cannot be watched.
pub(crate) fn watch(finish: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new().name("wattest-signals".to_owned()).spawn(move || {
        if signals.forever().next().is_none() {
            return;
        }
        let second = std::thread::Builder::new().spawn(move || {
            if signals.forever().next().is_some() {
                process::exit(i32::from(Exit::Interrupted as u8));
            }
        });
        drop(second);
        finish();
        process::exit(i32::from(Exit::Interrupted as u8));
    })?;
    Ok(())
}
