//! What was done within a window.

use crate::energy::Span;

/// Tokens that were worked on within a window, all repeats together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Of the prompts.
    pub prompt: u64,
    /// Generated.
    pub output: u64,
}

/// When prompts were read and when they were continued, on the clock of the traces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Phases {
    /// The times up to the first logits of each batch.
    pub prefill: Vec<Span>,
    /// The times from there on.
    pub decode: Vec<Span>,
}

/// What was done within a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// Its tokens.
    pub tokens: Tokens,
    /// Its phases; none where nobody tells them apart.
    pub phases: Option<Phases>,
}

impl Work {
    /// Adds what was done afterwards. Phases that are known of a part only are not known.
    pub fn add(&mut self, next: Self) {
        self.tokens.prompt = self.tokens.prompt.saturating_add(next.tokens.prompt);
        self.tokens.output = self.tokens.output.saturating_add(next.tokens.output);
        self.phases = self.phases.take().zip(next.phases).map(|(mut all, next)| {
            all.prefill.extend(next.prefill);
            all.decode.extend(next.decode);
            all
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(at_ns: u64) -> Work {
        let span = |from| vec![Span { begin_ns: at_ns + from, end_ns: at_ns + from + 5 }];
        Work {
            tokens: Tokens { prompt: 3, output: 4 },
            phases: Some(Phases { prefill: span(0), decode: span(5) }),
        }
    }

    #[test]
    fn phases_of_a_part_are_none_of_the_whole() {
        let mut all = work(0);
        all.add(work(10));
        assert_eq!(all.tokens, Tokens { prompt: 6, output: 8 });
        let begins = |spans: &[Span]| spans.iter().map(|span| span.begin_ns).collect::<Vec<_>>();
        let phases = all.phases.as_ref().unwrap();
        assert_eq!((begins(&phases.prefill), begins(&phases.decode)), (vec![0, 10], vec![5, 15]));
        all.add(Work { phases: None, ..work(20) });
        all.add(work(30));
        assert_eq!((all.tokens.output, all.phases), (16, None));
    }
}
