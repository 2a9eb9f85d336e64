//! What an engine did with the value of a case, in one word.

use crate::backends::BackendError;
use crate::record::{Outcome, Record};
use crate::schema::{Answer, Case, Kind, Relation};
use crate::verdict::relation::Seen;
use crate::verdict::{Effect, outcome};

/// The answer of the engine to the value of `record`, with the `effect` of a value that it took.
///
/// None for a value that it took as it should, and where the case did not come to the value: a
/// baseline, a skip, a reference that failed, a harness that broke.
pub(super) fn answer(record: &Record, effect: Option<Effect>) -> Option<Answer> {
    let negative = match record.case.kind {
        Kind::Baseline => return None,
        Kind::Valid => false,
        Kind::Negative => true,
    };
    match &record.outcome {
        Outcome::Completed if negative => Some(Answer::Accepted),
        Outcome::Completed => of_effect(record, effect?),
        Outcome::Errored { during, .. }
        | Outcome::Died { during, .. }
        | Outcome::TimedOut { during, .. }
        | Outcome::Silent { during, .. }
            if during == "reference" =>
        {
            None
        }
        Outcome::Errored { error: BackendError::Unavailable { .. }, .. } => None,
        Outcome::Errored { error, during } if negative => {
            Some(to_negative(&record.case, error, during))
        }
        Outcome::Errored { error: BackendError::Refused(_), .. } => Some(Answer::Refused),
        Outcome::Errored { .. } => Some(Answer::Failed),
        Outcome::Died { .. } => Some(Answer::Died),
        Outcome::TimedOut { .. } | Outcome::Silent { .. } => Some(Answer::TimedOut),
        Outcome::Skipped { .. } | Outcome::Broken { .. } => None,
    }
}

fn of_effect(record: &Record, effect: Effect) -> Option<Answer> {
    match effect {
        Effect::Ignored => Some(Answer::Ignored),
        Effect::NoEffect => Some(Answer::NoEffect),
        Effect::Normalised => Some(Answer::Normalised),
        // A limit that was to shorten something and left everything as it was.
        Effect::Unverified if record.case.relation == Relation::Limits => {
            Seen::of(record).is_some_and(|seen| !seen.any()).then_some(Answer::NoEffect)
        }
        Effect::Verified | Effect::Unverified => None,
    }
}

/// The answer to a value that must be refused, where it was an error.
pub(super) fn to_negative(case: &Case, said: &BackendError, during: &str) -> Answer {
    let BackendError::Refused(refusal) = said else { return Answer::Late };
    let is_load = |name: &str| case.load_paths.iter().any(|path| path == name);
    // What belongs to loading must be refused before the model is loaded.
    let is_late = |name: &str| during == "run" && is_load(name);
    if outcome::tested(case).any(|path| path == refusal.parameter) {
        return if is_late(&refusal.parameter) { Answer::Late } else { Answer::Refused };
    }
    match case.parameter.as_deref() {
        Some(path) if is_late(path) => Answer::Late,
        _ => Answer::Unclear,
    }
}
