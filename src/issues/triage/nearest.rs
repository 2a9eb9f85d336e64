//! The known issue that an unknown finding is most like.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::issues::Book;
use crate::issues::entry::{Entry, Shape};
use crate::scan::mask;

use super::Cluster;

/// From here on a known issue is worth a look.
const LIKE: f64 = 0.4;

/// The known issue that an unknown finding is most like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Nearest {
    /// Its ID.
    pub id: String,
    /// Its line in the file, from 1.
    pub line: usize,
    /// How many of the words of both are in both, from 0 to 1.
    pub likeness: f64,
    /// Whether it looks like it, and only the scope keeps it out.
    pub out_of_scope: bool,
}

/// The entry of `book` that `cluster` is most like, if any is like it at all.
pub(super) fn nearest(book: &Book, cluster: &Cluster) -> Option<Nearest> {
    let words = words(&cluster.template);
    let scored = book.entries().iter().map(|entry| {
        let out_of_scope = match &entry.shape {
            Shape::Template(template) => *template == cluster.template,
            Shape::Pattern(pattern) => pattern.is_match(&cluster.message),
        };
        let texts = texts(entry);
        let likeness = texts.iter().map(|text| likeness(&words, &self::words(text)));
        let likeness = likeness.fold(0.0, f64::max);
        Nearest { id: entry.id.clone(), line: entry.line, likeness, out_of_scope }
    });
    let best = scored.reduce(|best, next| {
        let key = |one: &Nearest| (one.out_of_scope, one.likeness);
        if key(&next) > key(&best) { next } else { best }
    })?;
    (best.out_of_scope || best.likeness >= LIKE).then_some(best)
}

/// What an entry looks like: its shape, without what only patterns have, and its examples.
fn texts(entry: &Entry) -> Vec<String> {
    let plain = entry.shape.text().replace("\\d", " ").replace("\\S", " ").replace("\\w", " ");
    entry.examples.iter().map(|example| mask(example)).chain([plain]).collect()
}

/// The words of a text and how often each stands there; masks and single letters are none.
fn words(text: &str) -> BTreeMap<String, usize> {
    let mut words = BTreeMap::new();
    let apart = |one: char| !(one.is_alphanumeric() || one == '_');
    for word in text.split(apart).filter(|word| word.chars().count() > 1) {
        *words.entry(word.to_lowercase()).or_default() += 1;
    }
    words
}

/// Words in both over words in either, both counted twice (Dice).
fn likeness(one: &BTreeMap<String, usize>, two: &BTreeMap<String, usize>) -> f64 {
    let all = one.values().sum::<usize>() + two.values().sum::<usize>();
    let both: usize = one.iter().map(|(word, n)| two.get(word).map_or(0, |m| *n.min(m))).sum();
    if all == 0 { 0.0 } else { 2.0 * both as f64 / all as f64 }
}
