//! What GitHub shows beside the lines of the issues file: workflow commands on the output of a job.

use crate::issues::Standing;
use crate::report::text::one_line;
use crate::report::{RunInfo, breaches, reminders};

/// Longest message in characters.
const MESSAGE_LIMIT: usize = 400;

/// A workflow command for each entry that fails `run` and for each that wants a look, those that
/// fail it first: GitHub shows the first ten of a step. Empty where there is no issues file.
pub fn annotations(run: &RunInfo, standings: &[Standing]) -> String {
    let Some(file) = &run.issues else { return String::new() };
    let failing = breaches(run, standings).into_iter().map(|breach| ("error", breach));
    let others = reminders(run, standings).into_iter().map(|breach| ("warning", breach));
    let mut text = String::new();
    for (level, breach) in failing.chain(others) {
        let message = one_line(&format!("{}: {}", breach.id, breach.reason), MESSAGE_LIMIT);
        text.push_str(&format!(
            "::{level} file={},line={},title={}::{}\n",
            property(file),
            breach.line,
            property(breach.kind),
            data(&message)
        ));
    }
    text
}

/// Text after the second `::` of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_command_or_a_property_early() {
        assert_eq!(property("a:b,c%\r\n::error::d"), "a%3Ab%2Cc%25%0D%0A%3A%3Aerror%3A%3Ad");
        assert_eq!(data("50 %: a, b\n::error::c"), "50 %25: a, b%0A::error::c");
    }
}
