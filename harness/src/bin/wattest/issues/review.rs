//! The review of unknown findings, one by one.

use std::io::{self, BufRead, Write};
use std::path::Path;

use wattest::issues::triage::Unknown;
use wattest::issues::{Book, edit};

use super::triage::show;

/// What came of a review.
#[derive(Debug)]
pub(super) struct Decided {
    /// The issues file with what was accepted.
    pub(super) text: String,
    /// The IDs of what was accepted.
    pub(super) accepted: Vec<String>,
    /// What was rejected.
    pub(super) rejected: Vec<Unknown>,
}

/// Shows each of `offered` and asks what becomes of it; `text` is that of `file`. An entry with
/// which the file would have a fault is not taken: the faults are shown, and it is asked again. At
/// the end of the input the rest is left.
///
/// # Errors
/// Where the terminal cannot be read or written.
pub(super) fn review(
    file: &Path,
    text: String,
    offered: &[Unknown],
    input: &mut dyn BufRead,
    output: &mut dyn Write,
    edited: &mut dyn FnMut(&str) -> Result<String, String>,
) -> io::Result<Decided> {
    let mut decided = Decided { text, accepted: Vec::new(), rejected: Vec::new() };
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
                "a" | "accept" => match accept(file, &decided.text, &entry) {
                    Ok((text, id)) => {
                        decided.text = text;
                        decided.accepted.push(id);
                        break;
                    }
                    Err(faults) => tell(output, &faults)?,
                },
                "r" | "reject" => {
                    decided.rejected.push(one.clone());
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
        let decided = review(
            Path::new("issues.yaml"),
            "# Head.\n\n".to_owned(),
            &offered,
            &mut answers.as_bytes(),
            &mut output,
            &mut edited,
        )
        .unwrap();
        let output = String::from_utf8(output).unwrap();
        assert_eq!(decided.accepted, ["FIRST", "OTHER"]);
        assert_eq!(decided.rejected.len(), 1);
        assert!(decided.text.starts_with("# Head.\n\nFIRST:\n"), "{}", decided.text);
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
            &mut "a\n".as_bytes(),
            &mut Vec::new(),
            &mut edited,
        )
        .unwrap();
        assert_eq!((decided.accepted.len(), decided.rejected.len()), (1, 0));
    }
}
