//! What ends a row.

use std::time::{Duration, Instant};

use memchr::memmem;

use crate::generate::config::GenerationConfig;
use crate::generate::model::Detokenizer;
use crate::generate::output::Finish;
use crate::generate::sequence::Sequence;

/// The conditions that end a row, checked after each of its tokens.
pub(crate) struct Stopping<'a> {
    end: &'a [u32],
    strings: &'a [String],
    text: &'a dyn Detokenizer,
    deadline: Option<Instant>,
    /// Tokens that a stop string can reach back over: one per byte of the longest.
    reach: usize,
}

impl<'a> Stopping<'a> {
    /// The conditions of `config`; the clock of `max_time` starts now.
    pub(crate) fn new(config: &'a GenerationConfig, text: &'a dyn Detokenizer) -> Self {
        let strings = config.stop_strings.as_deref().unwrap_or_default();
        let start = Instant::now();
        let allowed = config.max_time.map(Duration::try_from_secs_f64);
        Self {
            end: config.end_tokens(),
            strings,
            text,
            // More time than the clock can count is no limit.
            deadline: allowed.and_then(Result::ok).and_then(|time| start.checked_add(time)),
            reach: strings.iter().map(String::len).max().unwrap_or(0),
        }
    }

    /// Why the row ends with `tokens`, if it does, where it may have `limit` tokens.
    ///
    /// Where more than one condition holds, the end token is named first, then the stop string,
    /// the length, the time.
    pub(crate) fn check(&self, tokens: &[u32], limit: usize) -> Option<Finish> {
        if tokens.last().is_some_and(|last| self.end.contains(last)) {
            Some(Finish::EndToken)
        } else if self.ends_in_stop_string(tokens) {
            Some(Finish::StopString)
        } else if tokens.len() >= limit {
            Some(Finish::Length)
        } else if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
            Some(Finish::Time)
        } else {
            None
        }
    }

    /// [`check`](Self::check) of a whole sequence.
    pub(crate) fn check_row(&self, row: &Sequence) -> Option<Finish> {
        self.check(&row.tokens, row.limit)
    }

    /// Whether a stop string ends within the text of the last token; it may begin anywhere
    /// before, in the prompt too, and text may follow it within that token.
    fn ends_in_stop_string(&self, tokens: &[u32]) -> bool {
        if self.strings.is_empty() || tokens.is_empty() {
            return false;
        }
        // One token more than a stop string can span, because decoders may treat the first
        // token of a text specially.
        let tail = &tokens[tokens.len().saturating_sub(self.reach + 1)..];
        let whole = self.text.decode(tail, false);
        let before = self.text.decode(&tail[..tail.len() - 1], false);
        let same = whole.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
        self.strings.iter().any(|stop| {
            let from = (same + 1).saturating_sub(stop.len());
            memmem::find(&whole.as_bytes()[from..], stop.as_bytes()).is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::config::ModelDefaults;
    use crate::settings::{Settings, Value};

    /// Tokens 0.. are these words.
    struct Words(&'static [&'static str]);

    impl Detokenizer for Words {
        fn decode(&self, tokens: &[u32], _skip_special: bool) -> String {
            tokens.iter().map(|token| self.0[*token as usize]).collect()
        }
    }

    fn stops(words: &'static [&'static str], stop: &str) -> bool {
        let settings: Settings = [("stop_strings", Value::from(stop))].into_iter().collect();
        let config = GenerationConfig::parse(&settings, &ModelDefaults::default()).unwrap();
        let tokens: Vec<u32> = (0..words.len() as u32).collect();
        let text = Words(words);
        Stopping::new(&config, &text).check(&tokens, 99) == Some(Finish::StopString)
    }

    #[test]
    fn a_stop_string_ends_within_the_last_token() {
        for words in [
            &["st", "op"] as &'static [&'static str],
            &["stop"],
            &["st", "opera"],
            &["sto", "pper"],
            &["las", "topper"],
            &["s", "to", "pped"],
            &["x", "stop", "at", "stop"],
        ] {
            assert!(stops(words, "stop"), "{words:?}");
        }
        for words in [
            &["stop", "at"] as &'static [&'static str],
            &["st", "op", "at"],
            &["st", "opera", "tion"],
            &["s", "top", ""],
            &["sto"],
        ] {
            assert!(!stops(words, "stop"), "{words:?}");
        }
    }

    #[test]
    fn overlapping_occurrences_are_found() {
        assert!(stops(&["aa", "a"], "aa"));
        assert!(!stops(&["aa", "b"], "aa"));
    }

    #[test]
    fn text_outside_of_ascii_is_cut_at_no_wrong_place() {
        assert!(stops(&["é", "ü."], "ü"));
        assert!(!stops(&["éü", "."], "ü"));
    }
}
