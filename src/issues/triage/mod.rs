//! What nobody knows yet: unknown findings of one or more runs, in clusters, each with what sets its
//! cases apart, the known issue that is most like it, and an entry that would make it known. Pure.

mod cluster;
mod contrast;
mod nearest;
mod suggest;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;

pub use cluster::Cluster;
pub use nearest::Nearest;
pub use suggest::Suggestion;

use crate::issues::Book;
use crate::record::Record;
use crate::verdict::Mode;

/// A run as triage sees it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Its name.
    pub id: &'a str,
    /// How it was judged.
    pub mode: &'a Mode,
    /// Its records.
    pub records: &'a [Record],
}

/// An unknown finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unknown {
    /// Where and how often it came.
    #[serde(flatten)]
    pub cluster: Cluster,
    /// What its cases have in common and the others have not, in one line.
    pub cause: String,
    /// The known issue that is most like it; null where none is.
    pub nearest: Option<Nearest>,
    /// The entry that would make it known.
    pub suggestion: Suggestion,
}

/// The findings of `runs` that `book` does not cover, the most frequent first. Entries are
/// suggested as of `today`.
pub fn triage(runs: &[Seen<'_>], book: &Book, today: Date) -> Vec<Unknown> {
    let clusters = cluster::clusters(runs, book);
    let cases = contrast::cases(runs);
    let mut bases: BTreeMap<String, usize> = BTreeMap::new();
    for cluster in &clusters {
        *bases.entry(suggest::base_id(cluster)).or_default() += 1;
    }
    let unknown = clusters.into_iter().map(|cluster| {
        let contrast = contrast::contrast(&cases, &cluster);
        let base = suggest::base_id(&cluster);
        // Where two would be called the same, neither is: what one is called does not hang on
        // whether the other is there still.
        let taken = book.entry(&base).is_some() || bases.get(&base).is_some_and(|n| *n > 1);
        let id = if taken { suggest::longer_id(&base, &cluster) } else { base };
        Unknown {
            suggestion: suggest::suggest(id, &cluster, &contrast, today),
            nearest: nearest::nearest(book, &cluster),
            cause: contrast.to_string(),
            cluster,
        }
    });
    unknown.collect()
}
