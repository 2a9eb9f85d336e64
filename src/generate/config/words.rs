//! Words that must come out: `force_words_ids`.

use super::ids::Tokens;
use super::setting::{Limits, Rule, Setting};
use crate::settings::Value;

/// Words that must all come out, each as one of its alternatives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ForcedWords(Vec<ForcedWord>);

/// One word: its alternatives, none of which begins another.
#[derive(Debug, Clone, PartialEq)]
struct ForcedWord {
    alternatives: Vec<Vec<u32>>,
    /// Whether it was given as a list of ids and not as a list of alternatives.
    bare: bool,
}

const SHAPE: &str = "must be a list of words, each of them a list of token ids or a list of \
                     alternatives (lists of token ids), none of them empty";

impl ForcedWords {
    /// The alternatives of each word.
    pub(crate) fn words(&self) -> impl Iterator<Item = &[Vec<u32>]> {
        self.0.iter().map(|word| &word.alternatives[..])
    }

    /// Whether of some word every alternative is one that `bad` is true for.
    pub(super) fn none_but(&self, bad: impl Fn(&[u32]) -> bool) -> bool {
        self.words().any(|word| word.iter().all(|tokens| bad(tokens)))
    }
}

impl ForcedWord {
    fn check(value: &Value, limits: &Limits) -> Result<Self, String> {
        let items = value.as_array().filter(|items| !items.is_empty()).ok_or(SHAPE)?;
        let nested = items.iter().filter(|item| item.is_array()).count();
        let alternatives = match nested {
            0 => vec![tokens(value, limits)?],
            all if all == items.len() => {
                items.iter().map(|item| tokens(item, limits)).collect::<Result<Vec<_>, _>>()?
            }
            _ => return Err(SHAPE.to_owned()),
        };
        for (at, one) in alternatives.iter().enumerate() {
            let others = alternatives.iter().enumerate().filter(|(other, _)| *other != at);
            if let Some((_, other)) = others.into_iter().find(|(_, other)| other.starts_with(one)) {
                return Err(format!(
                    "one alternative must not begin another: {one:?} and {other:?} are \
                     alternatives of one word"
                ));
            }
        }
        Ok(Self { alternatives, bare: nested == 0 })
    }
}

/// A list of at least one id.
fn tokens(value: &Value, limits: &Limits) -> Result<Vec<u32>, String> {
    let ids = Tokens::check(value, &Rule::Any, limits)?;
    if ids.is_empty() {
        return Err(SHAPE.to_owned());
    }
    Ok(ids.to_vec())
}

impl Setting for ForcedWords {
    fn check(value: &Value, _rule: &Rule, limits: &Limits) -> Result<Self, String> {
        let items = value.as_array().filter(|items| !items.is_empty()).ok_or(SHAPE)?;
        let words: Result<_, _> =
            items.iter().map(|item| ForcedWord::check(item, limits)).collect();
        Ok(Self(words?))
    }

    fn show(&self) -> Value {
        let word = |word: &ForcedWord| match word.alternatives.as_slice() {
            [tokens] if word.bare => Value::from(tokens.clone()),
            alternatives => alternatives.iter().cloned().map(Value::from).collect(),
        };
        self.0.iter().map(word).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::generate::config::{GenerationConfig, ModelDefaults};
    use crate::settings::{Settings, Value};

    fn parse(settings: Value) -> Result<GenerationConfig, String> {
        let defaults = ModelDefaults {
            settings: [("eos_token_id", Value::from(2))].into_iter().collect(),
            vocab_size: 100,
            max_positions: 64,
            assistant: false,
        };
        let settings: Settings = serde_json::from_value(settings).unwrap();
        GenerationConfig::parse(&settings, &defaults).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn both_shapes_read_back_as_they_were_given() {
        let words = json!([[5, 6], [[7], [8, 9]], [[5, 6]]]);
        let config = parse(json!({"num_beams": 2, "force_words_ids": words})).unwrap();
        assert_eq!(config.effective().get("force_words_ids"), Some(&words));
        let words = config.force_words_ids.unwrap();
        let alternatives: Vec<usize> = words.words().map(<[_]>::len).collect();
        assert_eq!(alternatives, [1, 2, 1]);
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        let refusals = [
            json!({"force_words_ids": [[5]]}),
            json!({"force_words_ids": [], "num_beams": 2}),
            json!({"force_words_ids": [5], "num_beams": 2}),
            json!({"force_words_ids": [[5, [6]]], "num_beams": 2}),
            json!({"force_words_ids": [[[5], []]], "num_beams": 2}),
            json!({"force_words_ids": [[100]], "num_beams": 2}),
            json!({"force_words_ids": [[[5, 6], [5]]], "num_beams": 2}),
            json!({"force_words_ids": [[5, 2]], "num_beams": 2}),
            json!({"force_words_ids": [[5]], "num_beams": 2, "do_sample": true}),
            json!({"force_words_ids": [[5]], "num_beams": 4, "num_beam_groups": 2,
                "diversity_penalty": 0.5}),
            json!({"force_words_ids": [[5, 6]], "num_beams": 2, "suppress_tokens": [6]}),
            json!({"force_words_ids": [[[5, 6, 7], [6, 7]]], "num_beams": 2,
                "bad_words_ids": [[6, 7]]}),
            json!({"constraints": [[5]], "num_beams": 2}),
        ]
        .map(|settings| parse(settings.clone()).expect_err(&settings.to_string()))
        .join("\n");
        insta::assert_snapshot!(refusals, @r#"
        force_words_ids = [[5]] is refused: constrained beam search needs num_beams above 1; set it or leave this parameter out
        force_words_ids = [] is refused: must be a list of words, each of them a list of token ids or a list of alternatives (lists of token ids), none of them empty
        force_words_ids = [5] is refused: must be a list of words, each of them a list of token ids or a list of alternatives (lists of token ids), none of them empty
        force_words_ids = [[5,[6]]] is refused: must be a list of words, each of them a list of token ids or a list of alternatives (lists of token ids), none of them empty
        force_words_ids = [[[5],[]]] is refused: must be a list of words, each of them a list of token ids or a list of alternatives (lists of token ids), none of them empty
        force_words_ids = [[100]] is refused: a token id must be an integer from 0 to 99, as the vocabulary has 100 entries
        force_words_ids = [[[5,6],[5]]] is refused: one alternative must not begin another: [5] and [5, 6] are alternatives of one word
        force_words_ids = [[5,2]] is refused: has an end token, behind which no row goes on; see eos_token_id
        force_words_ids = [[5]] is refused: constrained beam search does not sample; set do_sample = false
        force_words_ids = [[5]] is refused: constrained beam search has no groups; set num_beam_groups = 1
        force_words_ids = [[5,6]] is refused: one of its words is forbidden by suppress_tokens or bad_words_ids; take it out there
        force_words_ids = [[[5,6,7],[6,7]]] is refused: one of its words is forbidden by suppress_tokens or bad_words_ids; take it out there
        constraints = [[5]] is refused: holds Python objects in transformers 4; give their tokens in force_words_ids
        "#);
        let one_left = json!({"force_words_ids": [[[5, 6], [8]]], "num_beams": 2,
            "suppress_tokens": [6]});
        assert!(parse(one_left).is_ok());
    }
}
