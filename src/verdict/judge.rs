//! The judgement of one record.

use crate::issues::Book;
use crate::record::Record;
use crate::schema::{Kind, Relation};
use crate::verdict::outcome::{self, Ending};
use crate::verdict::{
    Effect, Mode, Status, Verdict, answer, effect, energy, issues, known, relation,
};

/// A cause with its kind, in the order of their weight.
pub(super) struct Cause {
    pub(super) kind: &'static str,
    pub(super) text: String,
    pub(super) blame: Option<usize>,
}

/// Judges `record` by `mode` against the known issues of `book`.
///
/// How it ended decides first, then its relation (both always), its effect (in a smoke run), its
/// energy (where there is a gate) and its findings (in a smoke run). The first cause names the failure; the others are `further`. A case of which
/// a wrong answer of the engine is known passes with that answer and fails without it.
pub fn judge(record: &Record, book: &Book, mode: &Mode) -> Verdict {
    let ending = outcome::ending(record);
    let mut verdict = Verdict {
        status: Status::Pass,
        kind: String::new(),
        cause: String::new(),
        ..Verdict::pending()
    };
    let mut causes = Vec::new();
    if ending == Ending::Generated {
        causes.extend(generated(record, mode, &mut verdict));
        verdict.energy = mode.energy.as_ref().map(|gate| energy::gated(record, gate));
        causes.extend(verdict.energy.as_ref().and_then(energy::cause));
    }
    verdict.answer = answer::answer(record, verdict.effect);
    let known = record.case.known.as_ref();
    let as_known = known.filter(|known| verdict.answer == Some(known.answer));
    if let Some(known) = as_known {
        let wrong = |cause: &Cause| known::follows(known.answer, &record.case.relation, cause);
        let (wrong, others): (Vec<Cause>, Vec<Cause>) = causes.into_iter().partition(wrong);
        causes = others;
        let seen = match &ending {
            Ending::Settled { cause, .. } => cause.as_str(),
            _ => wrong.first().map_or(verdict.evidence.as_str(), |cause| &cause.text),
        };
        verdict.as_known = Some(known::in_words(known, seen));
    } else if let (Some(known), Ending::Generated | Ending::Refused) = (known, &ending) {
        causes.insert(0, known::gone(known, verdict.answer));
    }
    if let Some(end) = &record.aftermath {
        causes.push(Cause {
            kind: "aftermath",
            text: format!("the worker after the end of the case: {end}"),
            blame: None,
        });
    }
    let sorted = issues::sort(record, book, mode);
    if mode.smoke {
        causes.extend(finding_causes(record, &sorted));
    }
    verdict.known = sorted.known;
    verdict.unknown = sorted.unknown;
    match ending {
        Ending::Settled { .. } if as_known.is_some() => blame(&mut verdict, causes),
        Ending::Settled { status, kind, cause } => {
            verdict.status = status;
            verdict.kind = kind.to_owned();
            verdict.cause = cause;
            // What was printed before a crash belongs to the story; a skip has none.
            if status != Status::Skip {
                verdict.further = causes.into_iter().map(|cause| cause.text).collect();
            }
            if let (Some(known), Some(_)) = (known, verdict.answer) {
                known::other(known, &mut verdict);
            }
        }
        Ending::Generated | Ending::Refused => blame(&mut verdict, causes),
    }
    verdict
}

/// Fails `verdict` for `causes`, if there are any.
fn blame(verdict: &mut Verdict, causes: Vec<Cause>) {
    let mut causes = causes.into_iter();
    let Some(first) = causes.next() else { return };
    verdict.status = Status::Fail;
    verdict.kind = first.kind.to_owned();
    verdict.cause = first.text;
    verdict.blame = first.blame;
    verdict.further = causes.map(|cause| cause.text).collect();
}

/// What is wrong with what was generated.
fn generated(record: &Record, mode: &Mode, verdict: &mut Verdict) -> Vec<Cause> {
    let case = &record.case;
    let mut causes = Vec::new();
    let mut add = |kind, text| causes.push(Cause { kind, text, blame: None });
    if is_empty(record) && case.relation != Relation::Limits {
        add("no-tokens", "nothing was generated: every row is empty".to_owned());
    }
    if case.kind != Kind::Valid {
        return causes;
    }
    let breach = relation::breach(&case.relation, record);
    let seen = effect::effect(record, breach.is_some());
    if let Some(how) = breach {
        add("relation", how);
    }
    if let Some((effect, evidence)) = seen {
        if mode.smoke {
            match effect {
                Effect::Ignored => add("effect", format!("the engine ignores it: {evidence}")),
                Effect::NoEffect => add("effect", format!("it has no effect: {evidence}")),
                Effect::Verified | Effect::Normalised | Effect::Unverified => {}
            }
        }
        verdict.effect = Some(effect);
        verdict.evidence = evidence;
    }
    causes
}

fn is_empty(record: &Record) -> bool {
    record
        .output
        .as_ref()
        .is_some_and(|output| relation::rows(output).iter().all(|row| row.tokens.is_empty()))
}

/// What a smoke run has against the findings.
fn finding_causes(record: &Record, sorted: &issues::Sorted) -> Vec<Cause> {
    let unknown = issues::unknown_cause(record, &sorted.unknown).map(|text| Cause {
        kind: "unknown-issue",
        text,
        blame: None,
    });
    let expired = sorted.expired.iter().map(|(id, line)| Cause {
        kind: "expired-issue",
        text: format!(
            "the known issue {id} (line {line} of the issues file) is expired; renew or remove it"
        ),
        blame: Some(*line),
    });
    unknown.into_iter().chain(expired).collect()
}
