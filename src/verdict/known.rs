//! Cases of values that the engine is known not to treat as it should.

use crate::schema::{Answer, KnownAnswer, Relation};
use crate::verdict::Verdict;
use crate::verdict::judge::Cause;

/// The kind of a failure of a case that did not end as known.
const KIND: &str = "known-answer";

/// Whether what is wrong follows from the value not being in force, as is known.
///
/// A relation that says what the value does cannot hold where the engine uses another one. That
/// tokens must not change holds whatever it uses.
pub(super) fn follows(answer: Answer, relation: &Relation, cause: &Cause) -> bool {
    let claims = matches!(relation, Relation::Limits | Relation::Equals(_));
    match answer {
        Answer::Ignored | Answer::NoEffect | Answer::Normalised => {
            cause.kind == "effect" || (cause.kind == "relation" && claims)
        }
        _ => false,
    }
}

/// The word of the answer, and why it is so: `otherwise` where the entry gives no reason.
pub(super) fn in_words(known: &KnownAnswer, otherwise: &str) -> String {
    let word = known.answer.word();
    match (&known.because, otherwise) {
        (Some(because), _) => format!("{word}: {because}"),
        (None, "") => word.to_owned(),
        (None, otherwise) => format!("{word}: {otherwise}"),
    }
}

/// The cause where a case with a known answer ended as it should, or with another answer that is
/// no failure by itself.
pub(super) fn gone(known: &KnownAnswer, now: Option<Answer>) -> Cause {
    let now = match now {
        Some(Answer::Refused) => "it was refused clearly",
        Some(answer) => answer.word(),
        None => "nothing is wrong with it",
    };
    let word = known.answer.word();
    let remedy = "take the entry of `known` away, or correct it";
    Cause { kind: KIND, text: format!("`known` says {word}, but {now}; {remedy}"), blame: None }
}

/// Adds to the cause of `verdict`, which is that of another failure than the known one.
pub(super) fn other(known: &KnownAnswer, verdict: &mut Verdict) {
    let word = known.answer.word();
    let remedy = "take that entry away, or correct it";
    verdict.cause = format!("{}; `known` says {word}: {remedy}", verdict.cause);
}
