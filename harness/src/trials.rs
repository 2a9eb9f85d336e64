//! Cases as trials of libtest-mimic.

use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Completion, Trial};

use crate::options::Options;
use crate::select::Selected;
use crate::session::{Session, Told};

/// One trial per offered case: those chosen share `session`, those left out are there to be
/// counted.
pub(crate) fn trials(selected: Selected, session: &Arc<Mutex<Session>>) -> Vec<Trial> {
    let chosen = selected.chosen.into_iter().map(|case| {
        let session = Arc::clone(session);
        Trial::ignorable_test(case.name.clone(), move || {
            // A panic in one case has been reported as its failure; the others go on.
            let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
            match session.run(&case) {
                Told::Passed => Ok(Completion::Completed),
                Told::Skipped(reason) => Ok(Completion::ignored_with(reason)),
                Told::Failed(message) => Err(message.into()),
            }
        })
    });
    let left_out = selected
        .left_out
        .into_iter()
        .map(|name| Trial::ignorable_test(name, || Ok(Completion::ignored())));
    chosen.chain(left_out).collect()
}

/// What libtest-mimic is told. It knows one filter and no partition, so the choice is made before;
/// naming what is left out lets it count the filtered ones as libtest does.
pub(crate) fn arguments(options: &Options, left_out: &[String]) -> Arguments {
    Arguments {
        exact: true,
        skip: left_out.to_vec(),
        // On the main thread, one at a time: what CUDA contexts, an embedded interpreter and a
        // device-wide energy counter want.
        test_threads: Some(1),
        quiet: options.quiet,
        format: options.format,
        color: Some(options.color),
        logfile: options.logfile.clone(),
        nocapture: true,
        ..Arguments::default()
    }
}
