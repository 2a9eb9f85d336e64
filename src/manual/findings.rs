//! `docs/findings.md`: what engines are known to get wrong, with the command that shows each.

use std::fmt::{self, Write as _};

use super::cell;
use crate::schema::{Answer, Case, Table};

const HEAD: &str = "\
# Findings

What engines get wrong, as far as it is known: each row is an entry of `known` in `params/*.yaml`
([format](params.md#what-an-engine-is-known-to-get-wrong)) and has a case. Every run checks that the
engine still does it, and fails where it no longer does. What the engine says stands in the record of
the case. This page is generated from those entries.
";

/// The page for `tables`: by backend, and in each by what the engine does.
pub(super) fn text(tables: &[Table]) -> String {
    let mut text = HEAD.to_owned();
    // Writing to a string does not fail.
    let _ = tables.iter().try_for_each(|table| write_table(&mut text, table));
    if text.len() == HEAD.len() {
        text.push_str("\nNothing is known.\n");
    }
    text
}

fn write_table(out: &mut String, table: &Table) -> fmt::Result {
    // An alias is no further finding: it has the case of its parameter over again.
    let cases = table.params.iter().flat_map(|param| table.cases_of(param));
    let cases: Vec<Case> =
        cases.filter(|case| case.known.is_some() && case.alias.is_none()).collect();
    if cases.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## {}\n\n{}\n", table.backend, cell::prose(&table.engine))?;
    writeln!(out, "```sh\n{}\n```", command(&table.backend))?;
    for answer in Answer::ALL {
        let of_answer = |case: &&Case| case.known.as_ref().is_some_and(|one| one.answer == answer);
        let mut cases = cases.iter().filter(of_answer).peekable();
        if cases.peek().is_none() {
            continue;
        }
        writeln!(out, "\n### {}: {}\n", answer.word(), meaning(answer))?;
        writeln!(out, "| parameter | value | because | CASE |\n| --- | --- | --- | --- |")?;
        for case in cases {
            write_case(out, case)?;
        }
    }
    Ok(())
}

fn write_case(out: &mut String, case: &Case) -> fmt::Result {
    let because = case.known.as_ref().and_then(|known| known.because.as_deref());
    writeln!(
        out,
        "| {} | {} | {} | {} |",
        cell::code(case.parameter.as_deref().unwrap_or_default()),
        case.value.as_ref().map(cell::value).unwrap_or_default(),
        cell::prose(because.unwrap_or_default()),
        cell::code(&case.name)
    )
}

/// What runs one case of `backend` alone.
fn command(backend: &str) -> String {
    let features = match backend {
        "pytorch" => " --features torch",
        "transformers" | "vllm" | "tensorrt" => " --features python",
        _ => "",
    };
    format!("cargo test{features} --test params -- --smoke --backend {backend} --exact 'CASE'")
}

/// What the engine does, in words.
fn meaning(answer: Answer) -> &'static str {
    match answer {
        Answer::Refused => "a value that it is to take is refused",
        Answer::Unclear => "a refusal that does not name the parameter",
        Answer::Late => "refused, or failed, only after work had begun",
        Answer::Accepted => "runs with what must be refused",
        Answer::Failed => "fails of a value that it is to take",
        Answer::Died => "ends the process",
        Answer::TimedOut => "does not come to an end",
        Answer::Ignored => "keeps another value, and does not say so",
        Answer::NoEffect => "takes the value, and nothing that can be seen changes",
        Answer::Normalised => "makes it another value",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TABLE: &str = "
backend: vllm
engine: vLLM 0.24.0
baseline: {}
params:
- path: rate
  section: sampling
  type: float
  default: 0.5
  bounds: {ge: 0.0, le: 1.0}
  aliases: [decoder.rate]
  quick: 1.0
  relation: changes
  known:
  - {values: [nonesuch, true], is: accepted}
  - {values: [0.0, 1.0], is: ignored, because: 'the ends are cut off | always'}
  description: A rate.
";

    fn table(text: &str) -> Table {
        Table::parse(Path::new("vllm.yaml"), text).unwrap()
    }

    #[test]
    fn each_entry_has_its_case() {
        let page = text(&[table(TABLE)]);
        let page = page.strip_prefix(HEAD).unwrap();
        insta::assert_snapshot!(page, @"

        ## vllm

        vLLM 0.24.0

        ```sh
        cargo test --features python --test params -- --smoke --backend vllm --exact 'CASE'
        ```

        ### accepted: runs with what must be refused

        | parameter | value | because | CASE |
        | --- | --- | --- | --- |
        | `rate` | `\"nonesuch\"` |  | `vllm::!rate=nonesuch` |
        | `rate` | `true` |  | `vllm::!rate=true` |

        ### ignored: keeps another value, and does not say so

        | parameter | value | because | CASE |
        | --- | --- | --- | --- |
        | `rate` | `0.0` | the ends are cut off &#124; always | `vllm::rate=0.0` |
        | `rate` | `1.0` | the ends are cut off &#124; always | `vllm::rate=1.0` |
        ");
    }

    #[test]
    fn where_nothing_is_known_the_page_says_so() {
        let start = TABLE.find("  known:").unwrap();
        let end = TABLE.find("  description").unwrap();
        let sound = format!("{}{}", &TABLE[..start], &TABLE[end..]);
        assert_eq!(text(&[table(&sound)]), format!("{HEAD}\nNothing is known.\n"));
    }
}
