//! The review of unknown findings, one by one.

use std::io::{self, BufRead, Write};
use std::path::Path;

use wattest::issues::triage::Unknown;
use wattest::issues::{Book, edit};

use super::triage::show;
use crate::output::Stop;

/// What came of a review.
#[derive(Debug, Default)]
pub(super) struct Decided {
    /// The IDs of what was accepted.
    pub(super) accepted: Vec<String>,
    /// How many were rejected.
    pub(super) rejected: usize,
}

/// An answer, which is kept before the next question: a review that is broken off loses nothing.
#[derive(Debug)]
pub(super) enum Taken<'a> {
    /// The issues file has this text now.
    Accepted(&'a str),
    /// This is not to be offered again.
    Rejected(&'a Unknown),
}

/// Shows each of `offered` and asks what becomes of it; `text` is that of `file`, and `keep` keeps
/// each answer. An entry with which the file would have a fault is not taken: the faults are shown,
/// and it is asked again. At the end of the input the rest is left.
///
/// # Errors
/// Where the terminal cannot be read or written, and those of `keep`.
pub(super) fn review(
    file: &Path,
    mut text: String,
    offered: &[Unknown],
    (input, output): (&mut dyn BufRead, &mut dyn Write),
    edited: &mut dyn FnMut(&str) -> Result<String, String>,
    keep: &mut dyn FnMut(Taken<'_>) -> Result<(), Stop>,
) -> Result<Decided, Stop> {
    let mut decided = Decided::default();
    for (at, one) in offered.iter().enumerate() {
        writeln!(output, "{} of {}", at + 1, offered.len())?;
        show(output, one)?;
        let mut entry = one.suggestion.yaml.clone();
        loop {
            write!(output, "accept (a), reject (r), skip (s), edit (e), quit (q)? ")?;
            output.flush()?;
            let mut line = String::new();
            if input.read_line(&mut line)? == 0 {
                writeln!(output)?;
                return Ok(decided);
            }
            match line.trim() {
                "a" | "accept" => match accept(file, &text, &entry) {
                    Ok((more, id)) => {
                        text = more;
                        keep(Taken::Accepted(&text))?;
                        decided.accepted.push(id);
                        break;
                    }
                    Err(faults) => tell(output, &faults)?,
                },
                "r" | "reject" => {
                    keep(Taken::Rejected(one))?;
                    decided.rejected += 1;
                    break;
                }
                "s" | "skip" => break,
                "e" | "edit" => match edited(&entry) {
                    Ok(text) => {
                        entry = text;
                        for line in entry.lines() {
                            writeln!(output, "    {}", line.replace("##[", "# #["))?;
                        }
                    }
                    Err(fault) => tell(output, &[fault])?,
                },
                "q" | "quit" => return Ok(decided),
                _ => {}
            }
        }
    }
    Ok(decided)
}

/// `text` with `entry`, and the ID of that.
fn accept(file: &Path, text: &str, entry: &str) -> Result<(String, String), Vec<String>> {
    let book = Book::parse(Path::new("entry"), entry)?;
    let [one] = book.entries() else {
        return Err(vec![format!("{} entries stand there; leave one", book.entries().len())]);
    };
    let id = one.id.clone();
    Ok((edit::append(file, text, &[(id.clone(), entry.to_owned())])?, id))
}

fn tell(output: &mut dyn Write, faults: &[String]) -> io::Result<()> {
    faults.iter().try_for_each(|fault| writeln!(output, "error: {fault}"))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use wattest::issues::triage::{Cluster, Suggestion};
    use wattest::scan::Severity;

    use super::*;

    fn unknown(id: &str) -> Unknown {
        let words = id.to_lowercase();
        let yaml = format!(
            "{id}:\n  pattern: ^{words} thing$\n  description: d\n  status: wip\n  expires: {}\n  examples: [{words} thing]\n",
            date(2026, 7, 1)
        );
        Unknown {
            cluster: Cluster {
                fingerprint: words.clone(),
                severity: Severity::Warning,
                source: "vllm".to_owned(),
                message: format!("{words} thing"),
                template: format!("{words} thing"),
                count: 1,
                cases: ["scripted::a".to_owned()].into(),
                runs: ["one".to_owned()].into(),
                streams: [].into(),
                phases: [].into(),
                places: [].into(),
                loads_only: false,
                messages: Vec::new(),
            },
            cause: "in all 2 cases".to_owned(),
            nearest: None,
            suggestion: Suggestion { id: id.to_owned(), yaml },
        }
    }

    #[test]
    fn each_is_asked_about_until_an_answer_is_understood() {
        let offered = ["FIRST", "SECOND", "THIRD", "FOURTH"].map(unknown);
        let answers = "what\na\nr\ne\na\ne\na\ns\n";
        let mut edits = [
            "THIRD: {pattern: x}\n".to_owned(),
            offered[2].suggestion.yaml.replace("THIRD", "OTHER"),
        ]
        .into_iter();
        let mut edited = |_: &str| edits.next().ok_or_else(|| "no editor".to_owned());
        let mut output = Vec::new();
        let mut kept = Vec::new();
        let mut keep = |taken: Taken<'_>| {
            kept.push(match taken {
                Taken::Accepted(text) => text.to_owned(),
                Taken::Rejected(one) => one.suggestion.id.clone(),
            });
            Ok(())
        };
        let decided = review(
            Path::new("issues.yaml"),
            "# Head.\n\n".to_owned(),
            &offered,
            (&mut answers.as_bytes(), &mut output),
            &mut edited,
            &mut keep,
        );
        let Ok(decided) = decided else { panic!("{}", String::from_utf8_lossy(&output)) };
        let output = String::from_utf8(output).unwrap();
        assert_eq!(
            (decided.accepted, decided.rejected),
            (["FIRST", "OTHER"].map(str::to_owned).to_vec(), 1)
        );
        let [first, second, both] = &kept[..] else { panic!("{kept:?}") };
        assert!(first.starts_with("# Head.\n\nFIRST:\n"), "{first}");
        assert_eq!(second, "SECOND");
        assert!(both.starts_with(first.as_str()) && both.contains("OTHER:\n"), "{both}");
        assert!(output.contains("4 of 4\n") && output.contains("[no-status]"), "{output}");
    }

    #[test]
    fn the_end_of_the_input_leaves_the_rest() {
        let offered = ["FIRST", "SECOND"].map(unknown);
        let mut edited = |_: &str| Err("no editor".to_owned());
        let decided = review(
            Path::new("issues.yaml"),
            String::new(),
            &offered,
            (&mut "a\n".as_bytes(), &mut Vec::new()),
            &mut edited,
            &mut |_| Ok(()),
        );
        assert!(decided.is_ok_and(|decided| decided.accepted.len() == 1 && decided.rejected == 0));
    }
}
