//! The findings of a case against the known issues.

use crate::issues::{Book, Place};
use crate::record::Record;
use crate::verdict::Mode;

/// The findings, sorted into known and unknown.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Sorted {
    /// ID and count of every known issue that matched, in the order of their first finding.
    pub(super) known: Vec<(String, u64)>,
    /// Indices of the findings that no entry covers.
    pub(super) unknown: Vec<usize>,
    /// ID and line of the matching entries that are expired.
    pub(super) expired: Vec<(String, usize)>,
}

/// Sorts the findings of `record`.
pub(super) fn sort(record: &Record, book: &Book, mode: &Mode) -> Sorted {
    let place = Place::of(record, mode);
    let mut sorted = Sorted::default();
    for (index, finding) in record.findings.iter().enumerate() {
        let Some(known) = book.find(finding, &place, mode.today) else {
            sorted.unknown.push(index);
            continue;
        };
        match sorted.known.iter_mut().find(|(id, _)| id == known.id) {
            Some((_, count)) => *count += finding.count,
            None => {
                sorted.known.push((known.id.to_owned(), finding.count));
                if known.expired {
                    sorted.expired.push((known.id.to_owned(), known.line));
                }
            }
        }
    }
    sorted
}

/// What the unknown findings of `record` say, in one line.
pub(super) fn unknown_cause(record: &Record, unknown: &[usize]) -> Option<String> {
    let dropped = record.findings_dropped;
    let more = match dropped {
        0 => String::new(),
        n => format!(" (and {n} more findings beyond the bound on distinct ones)"),
    };
    let Some(first) = unknown.first().and_then(|index| record.findings.get(*index)) else {
        return (dropped > 0)
            .then(|| format!("{dropped} findings beyond the bound on distinct ones"));
    };
    let message = first.message.lines().next().unwrap_or_default();
    let plural = if unknown.len() == 1 { "issue" } else { "issues" };
    Some(format!("{} unknown {plural}: {message}{more}", unknown.len()))
}
