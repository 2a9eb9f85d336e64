//! Words that must come out, and how far a row has come with them.
//!
//! The rules are those of `generation/beam_constraints.py` of transformers 4.49: a word is worked
//! off token by token, one word at a time; a token that does not go on with the word in work
//! throws that word back to its beginning, behind the words that wait. Tokens of the prompt count
//! as those of the output do.

use super::config::GenerationConfig;

/// The root of every word's tree.
const ROOT: usize = 0;

/// The words of a request.
#[derive(Debug)]
pub(crate) struct Constraints {
    words: Vec<Word>,
    /// Tokens of the longest alternative of all words: what a finished word counts for.
    longest: usize,
}

/// The alternatives of one word, as a prefix tree. No alternative begins another, so that every
/// leaf is one of them.
#[derive(Debug)]
struct Word {
    nodes: Vec<Node>,
    /// Tokens of its longest alternative.
    height: usize,
}

/// A place in a word.
#[derive(Debug)]
struct Node {
    /// Tokens before this place.
    depth: usize,
    /// Tokens from here to the nearest end.
    left: usize,
    /// In the order in which the alternatives were given.
    children: Vec<(u32, usize)>,
}

/// How far a row has come with the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Words that wait, by number, in the order in which they are looked at.
    waiting: Vec<usize>,
    /// The word in work and the place in it.
    current: Option<(usize, usize)>,
    /// How many words are finished.
    done: usize,
}

impl Constraints {
    /// Those of `config`; none where it has none.
    pub(crate) fn of(config: &GenerationConfig) -> Self {
        let forced = config.force_words_ids.iter();
        let words: Vec<Word> = forced.flat_map(|forced| forced.words()).map(Word::new).collect();
        let longest = words.iter().map(|word| word.height).max().unwrap_or(0);
        Self { words, longest }
    }

    /// How far `tokens` come.
    pub(crate) fn read(&self, tokens: &[u32]) -> Progress {
        let waiting = (0..self.words.len()).collect();
        let mut progress = Progress { waiting, current: None, done: 0 };
        tokens.iter().for_each(|token| self.add(&mut progress, *token));
        progress
    }

    /// Takes up one more token, which goes on with one word at most.
    pub(crate) fn add(&self, progress: &mut Progress, token: u32) {
        let (word, next) = match progress.current.take() {
            Some((word, place)) => match self.words[word].next(place, token) {
                Some(next) => (word, next),
                None => return progress.waiting.push(word),
            },
            None => {
                let begun = progress.waiting.iter().enumerate().find_map(|(at, word)| {
                    self.words[*word].next(ROOT, token).map(|next| (at, *word, next))
                });
                let Some((at, word, next)) = begun else { return };
                progress.waiting.remove(at);
                (word, next)
            }
        };
        match self.words[word].is_end(next) {
            true => progress.done += 1,
            false => progress.current = Some((word, next)),
        }
    }

    /// Whether every word has come out.
    pub(crate) fn are_met(&self, progress: &Progress) -> bool {
        progress.done == self.words.len()
    }

    /// The fewest tokens that finish the word in work and all that wait. A word in work may be
    /// begun anew, at the price of the token that breaks it.
    pub(crate) fn missing(&self, progress: &Progress) -> usize {
        let whole = |word: usize| self.words[word].nodes[ROOT].left;
        let current = progress
            .current
            .map_or(0, |(word, place)| self.words[word].nodes[place].left.min(1 + whole(word)));
        current + progress.waiting.iter().map(|word| whole(*word)).sum::<usize>()
    }

    /// What a row is ranked by before its score: the tokens of finished words, each counted as
    /// the longest one, and those of the word in work, counted from the end.
    pub(crate) fn bank(&self, progress: &Progress) -> usize {
        let current = progress.current.map_or(0, |(word, place)| self.credit(word, place));
        progress.done * self.longest + current
    }

    fn credit(&self, word: usize, place: usize) -> usize {
        let word = &self.words[word];
        self.longest - (word.height - word.nodes[place].depth)
    }

    /// The tokens that bring a row on, each with the bank that the row is then ranked by.
    ///
    /// Within a word with alternatives, 4.49 shares the place among the rows that it tries: the
    /// second token finds the first one taken already. So it counts as a token that throws the
    /// word back, unless it goes on behind the first. That decides which beams stay, and is kept;
    /// the rows themselves are read anew at the next step.
    pub(crate) fn advances(&self, progress: &Progress) -> Vec<(u32, usize)> {
        let Some((word, place)) = progress.current else {
            let starts = progress.waiting.iter().flat_map(|word| self.words[*word].starts());
            return starts
                .map(|token| {
                    let mut after = progress.clone();
                    self.add(&mut after, token);
                    (token, self.bank(&after))
                })
                .collect();
        };
        let finished = progress.done * self.longest;
        let word_in_work = &self.words[word];
        let tokens = word_in_work.nodes[place].children.iter().map(|(token, _)| *token);
        let mut shared = place;
        let steps: Vec<(u32, Option<usize>)> = tokens
            .map(|token| {
                let next = word_in_work.next(shared, token);
                shared = next.unwrap_or(shared);
                (token, next)
            })
            .collect();
        let bank = |next: Option<usize>| match next {
            None => finished,
            Some(next) if word_in_work.is_end(next) => finished + self.longest,
            Some(_) => finished + self.credit(word, shared),
        };
        steps.into_iter().map(|(token, next)| (token, bank(next))).collect()
    }
}

impl Word {
    fn new(alternatives: &[Vec<u32>]) -> Self {
        let node = |depth| Node { depth, left: 0, children: Vec::new() };
        let mut nodes = vec![node(0)];
        for tokens in alternatives {
            let mut place = ROOT;
            for token in tokens {
                let known = nodes[place].children.iter().find(|(known, _)| known == token);
                place = match known {
                    Some((_, next)) => *next,
                    None => {
                        let next = nodes.len();
                        let depth = nodes[place].depth + 1;
                        nodes[place].children.push((*token, next));
                        nodes.push(node(depth));
                        next
                    }
                };
            }
        }
        // Children stand behind their parents.
        for place in (0..nodes.len()).rev() {
            let left = nodes[place].children.iter().map(|(_, next)| nodes[*next].left + 1).min();
            nodes[place].left = left.unwrap_or(0);
        }
        let height = alternatives.iter().map(Vec::len).max().unwrap_or(0);
        Self { nodes, height }
    }

    fn starts(&self) -> impl Iterator<Item = u32> {
        self.nodes[ROOT].children.iter().map(|(token, _)| *token)
    }

    fn next(&self, place: usize, token: u32) -> Option<usize> {
        let children = &self.nodes[place].children;
        children.iter().find(|(known, _)| *known == token).map(|(_, next)| *next)
    }

    fn is_end(&self, place: usize) -> bool {
        self.nodes[place].children.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::generate::config::ModelDefaults;
    use crate::settings::{Settings, Value};

    fn constraints(words: &Value) -> Constraints {
        let settings: Settings =
            [("force_words_ids", words.clone()), ("num_beams", json!(2))].into_iter().collect();
        Constraints::of(&GenerationConfig::parse(&settings, &ModelDefaults::default()).unwrap())
    }

    /// Words of up to three alternatives over few tokens, so that they have beginnings in common.
    fn words() -> impl Strategy<Value = Vec<Vec<Vec<u32>>>> {
        let tokens = prop::collection::vec(1u32..5, 1..4);
        let word = prop::collection::vec(tokens, 1..4).prop_map(|mut all| {
            let mut kept: Vec<Vec<u32>> = Vec::new();
            all.retain(|new| {
                let apart = kept.iter().all(|old| !old.starts_with(new) && !new.starts_with(old));
                kept.extend(apart.then(|| new.clone()));
                apart
            });
            all
        });
        prop::collection::vec(word, 1..4)
    }

    fn holds(tokens: &[u32], word: &[Vec<u32>]) -> bool {
        word.iter().any(|one| tokens.windows(one.len()).any(|part| part == one))
    }

    #[test]
    fn a_broken_word_goes_to_the_end_of_the_queue() {
        let words = constraints(&json!([[1, 2, 3], [4, 5], [6]]));
        let tokens = |read: &[u32]| -> Vec<(u32, usize)> { words.advances(&words.read(read)) };
        assert_eq!(tokens(&[]), [(1, 1), (4, 2), (6, 3)]);
        assert_eq!(tokens(&[1, 2]), [(3, 3)]);
        // The token that breaks a word begins no other.
        assert_eq!(tokens(&[1, 2, 4]), [(4, 2), (6, 3), (1, 1)]);
        assert_eq!(tokens(&[1, 2, 3, 6]), [(4, 8)]);
        assert_eq!(words.missing(&words.read(&[1, 2, 3, 6, 4])), 1);
        assert!(words.are_met(&words.read(&[9, 6, 9, 4, 5, 1, 2, 3, 9])));
    }

    #[test]
    fn alternatives_share_their_place_in_a_ranking() {
        // Figures of 4.49: `ConstraintListState.copy` hands on one list of tokens.
        let words = constraints(&json!([[[5, 1], [5, 2, 3, 4]]]));
        assert_eq!(words.advances(&words.read(&[5])), [(1, 4), (2, 0)]);
        let turned = constraints(&json!([[[5, 2, 3, 4], [5, 1]]]));
        assert_eq!(turned.advances(&turned.read(&[5])), [(2, 2), (1, 0)]);
        let chained = constraints(&json!([[[5, 1, 2, 7], [5, 2, 3, 4]]]));
        assert_eq!(chained.advances(&chained.read(&[5])), [(1, 3), (2, 3)]);
    }

    proptest! {
        #[test]
        fn a_row_that_meets_all_words_holds_them(
            words in words(),
            tokens in prop::collection::vec(0u32..6, 0..24),
        ) {
            let constraints = constraints(&json!(words));
            let progress = constraints.read(&tokens);
            let met = constraints.are_met(&progress);
            prop_assert_eq!(met, constraints.missing(&progress) == 0);
            prop_assert_eq!(met, constraints.advances(&progress).is_empty());
            if met {
                prop_assert!(words.iter().all(|word| holds(&tokens, word)));
            }
        }

        #[test]
        fn one_token_brings_a_row_on_by_one_at_most(
            words in words(),
            tokens in prop::collection::vec(0u32..6, 0..24),
            token in 0u32..6,
        ) {
            let constraints = constraints(&json!(words));
            let before = constraints.read(&tokens);
            let mut after = before.clone();
            constraints.add(&mut after, token);
            prop_assert!(constraints.missing(&after) + 1 >= constraints.missing(&before));
            let advances = constraints.advances(&before);
            let brings_on = advances.iter().any(|(advance, _)| *advance == token);
            prop_assert_eq!(constraints.bank(&after) > constraints.bank(&before), brings_on);
            if let Some((_, first)) = advances.first().filter(|(first, _)| *first == token) {
                prop_assert!(*first >= constraints.bank(&after));
            }
        }

        #[test]
        fn the_nearest_end_is_reached_in_as_many_tokens_as_are_missing(
            words in words(),
            tokens in prop::collection::vec(0u32..6, 0..24),
        ) {
            let constraints = constraints(&json!(words));
            let mut progress = constraints.read(&tokens);
            for _ in 0..constraints.missing(&progress) {
                // Token 0 is in no word.
                let tokens = constraints.advances(&progress).into_iter().map(|(token, _)| token);
                let after = tokens.chain([0]).map(|token| {
                    let mut after = progress.clone();
                    constraints.add(&mut after, token);
                    after
                });
                progress = after.min_by_key(|after| constraints.missing(after)).unwrap();
            }
            prop_assert!(constraints.are_met(&progress));
        }
    }
}
