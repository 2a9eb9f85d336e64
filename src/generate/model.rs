//! What the generation loop asks of a model.

use thiserror::Error;

use crate::failure::{Failure, OutOfMemory};

/// A causal language model, as the generation loop sees it: tokens in, logits out.
pub trait CausalLm {
    /// How many entries a row of logits has.
    fn vocab_size(&self) -> usize;

    /// How many positions one row may have, prompt and output together.
    fn max_positions(&self) -> usize;

    /// An empty context of `rows` rows, with a key-value cache of its own.
    ///
    /// # Errors
    /// [`ModelFault`] where the cache cannot be made.
    fn begin(&self, rows: usize) -> Result<Box<dyn Context + '_>, ModelFault>;

    /// The model that ends after the first `layers` of its layers: their output goes straight to
    /// the last norm and the output head.
    ///
    /// # Errors
    /// Why there is none: the rule that `layers` breaks.
    fn early_exit(&self, layers: usize) -> Result<Box<dyn CausalLm + '_>, String> {
        Err(format!("this model always runs all of its layers, and cannot end after {layers}"))
    }
}

/// Rows of tokens that the model has read, with its key-value cache.
pub trait Context {
    /// How many rows there are.
    fn rows(&self) -> usize;

    /// How many positions each row has, padding included.
    fn len(&self) -> usize;

    /// Whether nothing has been read yet.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the same number of tokens to every row and runs the model over them.
    ///
    /// `tokens` is rows x n, row-major, n >= 1; `real` has the same shape and is false on padding:
    /// such a position is never attended to and takes no position number (positions count the
    /// real tokens before, as HF's cumulative sum of the attention mask does).
    ///
    /// # Errors
    /// [`ModelFault`] where the computation fails or does not fit.
    fn extend(&mut self, tokens: &[u32], real: &[bool], want: Want)
    -> Result<Extended, ModelFault>;

    /// Makes new row i a copy of old row `rows[i]`, in cache and padding: reorders, repeats and
    /// drops rows.
    ///
    /// # Errors
    /// [`ModelFault`] where the computation fails.
    fn select(&mut self, rows: &[usize]) -> Result<(), ModelFault>;

    /// Forgets every position from `len` on, in all rows.
    ///
    /// # Errors
    /// [`ModelFault`] where the computation fails.
    fn crop(&mut self, len: usize) -> Result<(), ModelFault>;
}

/// Which results of the appended positions are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// Logits of the last so many of the appended positions; 0 for none (a chunk of a prompt).
    pub logits: usize,
    /// The final hidden states (those that the output head reads) of all appended positions.
    pub hidden: bool,
}

/// What [`Context::extend`] gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extended {
    /// rows x wanted positions x vocabulary, row-major, float32.
    pub logits: Vec<f32>,
    /// rows x appended positions x hidden size, row-major, float32; empty unless wanted.
    pub hidden: Vec<f32>,
}

/// Tokens to text, for stop strings and for the text of an output.
pub trait Detokenizer {
    /// The text of `tokens`, special tokens left out where `skip_special` says so.
    fn decode(&self, tokens: &[u32], skip_special: bool) -> String;
}

/// The model could not compute.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ModelFault {
    /// More memory was asked for than there is.
    #[error("out of memory: {0}")]
    OutOfMemory(OutOfMemory),
    /// Any other failure, in the words of the tensor library.
    #[error("{0}")]
    Compute(Failure),
}
