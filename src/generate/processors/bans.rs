//! Sequences and tokens that are biased or forbidden.

use super::{Processor, Row, Scratch, forbid};

/// `sequence_bias`: added to the last token of a sequence where the rest of it stands at the end
/// of the row.
pub(super) struct SequenceBias(Vec<(Vec<u32>, f32)>);

impl SequenceBias {
    pub(super) fn new(biases: &[(Vec<u32>, f64)]) -> Self {
        Self(biases.iter().map(|(ids, bias)| (ids.clone(), *bias as f32)).collect())
    }
}

/// Whether the rest of `sequence` stands at the end of `tokens`, and its last token.
fn completes(sequence: &[u32], tokens: &[u32]) -> Option<u32> {
    let (last, rest) = sequence.split_last()?;
    tokens.ends_with(rest).then_some(*last)
}

impl Processor for SequenceBias {
    fn apply(&self, row: &Row<'_>, scores: &mut [f32], scratch: &mut Scratch) {
        // The biases of a token are summed before they are added, as transformers does.
        let sums = &mut scratch.ranked;
        sums.clear();
        for (sequence, bias) in &self.0 {
            if let Some(token) = completes(sequence, row.tokens).map(|token| token as usize) {
                match sums.iter_mut().find(|(known, _)| *known == token) {
                    Some((_, sum)) => *sum += bias,
                    None => sums.push((token, *bias)),
                }
            }
        }
        for (token, sum) in sums {
            if let Some(score) = scores.get_mut(*token) {
                *score += *sum;
            }
        }
    }
}

/// `bad_words_ids`: forbids completing a sequence. End tokens alone are passed over.
pub(super) struct BadWords(Vec<Vec<u32>>);

impl BadWords {
    pub(super) fn new(words: &[Vec<u32>], end: &[u32]) -> Self {
        let is_end = |word: &&Vec<u32>| word.len() == 1 && end.contains(&word[0]);
        Self(words.iter().filter(|word| !is_end(word)).cloned().collect())
    }
}

impl Processor for BadWords {
    fn apply(&self, row: &Row<'_>, scores: &mut [f32], _scratch: &mut Scratch) {
        for token in self.0.iter().filter_map(|word| completes(word, row.tokens)) {
            forbid(scores, token);
        }
    }
}

/// Calls `visit` for every token that followed the last `size - 1` tokens of `tokens` somewhere
/// in `earlier`.
fn followers(tokens: &[u32], earlier: &[u32], size: usize, mut visit: impl FnMut(u32)) {
    let Some(start) = (tokens.len() + 1).checked_sub(size) else { return };
    let prefix = &tokens[start..];
    for window in earlier.windows(size) {
        if let Some((last, rest)) = window.split_last()
            && rest == prefix
        {
            visit(*last);
        }
    }
}

/// `no_repeat_ngram_size`: no n-gram twice in prompt and output together.
pub(super) struct NoRepeatNgram(usize);

impl NoRepeatNgram {
    pub(super) fn new(size: usize) -> Option<Self> {
        (size > 0).then_some(Self(size))
    }
}

impl Processor for NoRepeatNgram {
    fn apply(&self, row: &Row<'_>, scores: &mut [f32], _scratch: &mut Scratch) {
        followers(row.tokens, row.tokens, self.0, |token| forbid(scores, token));
    }
}

/// `encoder_no_repeat_ngram_size`: no n-gram of the prompt in the output.
pub(super) struct EncoderNoRepeatNgram(usize);

impl EncoderNoRepeatNgram {
    pub(super) fn new(size: usize) -> Option<Self> {
        (size > 0).then_some(Self(size))
    }
}

impl Processor for EncoderNoRepeatNgram {
    fn apply(&self, row: &Row<'_>, scores: &mut [f32], _scratch: &mut Scratch) {
        followers(row.tokens, row.prompt(), self.0, |token| forbid(scores, token));
    }
}

/// `suppress_tokens`.
pub(super) struct Suppress(pub Vec<u32>);

impl Processor for Suppress {
    fn apply(&self, _row: &Row<'_>, scores: &mut [f32], _scratch: &mut Scratch) {
        self.0.iter().for_each(|token| forbid(scores, *token));
    }
}
