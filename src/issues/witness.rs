//! Short texts that a shape matches: what a pattern means, made up from the pattern alone.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::issues::entry::Shape;

/// Texts of one shape.
const MOST: usize = 16;

/// Texts that `shape` matches: of a pattern the shortest of each alternative, up to a bound. None
/// where nothing made up so is matched (a `\b` at an unlucky place, say).
pub(super) fn witnesses(shape: &Shape) -> Vec<String> {
    let texts = match shape {
        Shape::Pattern(pattern) => of_pattern(pattern.as_str()),
        Shape::Template(template) => vec![of_template(template)],
    };
    texts.into_iter().filter(|text| shape.matches_text(text)).collect()
}

/// A message of that template.
pub(super) fn of_template(template: &str) -> String {
    let placeholders = [
        ("<n>", "0"),
        ("<path>", "/tmp/a"),
        ("<addr>", "0x0a"),
        ("<hash>", "0a0a0a0a"),
        ("<id>", "TP0"),
    ];
    placeholders.iter().fold(template.to_owned(), |text, (mask, one)| text.replace(mask, one))
}

fn of_pattern(pattern: &str) -> Vec<String> {
    let parsed = ParserBuilder::new()
        .case_insensitive(true)
        .multi_line(true)
        .dot_matches_new_line(true)
        .build()
        .parse(pattern);
    parsed.map(|hir| texts(&hir)).unwrap_or_default()
}

fn texts(hir: &Hir) -> Vec<String> {
    let empty = || vec![String::new()];
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => empty(),
        HirKind::Literal(literal) => vec![String::from_utf8_lossy(&literal.0).into_owned()],
        HirKind::Class(class) => letter(class).map(|one| vec![one.to_string()]).unwrap_or_default(),
        HirKind::Repetition(repeated) => {
            let once = texts(&repeated.sub);
            // A witness is short; a pattern that asks for more has none.
            let times = repeated.min as usize;
            if times > 64 {
                Vec::new()
            } else {
                once.iter().map(|text| text.repeat(times)).collect()
            }
        }
        HirKind::Capture(group) => texts(&group.sub),
        HirKind::Concat(parts) => parts.iter().fold(empty(), |begun, part| {
            let next = texts(part);
            let joined =
                begun.iter().flat_map(|one| next.iter().map(move |two| format!("{one}{two}")));
            joined.take(MOST).collect()
        }),
        HirKind::Alternation(parts) => parts.iter().flat_map(texts).take(MOST).collect(),
    }
}

/// A letter of a class as a message would have it: a small one before others.
fn letter(class: &Class) -> Option<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => {
            class.iter().map(|range| (char::from(range.start()), char::from(range.end()))).collect()
        }
    };
    let has = |wanted: &char| ranges.iter().any(|(from, to)| (from..=to).contains(&wanted));
    let usual = ('a'..='z').chain('0'..='9').chain([' ']);
    usual.into_iter().find(has).or_else(|| ranges.first().map(|(from, _)| *from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issues::read::compile;

    #[test]
    fn patterns_have_short_witnesses() {
        let of = |text: &str| witnesses(&Shape::Pattern(compile(text).unwrap())).join("|");
        insta::assert_snapshot!(of(r"^Pool \d+ is (full|empty)\.*$"), @"pool 0 is full|pool 0 is empty");
        insta::assert_snapshot!(of(r"lib(a|b) is not `\S+`"), @"liba is not `a`");
        insta::assert_snapshot!(of("x{3}[A-Z]?(?:y|z)"), @"xxxy");
        assert_eq!(of(r"a\bb"), "", "nothing can match it");
    }
}
