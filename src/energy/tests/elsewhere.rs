//! The table of what goes wrong elsewhere, in `docs/energy.md`: each test that it names is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const HEADING: &str = "\n## What goes wrong elsewhere\n";

/// The names of the tests in the last cell of each row of the table.
fn rows(page: &str) -> Vec<(String, Vec<String>)> {
    let section = page.split_once(HEADING).map_or("", |(_, rest)| rest);
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let table = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [what, _, tests] = cells[..] else { panic!("not three cells: {line}") };
        let names = tests.split('`').skip(1).step_by(2).map(str::to_owned);
        (what.to_owned(), names.collect())
    };
    table.map(row).collect()
}

/// The functions below `folder` that have `#[test]` before them.
fn tests(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line == "#[test]" {
                    is_test = true;
                } else if let Some(rest) = line.strip_prefix("fn ") {
                    if is_test {
                        found.extend(rest.split('(').next().map(str::to_owned));
                    }
                    is_test = false;
                }
            }
        }
    }
}

#[test]
fn each_row_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows = rows(&fs::read_to_string(root.join("docs/energy.md")).unwrap());
    let mut known = BTreeSet::new();
    for folder in ["src", "tests", "harness/src"] {
        tests(&root.join(folder), &mut known);
    }
    assert!(rows.len() >= 40, "{} rows: the table cannot be read", rows.len());
    for (what, names) in &rows {
        assert!(!names.is_empty(), "no test: {what}");
        for name in names {
            assert!(known.contains(name), "there is no test `{name}`: {what}");
        }
    }
    let different: BTreeSet<&String> = rows.iter().map(|(what, _)| what).collect();
    assert_eq!(different.len(), rows.len(), "a row is there twice");
}

#[test]
fn a_name_that_no_test_has_shows() {
    let page = format!(
        "x\n{HEADING}\n| a | b | c |\n| --- | --- | --- |\n| one | - | `f`, `g` |\n\n## Next\n| two | - | `h` |\n"
    );
    assert_eq!(rows(&page), [("one".to_owned(), vec!["f".to_owned(), "g".to_owned()])]);
    let mut known = BTreeSet::new();
    tests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/energy/tests"), &mut known);
    assert!(known.contains("a_name_that_no_test_has_shows"));
    assert!(!known.contains("rows") && !known.contains("tests"));
}
