//! How a case ended, held against what was expected of it.

use crate::backends::BackendError;
use crate::record::{Outcome, Record};
use crate::schema::{Answer, Case, Kind};
use crate::verdict::Status;
use crate::verdict::answer::to_negative;

/// What the outcome alone says.
#[derive(Debug, PartialEq)]
pub(super) enum Ending {
    /// It generated, as it should: relation and effect decide.
    Generated,
    /// It was refused, as it should be.
    Refused,
    /// Nothing is left to ask.
    Settled { status: Status, kind: &'static str, cause: String },
}

fn fail(kind: &'static str, cause: String) -> Ending {
    Ending::Settled { status: Status::Fail, kind, cause }
}

fn error(kind: &'static str, cause: String) -> Ending {
    Ending::Settled { status: Status::Error, kind, cause }
}

fn skip(cause: String) -> Ending {
    Ending::Settled { status: Status::Skip, kind: "requirement", cause }
}

/// What the outcome of `record` says.
pub(super) fn ending(record: &Record) -> Ending {
    let case = &record.case;
    match &record.outcome {
        Outcome::Completed if case.kind == Kind::Negative => {
            fail("refusal", format!("{} was accepted; it must be refused", asked(case)))
        }
        Outcome::Completed if record.output.is_none() => {
            error("no-output", "the backend completed without giving an output".to_owned())
        }
        Outcome::Completed => Ending::Generated,
        Outcome::Errored { error: BackendError::Unavailable { reason, remedy }, .. } => {
            skip(format!("{reason}; {remedy}"))
        }
        Outcome::Errored { error: said, during } if during == "reference" => {
            error("reference", format!("the reference could not be generated: {said}"))
        }
        Outcome::Errored { error: said, during } if case.kind == Kind::Negative => {
            negative(case, said, during)
        }
        Outcome::Errored { error: said, during } => valid(said, during),
        Outcome::Died { code, signal, during } => {
            error("crash", format!("the worker {} during {during}", end_of(*code, *signal)))
        }
        Outcome::TimedOut { limit_s, during } => {
            error("timeout", format!("still in {during} after {limit_s} s; killed (see --timeout)"))
        }
        Outcome::Silent { limit_s, during } => error(
            "silence",
            format!(
                "no output and no report for {limit_s} s in {during}; killed (see --silence-timeout)"
            ),
        ),
        Outcome::Skipped { reason } => skip(reason.clone()),
        Outcome::Broken { reason } => error("harness", reason.clone()),
    }
}

/// An error where the value should have been accepted.
fn valid(said: &BackendError, during: &str) -> Ending {
    match said {
        BackendError::Refused(refusal) => fail("refused", refusal.to_string()),
        BackendError::OutOfMemory(_) => error("out-of-memory", format!("{said} during {during}")),
        BackendError::Model(_) => error("model", said.to_string()),
        BackendError::Failed(_) | BackendError::Unavailable { .. } => {
            error("backend", format!("{during} failed: {said}"))
        }
    }
}

/// An error where a refusal is wanted: one that names the parameter, before any work.
fn negative(case: &Case, said: &BackendError, during: &str) -> Ending {
    let asked = asked(case);
    let how = match (to_negative(case, said, during), said) {
        (Answer::Refused, _) => return Ending::Refused,
        (Answer::Late, BackendError::Refused(refusal)) => {
            format!("was refused only after the model was loaded: {refusal}")
        }
        (_, BackendError::Refused(refusal)) => match refusal.parameter.as_str() {
            "" => format!("was refused, but the refusal names no parameter: {}", refusal.rule),
            named => format!("was refused, but the refusal names `{named}`: {refusal}"),
        },
        _ => format!("failed in {during} instead of being refused: {said}"),
    };
    fail("refusal", format!("{asked} {how}"))
}

/// The paths that a case has over its reference: the parameter, or its misspelt name.
pub(super) fn tested(case: &Case) -> impl Iterator<Item = &str> {
    let changed =
        case.settings.iter().filter(|(path, value)| case.reference.get(path) != Some(value));
    changed.map(|(path, _)| path.as_str()).chain(case.parameter.as_deref())
}

/// `path = value` of the case, for messages.
fn asked(case: &Case) -> String {
    let path = tested(case).next().unwrap_or("the setting");
    match case.settings.get(path).or(case.value.as_ref()) {
        Some(value) => format!("{path} = {value}"),
        None => path.to_owned(),
    }
}

/// How a process ended, in words.
fn end_of(code: Option<i32>, signal: Option<i32>) -> String {
    match (code, signal) {
        (_, Some(signal)) => match signal_name(signal) {
            Some("SIGKILL") => {
                "was killed by SIGKILL (the kernel does so when memory is out: see dmesg)"
                    .to_owned()
            }
            Some(name) => format!("was ended by {name}"),
            None => format!("was ended by signal {signal}"),
        },
        (Some(code), None) => format!("exited with code {code}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

/// The usual names of the signals that end programs (Linux numbers).
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        2 => "SIGINT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}
