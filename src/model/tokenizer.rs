//! Text to tokens and back, by `tokenizer.json`.

use std::path::Path;

use super::ModelError;

/// The tokenizer of a model directory.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
}

impl Tokenizer {
    /// Reads the `tokenizer.json` at `file`. Truncation and padding that it may prescribe are
    /// left out: a prompt is taken whole, and batches are padded by the generation loop.
    ///
    /// # Errors
    /// [`ModelError::File`] where it is missing or cannot be read.
    pub fn open(file: &Path) -> Result<Self, ModelError> {
        let mut inner = tokenizers::Tokenizer::from_file(file).map_err(|error| {
            let remedy = "fetch tokenizer.json again, or save it with a fast tokenizer";
            ModelError::file(file, format!("cannot be read ({error})"), remedy)
        })?;
        inner.with_padding(None);
        // Removing truncation cannot fail: only setting one is checked.
        let _ = inner.with_truncation(None);
        Ok(Self { inner })
    }

    /// The tokens of `text`, with the special tokens that the tokenizer adds (a BOS, say).
    ///
    /// # Errors
    /// The reason, in the words of the tokenizer library.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        let encoded = self.inner.encode_fast(text, true).map_err(|error| error.to_string())?;
        Ok(encoded.get_ids().to_vec())
    }

    /// The text of `tokens`; ids without a token give nothing.
    pub fn decode(&self, tokens: &[u32], skip_special: bool) -> String {
        self.inner.decode(tokens, skip_special).unwrap_or_default()
    }

    /// How the tokens of `other` differ from these: the first id that stands for
    /// another text there. None where they are the same.
    pub fn difference(&self, other: &Self) -> Option<String> {
        for id in 0..self.bound().max(other.bound()) {
            let (here, there) = (self.inner.id_to_token(id), other.inner.id_to_token(id));
            if here != there {
                let told = |text: Option<String>| match text {
                    Some(text) => format!("`{text}`"),
                    None => "none".to_owned(),
                };
                return Some(format!(
                    "token {id} is {} in one and {} in the other",
                    told(here),
                    told(there)
                ));
            }
        }
        None
    }

    /// One more than the largest id.
    fn bound(&self) -> u32 {
        self.inner.get_vocab(true).into_values().max().map_or(0, |id| id + 1)
    }

    /// How many tokens there are, added ones included.
    pub fn len(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// Whether there are no tokens at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
