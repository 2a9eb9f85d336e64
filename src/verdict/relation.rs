//! The output of a case against the output of its reference.

use crate::backends::Generation;
use crate::generate::Row;
use crate::record::Record;
use crate::schema::Relation;

/// What is seen when both outputs lie side by side.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    /// The first difference in tokens, in words; none where they are the same, row for row.
    pub(super) tokens: Option<String>,
    /// Whether processed scores differ; none where they are not known of both.
    pub(super) scores: Option<bool>,
}

impl Difference {
    /// Between the output and the reference of `record`; none where one of them is missing.
    pub(super) fn of(record: &Record) -> Option<Self> {
        let output = record.output.as_ref()?;
        let reference = record.reference.as_ref()?;
        // Score tables are compared where they are made, and are not kept in the record.
        let compared = record.comparison.as_ref().and_then(|comparison| comparison.scores_differ);
        let scores = compared.or_else(|| scores(output, reference));
        Some(Self { tokens: tokens(output, reference), scores })
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
    let difference = Difference::of(record);
    let Some(difference) = difference else {
        return (*relation != Relation::None)
            .then(|| "there is no reference output to compare with".to_owned());
    };
    match relation {
        Relation::SameTokens => {
            difference.tokens.map(|how| format!("the tokens must not change, but {how}"))
        }
        Relation::Equals(case) => {
            difference.tokens.map(|how| format!("the tokens must be those of {case}, but {how}"))
        }
        Relation::Limits => limits(record),
        // A knob that should change something and does not is a matter of its effect.
        Relation::Changes | Relation::None => None,
    }
}

/// Every row must be the reference row or a beginning of it, and at least one shorter.
fn limits(record: &Record) -> Option<String> {
    let (output, reference) = (record.output.as_ref()?, record.reference.as_ref()?);
    let (rows, expected) = (rows(output), rows(reference));
    if rows.len() != expected.len() {
        return Some(count(rows.len(), expected.len()));
    }
    let mut shorter = false;
    for (index, (row, whole)) in rows.iter().zip(&expected).enumerate() {
        if !whole.tokens.starts_with(&row.tokens) {
            let how = row_difference(index, row, whole).unwrap_or_default();
            return Some(format!("the output must be a beginning of the reference, but {how}"));
        }
        shorter |= row.tokens.len() < whole.tokens.len();
    }
    (!shorter).then(|| "no row is shorter than without the limit".to_owned())
}

fn tokens(output: &Generation, reference: &Generation) -> Option<String> {
    let (rows, expected) = (rows(output), rows(reference));
    if rows.len() != expected.len() {
        return Some(count(rows.len(), expected.len()));
    }
    let mut pairs = rows.iter().zip(&expected).enumerate();
    pairs.find_map(|(index, (row, other))| row_difference(index, row, other))
}

fn count(rows: usize, expected: usize) -> String {
    format!("there are {rows} rows where the reference has {expected}")
}

fn row_difference(index: usize, row: &Row, other: &Row) -> Option<String> {
    let mut pairs = row.tokens.iter().zip(&other.tokens);
    if let Some(at) = pairs.position(|(one, other)| one != other) {
        let (one, other) = (row.tokens.get(at)?, other.tokens.get(at)?);
        return Some(format!(
            "row {index} has token {one} at step {at} where the reference has {other}"
        ));
    }
    let (len, other) = (row.tokens.len(), other.tokens.len());
    (len != other).then(|| format!("row {index} has {len} tokens where the reference has {other}"))
}

/// Whether the processed scores differ, where every row of both has them.
fn scores(output: &Generation, reference: &Generation) -> Option<bool> {
    let (rows, expected) = (rows(output), rows(reference));
    let mut differ = rows.len() != expected.len();
    for (row, other) in rows.iter().zip(&expected) {
        differ |= row.scores.as_ref()? != other.scores.as_ref()?;
    }
    (!rows.is_empty()).then_some(differ)
}

/// The rows of all prompts, in order.
pub(super) fn rows(generation: &Generation) -> Vec<&Row> {
    generation.prompts.iter().flat_map(|prompt| &prompt.rows).collect()
}
