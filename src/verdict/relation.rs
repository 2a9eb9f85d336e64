//! The output of a case against the output of its reference.

use crate::backends::Generation;
use crate::generate::Row;
use crate::record::{Difference, Record};
use crate::schema::Relation;

/// What is seen when both outputs lie side by side.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    /// The first difference in tokens, in words; none where they are the same, row for row.
    pub(super) tokens: Option<String>,
    /// Whether processed scores differ; none where they are not known of both.
    pub(super) scores: Option<bool>,
}

impl Seen {
    /// Of the output and the reference of `record`; none where they were not compared.
    pub(super) fn of(record: &Record) -> Option<Self> {
        let compared = record.comparison.as_ref()?;
        let tokens = compared.first_difference.map(|place| told(record, place));
        Some(Self { tokens, scores: compared.scores_differ })
    }

    /// Whether anything that was generated differs.
    pub(super) fn any(&self) -> bool {
        self.tokens.is_some() || self.scores == Some(true)
    }

    /// What differs, in words.
    pub(super) fn text(&self) -> String {
        match (&self.tokens, self.scores) {
            (Some(tokens), _) => tokens.clone(),
            (None, Some(true)) => "the same tokens, other scores".to_owned(),
            (None, Some(false)) => "the same tokens and scores".to_owned(),
            (None, None) => "the same tokens".to_owned(),
        }
    }
}

/// Whether `relation` holds; where it does not, why, in one line.
pub(super) fn breach(relation: &Relation, record: &Record) -> Option<String> {
    let Some(seen) = Seen::of(record) else {
        return (*relation != Relation::None)
            .then(|| "there is no reference output to compare with".to_owned());
    };
    match relation {
        Relation::SameTokens => {
            seen.tokens.map(|how| format!("the tokens must not change, but {how}"))
        }
        Relation::Equals(case) => {
            seen.tokens.map(|how| format!("the tokens must be those of {case}, but {how}"))
        }
        Relation::Limits => limits(record),
        // A knob that should change something and does not is a matter of its effect.
        Relation::Changes | Relation::None => None,
    }
}

/// Every row must be the reference row or a beginning of it, and at least one shorter.
fn limits(record: &Record) -> Option<String> {
    let compared = record.comparison.as_ref()?;
    if let Some(place) = compared.first_departure {
        let how = told(record, place);
        return Some(format!("the output must be a beginning of the reference, but {how}"));
    }
    (compared.shorter_rows == 0).then(|| "no row is shorter than without the limit".to_owned())
}

/// What stands at `place`, the first that differs.
fn told(record: &Record, place: Difference) -> String {
    let row = |generation: Option<&'_ Generation>| {
        let prompt = generation?.prompts.get(place.prompt)?;
        prompt.rows.get(place.row).map(|row| row.tokens.clone())
    };
    let count = |generation: Option<&Generation>| generation.map_or(0, |one| rows(one).len());
    let (output, reference) = (record.output.as_ref(), record.reference.as_ref());
    let before = reference.map_or(0, |one| {
        one.prompts.iter().take(place.prompt).map(|prompt| prompt.rows.len()).sum::<usize>()
    });
    let (index, at) = (before + place.row, place.index);
    let (Some(ours), Some(theirs)) = (row(output), row(reference)) else {
        let (ours, theirs) = (count(output), count(reference));
        return format!("there are {ours} rows where the reference has {theirs}");
    };
    match (ours.get(at), theirs.get(at)) {
        (Some(one), Some(other)) => {
            format!("row {index} has token {one} at step {at} where the reference has {other}")
        }
        _ => {
            let (ours, theirs) = (ours.len(), theirs.len());
            format!("row {index} has {ours} tokens where the reference has {theirs}")
        }
    }
}

/// The rows of all prompts, in order.
pub(super) fn rows(generation: &Generation) -> Vec<&Row> {
    generation.prompts.iter().flat_map(|prompt| &prompt.rows).collect()
}
