//! Over the whole table, and over whole command lines.

use std::collections::BTreeSet;

use super::table::{FLAGS, Owner, Takes};
use super::*;

fn read(words: &[&str]) -> Result<Options, Vec<String>> {
    read_with(words, &[])
}

fn read_with(words: &[&str], variables: &[(&str, &str)]) -> Result<Options, Vec<String>> {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let variable = |name: &str| {
        variables.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned())
    };
    match parse(&words, variable)? {
        Parsed::Options { options, .. } => Ok(*options),
        Parsed::Help => panic!("help was not asked for"),
    }
}

/// A value that the option takes.
fn example(name: &str) -> &'static str {
    match name {
        "junit-properties" => "suite",
        "isolate" => "case",
        "energy" => "off",
        "timeout" | "silence-timeout" | "min-window" => "7s",
        "retries" | "repeat" | "max-fail" | "shuffle-seed" | "test-threads" => "3",
        "max-j-per-token-regress" => "2.5",
        "partition" => "hash:1/2",
        "no-tests" => "warn",
        "today" => "2026-01-02",
        "format" => "json",
        "color" => "never",
        "unstable" => "unstable-options",
        _ => "some/thing",
    }
}

#[test]
fn names_and_letters_are_unique_and_spelt_alike() {
    let names: BTreeSet<_> = FLAGS.iter().map(|flag| flag.name).collect();
    assert_eq!(names.len(), FLAGS.len());
    let letters: Vec<_> = FLAGS.iter().filter_map(|flag| flag.short).collect();
    assert_eq!(letters.iter().collect::<BTreeSet<_>>().len(), letters.len());
    for name in names {
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{name}");
    }
}

#[test]
fn every_option_has_one_line_of_help() {
    for flag in FLAGS {
        assert!(!flag.help.is_empty() && !flag.help.ends_with('.'), "{}", flag.name);
        assert!(flag.help.len() <= 72, "{}: {}", flag.name, flag.help);
    }
}

#[test]
fn every_option_of_ours_does_the_same_through_its_twin() {
    for flag in FLAGS.iter().filter(|flag| flag.owner == Owner::Wattest) {
        let twin = parse::twin(flag.name);
        let (word, value) = match flag.takes {
            Takes::Nothing => (format!("--{}", flag.name), "1"),
            Takes::Value(_) | Takes::Optional(_) => {
                (format!("--{}={}", flag.name, example(flag.name)), example(flag.name))
            }
        };
        let said = read(&[&word]).unwrap();
        assert_ne!(said, Options::default(), "{word} sets nothing");
        assert_eq!(said, read_with(&[], &[(&twin, value)]).unwrap(), "{twin}");
    }
}

#[test]
fn every_option_that_takes_a_value_asks_for_it() {
    for flag in FLAGS.iter().filter(|flag| matches!(flag.takes, Takes::Value(_))) {
        let word = format!("--{}", flag.name);
        let faults = read(&[&word]).unwrap_err();
        assert!(faults[0].starts_with(&format!("{word} takes a value")), "{faults:?}");
        assert!(read(&[&word, example(flag.name)]).is_ok(), "{word}");
    }
}

#[test]
fn every_switch_refuses_a_value() {
    for flag in FLAGS.iter().filter(|flag| flag.takes == Takes::Nothing) {
        let faults = read(&[&format!("--{}=x", flag.name)]).unwrap_err();
        assert_eq!(faults, [format!("--{} takes no value", flag.name)]);
    }
}

#[test]
fn unknown_options_come_with_a_suggestion_and_all_faults_at_once() {
    let faults = read(&["--smok", "--isolate=all", "--zzzzzzzzzzzz", "-x", "--today", "now"]);
    insta::assert_snapshot!(faults.unwrap_err().join("\n"), @r"
    there is no option --smok; did you mean --smoke?
    --isolate is `all`; it takes one of group, case, none
    there is no option --zzzzzzzzzzzz; see --help
    there is no option -x; see --help
    --today is `now`; it takes a day as YYYY-MM-DD
    ");
}

#[test]
fn what_nextest_and_editors_say_is_understood() {
    let said = read(&["candle::top_k=1", "--nocapture", "--exact"]).unwrap();
    assert!(said.exact && said.no_capture);
    assert_eq!(said.filters, ["candle::top_k=1"]);
    assert!(read(&["--list", "--format", "terse", "--ignored"]).unwrap().ignored);
    assert!(read(&["-Z", "unstable-options", "--format=json"]).unwrap().is_json());
    assert!(read(&["-Zunstable-options", "-q", "--test-threads", "8"]).unwrap().quiet);
    assert!(read(&["--test-threads=0"]).is_err());
    assert_eq!(read(&["a", "--", "--b"]).unwrap().filters, ["a", "--b"]);
}

#[test]
fn the_command_line_goes_over_the_environment() {
    let twins = [("WATTEST_BACKEND", "a,b"), ("WATTEST_RETRIES", "1"), ("WATTEST_SMOKE", "0")];
    let said = read_with(&["--backend=c", "--backend", "d", "--retries=2"], &twins).unwrap();
    assert_eq!(said.backends, ["c", "d"]);
    assert_eq!(said.retries, 2);
    assert!(!said.smoke);
    assert_eq!(read_with(&[], &twins).unwrap().backends, ["a", "b"]);
    insta::assert_snapshot!(
        read_with(&[], &[("WATTEST_SMOKE", "maybe"), ("RUST_TEST_THREADS", "x")]).unwrap_err().join("\n"),
        @r"
    WATTEST_SMOKE is `maybe`; it takes 1 or 0
    RUST_TEST_THREADS is `x`; it takes a whole number from 1
    "
    );
}

#[test]
fn the_command_that_repeats_a_case_has_what_bears_on_it() {
    let words = ["--smoke", "--quick", "--timeout", "9s", "--out=x", "--timeout=8s"];
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let Parsed::Options { repeats, .. } = parse(&words, |_| None).unwrap() else { panic!() };
    assert_eq!(repeats, ["--smoke", "--timeout=8s"]);
}

#[test]
fn the_help_names_every_option() {
    let text = help("cargo test --test params --");
    for flag in FLAGS.iter().filter(|flag| flag.short != Some('Z')) {
        assert!(text.contains(&format!("--{}", flag.name)), "{}", flag.name);
    }
    assert!(text.lines().all(|line| line.len() <= 105), "{text}");
}
