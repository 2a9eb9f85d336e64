//! What an engine is known to do with a value where that is not what it should do.
//!
//! Such an entry excuses one answer of one value and nothing else: a case that ends so passes and
//! says so, and one that ends in any other way fails until the entry is corrected or taken away.

use serde::{Deserialize, Serialize};

use crate::schema::fault::{At, Faults};
use crate::schema::fields::Fields;
use crate::schema::read::or_default;
use crate::schema::{Kind, Param, negatives, same_value, values};
use crate::settings::Value;

const ANSWERS: &str = "accepted, late, unclear (of a value that must be refused), refused, failed, \
    ignored, no_effect, normalised (of one that must be taken), died or timed_out";

/// What an engine did with the value of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It refused the value before any work, and named the parameter.
    Refused,
    /// It refused a value that must be refused, before any work, without naming the parameter.
    Unclear,
    /// It refused a value that must be refused, or failed of it, only after work had begun.
    Late,
    /// It ran with a value that must be refused.
    Accepted,
    /// It failed of a value that it must take.
    Failed,
    /// The process ended.
    Died,
    /// It did not come to an end, or was silent for too long.
    TimedOut,
    /// It silently kept another value.
    Ignored,
    /// It took the value, and nothing that can be seen changed.
    NoEffect,
    /// It changed the value.
    Normalised,
}

/// What is known of some values of a parameter: an entry of `known`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Known {
    /// The values.
    pub values: Vec<Value>,
    /// What the engine does with them.
    #[serde(rename = "is")]
    pub answer: Answer,
    /// Why, for people.
    pub because: Option<String>,
}

/// What is known of the value of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownAnswer {
    /// What the engine does with it.
    #[serde(rename = "is")]
    pub answer: Answer,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

impl Answer {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::Refused,
        Self::Unclear,
        Self::Late,
        Self::Accepted,
        Self::Failed,
        Self::Died,
        Self::TimedOut,
        Self::Ignored,
        Self::NoEffect,
        Self::Normalised,
    ];

    /// The word for it in files and reports, as serde writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unclear => "unclear",
            Self::Late => "late",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Died => "died",
            Self::TimedOut => "timed_out",
            Self::Ignored => "ignored",
            Self::NoEffect => "no_effect",
            Self::Normalised => "normalised",
        }
    }

    /// Whether it is a wrong answer to a case of this kind.
    pub fn is_wrong_for(self, kind: Kind) -> bool {
        match self {
            Self::Unclear | Self::Late | Self::Accepted => kind == Kind::Negative,
            Self::Died | Self::TimedOut => kind != Kind::Baseline,
            Self::Refused | Self::Failed | Self::Ignored | Self::NoEffect | Self::Normalised => {
                kind == Kind::Valid
            }
        }
    }

    /// Whether it needs no further reason: the engine's own answer, which is recorded, says it all.
    fn explains_itself(self) -> bool {
        matches!(self, Self::Unclear | Self::Late | Self::Accepted)
    }
}

impl Param {
    /// What is known of `value` in cases of `kind`.
    pub fn known_of(&self, kind: Kind, value: &Value) -> Option<KnownAnswer> {
        let is_of = |one: &&Known| {
            one.answer.is_wrong_for(kind) && one.values.iter().any(|other| is_same(other, value))
        };
        let known = self.known.iter().find(is_of)?;
        Some(KnownAnswer { answer: known.answer, because: known.because.clone() })
    }
}

/// As [`same_value`], but 1 is not 1.0: one of the two may be a value, and the other none.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(_), Value::Number(_)) => one == other,
        _ => same_value(one, other),
    }
}

/// Takes `known` out: a list of `{values, is, because}`.
pub(crate) fn read(fields: &mut Fields, faults: &mut Faults<'_>) -> Vec<Known> {
    let list: Vec<Value> = or_default(fields, "known", "a list of mappings", faults);
    let at = fields.at("known");
    let items = list.into_iter().enumerate().filter_map(|(index, item)| {
        let mut fields = Fields::new(item, at.below(index), faults)?;
        let values = fields.require("values", "a list of values", faults);
        let answer = fields.require("is", ANSWERS, faults);
        let because = fields.read("because", "why", faults);
        fields.finish(faults);
        Some(Known { values: values?, answer: answer?, because })
    });
    items.collect()
}

/// Checks that each entry is about values that are tried, and each value is in one of them.
pub(crate) fn check(param: &Param, at: &At, faults: &mut Faults<'_>) {
    if param.known.is_empty() {
        return;
    }
    let tried = [
        (Kind::Valid, values(param)),
        (
            Kind::Negative,
            negatives(param)
                .into_iter()
                .chain(param.refused.iter().map(|one| one.value.clone()))
                .collect(),
        ),
    ];
    let mut seen: Vec<(Kind, &Value)> = Vec::new();
    for (index, known) in param.known.iter().enumerate() {
        let at = at.below("known").below(index);
        because(known, &at, faults);
        if known.values.is_empty() {
            faults.add(&at.below("values"), "is empty; name the values, or remove the entry");
        }
        for (place, value) in known.values.iter().enumerate() {
            let at = at.below("values").below(place);
            let holds = |list: &[Value]| list.iter().any(|one| is_same(one, value));
            let kinds = tried.iter().filter(|(_, list)| holds(list)).map(|(kind, _)| *kind);
            let kinds: Vec<Kind> = kinds.collect();
            match kinds.iter().find(|kind| known.answer.is_wrong_for(**kind)) {
                None => faults.add(&at, misplaced(known.answer, value, &kinds)),
                Some(kind)
                    if seen.iter().any(|(other, one)| other == kind && is_same(one, value)) =>
                {
                    faults.add(&at, format!("{value} stands twice; keep one of them"));
                }
                Some(kind) => seen.push((*kind, value)),
            }
        }
    }
}

fn because(known: &Known, at: &At, faults: &mut Faults<'_>) {
    match &known.because {
        Some(text) if text.trim().is_empty() || text.contains('\n') => {
            let message = format!("{text:?} is not one line of text; say it in one");
            faults.add(&at.below("because"), message);
        }
        None if !known.answer.explains_itself() => {
            let word = known.answer.word();
            faults.add(at, format!("has no `because`; say why the value is {word}"));
        }
        _ => {}
    }
}

/// Why `answer` cannot be known of `value`, which cases of these kinds try.
fn misplaced(answer: Answer, value: &Value, kinds: &[Kind]) -> String {
    let word = answer.word();
    match kinds.first() {
        None if answer.is_wrong_for(Kind::Valid) && !answer.is_wrong_for(Kind::Negative) => {
            format!("{value} is not among the values that are tried; add it to `samples`")
        }
        None if answer.is_wrong_for(Kind::Valid) => format!(
            "{value} is not among the values of this parameter; add it to `samples` or `negatives`"
        ),
        None => format!(
            "{value} is not among the values that must be refused; add it to `negatives`, or \
             remove it"
        ),
        Some(Kind::Negative) => format!(
            "{value} must be refused, so it cannot be known as `{word}`; use accepted, late, \
             unclear, died or timed_out"
        ),
        Some(_) => format!(
            "{value} must be taken, so it cannot be known as `{word}`; use refused, failed, died, \
             timed_out, ignored, no_effect or normalised"
        ),
    }
}
