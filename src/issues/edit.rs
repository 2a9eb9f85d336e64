//! Adding and removing entries of an issues file as text: whatever else stands there stays as it
//! is, byte for byte.

use std::collections::BTreeSet;
use std::path::Path;

use crate::issues::book::Book;
use crate::settings::Value;
use crate::yaml;

/// `text` of `file` with `entries` (each the YAML of one entry, by its ID) at its end.
///
/// # Errors
/// Where the result has faults: then nothing is to be written.
pub fn append(
    file: &Path,
    text: &str,
    entries: &[(String, String)],
) -> Result<String, Vec<String>> {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut longer = text.to_owned();
    if !longer.is_empty() && !longer.ends_with('\n') {
        longer.push_str(end);
    }
    // A comment right above an entry would go with it.
    if text.lines().last().is_some_and(|line| line.starts_with('#')) {
        longer.push_str(end);
    }
    for (_, entry) in entries {
        for line in entry.lines() {
            longer.push_str(line);
            longer.push_str(end);
        }
    }
    let ids = ids(&Book::parse(file, text)?);
    let wanted: Vec<String> =
        ids.into_iter().chain(entries.iter().map(|(id, _)| id.clone())).collect();
    checked(file, longer, &wanted)
}

/// `text` of `file` without the entries `gone`. A comment right above an entry goes with it, but for
/// one at the very beginning of the file.
///
/// # Errors
/// Where the result would not be the file without these entries (several of them on one line, an
/// anchor that others use): then nothing is to be written.
pub fn remove(file: &Path, text: &str, gone: &BTreeSet<&str>) -> Result<String, Vec<String>> {
    let book = Book::parse(file, text)?;
    let (_, at) = yaml::parse::<Value>(file, text).map_err(|error| vec![error.to_string()])?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut starts: Vec<usize> = book.entries().iter().map(|entry| at.of(&entry.id)).collect();
    starts.push(lines.len() + 1);
    let mut kept = vec![true; lines.len()];
    for (entry, window) in book.entries().iter().zip(starts.windows(2)) {
        if !gone.contains(entry.id.as_str()) {
            continue;
        }
        let [start, next] = [window[0].saturating_sub(1), window[1].saturating_sub(1)];
        let first = start - comments_above(&lines[..start]);
        let last = next - loose_end(&lines[start..next.max(start)]);
        for flag in &mut kept[first..last] {
            *flag = false;
        }
        drop_blanks(&lines, &mut kept, first, last);
    }
    let shorter = lines.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(line, _)| *line);
    let wanted = ids(&book).into_iter().filter(|id| !gone.contains(id.as_str()));
    checked(file, shorter.collect(), &wanted.collect::<Vec<_>>())
}

/// `text`, where it is a file without faults with the entries `wanted`.
fn checked(file: &Path, text: String, wanted: &[String]) -> Result<String, Vec<String>> {
    let found = ids(&Book::parse(file, &text)?);
    if found != wanted {
        return Err(vec![format!(
            "{}: cannot be changed without changing other entries ({} would be left, {} should); \
             write one entry below the other, or change it by hand",
            file.display(),
            found.len(),
            wanted.len()
        )]);
    }
    Ok(text)
}

fn ids(book: &Book) -> Vec<String> {
    book.entries().iter().map(|entry| entry.id.clone()).collect()
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// How many lines of comments end `above`; none where they are the first of the file.
fn comments_above(above: &[&str]) -> usize {
    let comments = above.iter().rev().take_while(|line| line.starts_with('#')).count();
    if comments == above.len() { 0 } else { comments }
}

/// How many lines at the end of an entry are no part of it: blank ones, and the comments of what
/// follows.
fn loose_end(entry: &[&str]) -> usize {
    entry.iter().rev().take_while(|line| is_blank(line) || line.starts_with('#')).count()
}

/// Where blank lines stand before `first` and at `last`, those before go too.
fn drop_blanks(lines: &[&str], kept: &mut [bool], first: usize, last: usize) {
    let below = lines.get(last).is_some_and(|line| is_blank(line));
    let before = (0..first).rev().take_while(|at| kept[*at] && is_blank(lines[*at]));
    if below {
        for at in before.collect::<Vec<_>>() {
            kept[at] = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = "# Head.\n\n# One.\nA:\n  pattern: first thing\n  description: d\n  status: wontfix\n\n# Part.\n\n# Two.\n# Really.\nB: {pattern: second thing, description: d, status: wontfix}\nC:\n  # inside\n  pattern: third thing\n  description: |\n    # text\n\n    more\n  status: wontfix\n# Tail.\n";

    fn without(gone: &[&str]) -> String {
        remove(Path::new("i.yaml"), FILE, &gone.iter().copied().collect()).unwrap()
    }

    #[test]
    fn comments_go_with_their_entry_and_others_stay() {
        insta::assert_snapshot!(without(&["A"]), @"
        # Head.

        # Part.

        # Two.
        # Really.
        B: {pattern: second thing, description: d, status: wontfix}
        C:
          # inside
          pattern: third thing
          description: |
            # text

            more
          status: wontfix
        # Tail.
        ");
        insta::assert_snapshot!(without(&["B", "C"]), @"
        # Head.

        # One.
        A:
          pattern: first thing
          description: d
          status: wontfix

        # Part.

        # Tail.
        ");
        assert_eq!(without(&[]), FILE);
        assert_eq!(without(&["A", "B", "C"]), "# Head.\n\n# Part.\n\n# Tail.\n");
    }

    #[test]
    fn what_cannot_be_taken_out_is_left() {
        let text = "{A: {pattern: first thing, description: d, status: wontfix}, B: {pattern: second thing, description: d, status: wontfix}}\n";
        let gone = ["A"].into_iter().collect();
        assert!(remove(Path::new("i.yaml"), text, &gone).is_err());
        let one = [("C".to_owned(), "C: {pattern: x}\n".to_owned())];
        assert!(append(Path::new("i.yaml"), FILE, &one).is_err(), "no faulty entry is added");
        assert!(append(Path::new("i.yaml"), text, &one).is_err());
    }

    proptest! {
        #[test]
        fn what_was_added_can_be_removed(
            parts in proptest::collection::vec(
                prop_oneof![Just("\n"), Just("# note\n"), Just("E"), Just("F")], 0..12),
            crlf in any::<bool>(),
        ) {
            let mut text = String::new();
            for (at, part) in parts.iter().enumerate() {
                match *part {
                    "E" => text.push_str(&format!("E{at}: {{pattern: thing no{at}x, description: d, status: wontfix}}\n")),
                    "F" => text.push_str(&format!("F{at}:\n  pattern: thing no{at}x\n\n  # in it\n  description: d\n  status: wontfix\n")),
                    other => text.push_str(other),
                }
            }
            if crlf {
                text = text.replace('\n', "\r\n");
            }
            let file = Path::new("i.yaml");
            let new = [("NEW".to_owned(), "NEW:\n  pattern: new words\n  description: d\n  status: wontfix\n".to_owned())];
            let longer = append(file, &text, &new).unwrap();
            prop_assert!(longer.starts_with(&text));
            let shorter = remove(file, &longer, &["NEW"].into_iter().collect()).unwrap();
            prop_assert_eq!(shorter.trim_end(), text.trim_end());
            if !text.lines().last().is_some_and(|line| line.starts_with('#')) {
                prop_assert_eq!(shorter, text);
            }
        }
    }
}
