//! An output against its reference output. Pure.

use crate::backends::Generation;
use crate::generate::Row;
use crate::record::{Comparison, Difference};

/// Compares row by row, in the order of prompts and rows.
pub(super) fn compare(output: &Generation, reference: &Generation) -> Comparison {
    let mut sum = Sum { beginnings: true, ..Sum::default() };
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
    Comparison {
        same_tokens: sum.first.is_none(),
        first_difference: sum.first,
        beginnings: sum.beginnings,
        shorter_rows: sum.shorter,
        scores_differ: sum.scored.then_some(sum.scores_differ),
        max_score_difference: sum.largest,
    }
}

#[derive(Default)]
struct Sum {
    first: Option<Difference>,
    beginnings: bool,
    shorter: u64,
    scored: bool,
    scores_differ: bool,
    largest: Option<f64>,
}

impl Sum {
    /// One side has a row more: the outputs differ from its first token on.
    fn missing(&mut self, prompt: usize, row: usize) {
        self.first.get_or_insert(Difference { prompt, row, index: 0 });
        self.beginnings = false;
    }

    fn row(&mut self, prompt: usize, row: usize, our: &Row, their: &Row) {
        let pairs = our.tokens.iter().zip(&their.tokens);
        let common = pairs.take_while(|(one, other)| one == other).count();
        if common < our.tokens.len() || common < their.tokens.len() {
            self.first.get_or_insert(Difference { prompt, row, index: common });
        }
        if common < our.tokens.len() {
            self.beginnings = false;
        } else if common < their.tokens.len() {
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

    fn output(rows: &[(&[u32], Option<&[(u32, f32)]>)]) -> Generation {
        let row = |(tokens, scores): &(&[u32], Option<&[(u32, f32)]>)| Row {
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
        let compared = compare(&one, &one);
        assert!(compared.same_tokens && compared.beginnings);
        assert_eq!((compared.shorter_rows, compared.scores_differ), (0, None));
    }

    #[test]
    fn a_shorter_row_is_a_beginning_and_a_difference() {
        let compared = compare(
            &output(&[(&[1, 2], None), (&[3], None)]),
            &output(&[(&[1, 2], None), (&[3, 4], None)]),
        );
        assert!(!compared.same_tokens && compared.beginnings);
        assert_eq!(compared.shorter_rows, 1);
        assert_eq!(compared.first_difference, Some(Difference { prompt: 1, row: 0, index: 1 }));
    }

    #[test]
    fn another_token_or_a_longer_row_is_no_beginning() {
        let reference = output(&[(&[1, 2], None)]);
        assert!(!compare(&output(&[(&[1, 3], None)]), &reference).beginnings);
        assert!(!compare(&output(&[(&[1, 2, 3], None)]), &reference).beginnings);
        assert!(!compare(&output(&[]), &reference).beginnings);
    }

    #[test]
    fn scores_may_differ_where_tokens_do_not() {
        let reference = output(&[(&[1], Some(&[(1, -0.5), (2, -1.0)]))]);
        let same = compare(&reference, &reference);
        assert_eq!((same.scores_differ, same.max_score_difference), (Some(false), Some(0.0)));
        let moved = compare(&output(&[(&[1], Some(&[(1, -0.25), (2, -1.0)]))]), &reference);
        assert!(moved.same_tokens);
        assert_eq!((moved.scores_differ, moved.max_score_difference), (Some(true), Some(0.25)));
        let fewer = compare(&output(&[(&[1], Some(&[(1, -0.5)]))]), &reference);
        assert_eq!((fewer.scores_differ, fewer.max_score_difference), (Some(true), Some(0.0)));
        let unscored = compare(&output(&[(&[1], None)]), &reference);
        assert_eq!(unscored.scores_differ, None);
    }
}
