//! A row of tokens that grows.

/// Prompt and output of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sequence {
    /// All tokens, without padding.
    pub tokens: Vec<u32>,
    /// How many of them are the prompt.
    pub prompt_len: usize,
    /// The total length at which it ends.
    pub limit: usize,
}

impl Sequence {
    /// What was generated.
    pub(crate) fn output(&self) -> &[u32] {
        &self.tokens[self.prompt_len..]
    }

    /// How many tokens were generated.
    pub(crate) fn generated(&self) -> usize {
        self.tokens.len() - self.prompt_len
    }
}
