//! An output against its reference output.

use serde::{Deserialize, Serialize};

use crate::backends::Generation;
use crate::generate::Row;

/// An output against its reference output. The score tables are compared where they are made and
/// are not part of a record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Whether all rows have the same tokens.
    pub same_tokens: bool,
    /// The first place at which tokens differ, the end of a shorter row included.
    pub first_difference: Option<Difference>,
    /// The first place at which a row is neither the reference row nor a beginning of it.
    pub first_departure: Option<Difference>,
    /// How many rows are a beginning of the reference row, and shorter.
    pub shorter_rows: u64,
    /// Whether processed scores differ, before the first differing token of a row; none where one
    /// of the two has no scores.
    pub scores_differ: Option<bool>,
    /// The largest absolute difference of a log-probability that both sides have; none where there
    /// is none to compare.
    pub max_score_difference: Option<f64>,
}

/// A place in an output; all from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Which prompt.
    pub prompt: usize,
    /// Which of its rows.
    pub row: usize,
    /// Which generated token.
    pub index: usize,
}

impl Comparison {
    /// Compares row by row, in the order of prompts and rows.
    pub fn between(output: &Generation, reference: &Generation) -> Self {
        let mut sum = Sum::default();
        let prompts = output.prompts.len().max(reference.prompts.len());
        for prompt in 0..prompts {
            let ours = output.prompts.get(prompt).map_or(&[][..], |one| &one.rows);
            let theirs = reference.prompts.get(prompt).map_or(&[][..], |one| &one.rows);
            for row in 0..ours.len().max(theirs.len()) {
                match (ours.get(row), theirs.get(row)) {
                    (Some(our), Some(their)) => sum.row(prompt, row, our, their),
                    _ => sum.missing(prompt, row),
                }
            }
        }
        Self {
            same_tokens: sum.first.is_none(),
            first_difference: sum.first,
            first_departure: sum.departure,
            shorter_rows: sum.shorter,
            scores_differ: sum.scored.then_some(sum.scores_differ),
            max_score_difference: sum.largest,
        }
    }
}

#[derive(Default)]
struct Sum {
    first: Option<Difference>,
    departure: Option<Difference>,
    shorter: u64,
    scored: bool,
    scores_differ: bool,
    largest: Option<f64>,
}

impl Sum {
    /// One side has a row more: the outputs differ from its first token on.
    fn missing(&mut self, prompt: usize, row: usize) {
        self.departs(Difference { prompt, row, index: 0 });
    }

    fn departs(&mut self, place: Difference) {
        self.first.get_or_insert(place);
        self.departure.get_or_insert(place);
    }

    fn row(&mut self, prompt: usize, row: usize, our: &Row, their: &Row) {
        let pairs = our.tokens.iter().zip(&their.tokens);
        let common = pairs.take_while(|(one, other)| one == other).count();
        let place = Difference { prompt, row, index: common };
        if common < our.tokens.len() {
            self.departs(place);
        } else if common < their.tokens.len() {
            self.first.get_or_insert(place);
            self.shorter += 1;
        }
        if let (Some(ours), Some(theirs)) = (&our.scores, &their.scores) {
            self.scored = true;
            // Behind the first differing token the contexts differ, and so must the scores.
            for (our, their) in ours.iter().zip(theirs).take(common + 1) {
                self.step(our, their);
            }
        }
    }

    /// Both tables are in the order of the token ids.
    fn step(&mut self, ours: &[(u32, f32)], theirs: &[(u32, f32)]) {
        self.scores_differ |= ours.len() != theirs.len();
        let (mut i, mut j) = (0, 0);
        while let (Some(&(our, ours_score)), Some(&(their, theirs_score))) =
            (ours.get(i), theirs.get(j))
        {
            i += usize::from(our <= their);
            j += usize::from(their <= our);
            if our != their {
                self.scores_differ = true;
                continue;
            }
            if ours_score.to_bits() == theirs_score.to_bits() {
                self.largest.get_or_insert(0.0);
                continue;
            }
            let difference = f64::from((ours_score - theirs_score).abs());
            self.scores_differ |= difference != 0.0;
            if difference.is_finite() {
                self.largest = Some(self.largest.map_or(difference, |most| most.max(difference)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::PromptOutput;
    use crate::generate::Finish;

    /// Tokens, and the scores of the first step.
    type OneRow<'a> = (&'a [u32], Option<&'a [(u32, f32)]>);

    fn output(rows: &[OneRow<'_>]) -> Generation {
        let row = |(tokens, scores): &OneRow<'_>| Row {
            tokens: tokens.to_vec(),
            text: String::new(),
            scores: scores.map(|table| vec![table.to_vec()]),
            sequence_score: None,
            finish: Finish::Length,
        };
        let prompts =
            rows.iter().map(|one| PromptOutput { prompt_tokens: vec![1], rows: vec![row(one)] });
        Generation { prompts: prompts.collect(), ..Generation::default() }
    }

    #[test]
    fn equal_outputs_are_the_same_and_their_own_beginning() {
        let one = output(&[(&[1, 2], None), (&[3], None)]);
        let compared = Comparison::between(&one, &one);
        assert!(compared.same_tokens && compared.first_departure.is_none());
        assert_eq!((compared.shorter_rows, compared.scores_differ), (0, None));
    }

    #[test]
    fn a_shorter_row_is_a_beginning_and_a_difference() {
        let compared = Comparison::between(
            &output(&[(&[1, 2], None), (&[3], None)]),
            &output(&[(&[1, 2], None), (&[3, 4], None)]),
        );
        assert!(!compared.same_tokens && compared.first_departure.is_none());
        assert_eq!(compared.shorter_rows, 1);
        assert_eq!(compared.first_difference, Some(Difference { prompt: 1, row: 0, index: 1 }));
    }

    #[test]
    fn another_token_or_a_longer_row_is_no_beginning() {
        let reference = output(&[(&[1, 2], None)]);
        assert!(
            Comparison::between(&output(&[(&[1, 3], None)]), &reference).first_departure.is_some()
        );
        assert!(
            Comparison::between(&output(&[(&[1, 2, 3], None)]), &reference)
                .first_departure
                .is_some()
        );
        assert!(Comparison::between(&output(&[]), &reference).first_departure.is_some());
    }

    #[test]
    fn scores_may_differ_where_tokens_do_not() {
        let reference = output(&[(&[1], Some(&[(1, -0.5), (2, -1.0)]))]);
        let same = Comparison::between(&reference, &reference);
        assert_eq!((same.scores_differ, same.max_score_difference), (Some(false), Some(0.0)));
        let moved =
            Comparison::between(&output(&[(&[1], Some(&[(1, -0.25), (2, -1.0)]))]), &reference);
        assert!(moved.same_tokens);
        assert_eq!((moved.scores_differ, moved.max_score_difference), (Some(true), Some(0.25)));
        let fewer = Comparison::between(&output(&[(&[1], Some(&[(1, -0.5)]))]), &reference);
        assert_eq!((fewer.scores_differ, fewer.max_score_difference), (Some(true), Some(0.0)));
        let unscored = Comparison::between(&output(&[(&[1], None)]), &reference);
        assert_eq!(unscored.scores_differ, None);
    }
}
