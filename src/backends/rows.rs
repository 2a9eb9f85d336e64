//! What a context knows of its rows beside their keys and values: which positions are padding,
//! and how far each row has counted.

use crate::generate::{ModelFault, Want};

/// The rows of a context.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows(Vec<Row>);

#[derive(Debug, Clone, Default)]
struct Row {
    /// Per position, whether it is a token; false on padding.
    real: Vec<bool>,
    /// How many of them are tokens: the number of the next position.
    tokens: usize,
}

/// New positions of all rows, checked.
#[derive(Debug)]
pub(super) struct Step {
    /// How many there are in each row.
    pub new: usize,
    /// How many each row then has, padding included.
    pub len: usize,
    /// Position number of each new one, rows x new.
    pub positions: Vec<u32>,
    /// Whether each position may be attended to, rows x len; none where there is no padding.
    pub real: Option<Vec<bool>>,
    /// The rows after the step.
    pub after: Rows,
}

impl Rows {
    /// `count` rows without a position.
    pub(super) fn new(count: usize) -> Self {
        Self(vec![Row::default(); count])
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// How many positions each has, padding included.
    pub(super) fn len(&self) -> usize {
        self.0.first().map_or(0, |row| row.real.len())
    }

    /// What appending `tokens` (see [`crate::generate::Context::extend`]) means for a model of
    /// `vocab_size` tokens and `limit` positions.
    ///
    /// # Errors
    /// [`ModelFault::Compute`] where it does not fit.
    pub(super) fn step(
        &self,
        tokens: &[u32],
        real: &[bool],
        want: Want,
        vocab_size: usize,
        limit: usize,
    ) -> Result<Step, ModelFault> {
        let rows = self.count();
        let new = tokens.len().checked_div(rows).unwrap_or(0);
        if new == 0 || new * rows != tokens.len() || real.len() != tokens.len() || want.logits > new
        {
            return Err(ModelFault::Compute(
                format!(
                    "{} tokens, {} marks and {} wanted logits do not fit {rows} rows",
                    tokens.len(),
                    real.len(),
                    want.logits
                )
                .into(),
            ));
        }
        if let Some(token) = tokens.iter().find(|token| **token as usize >= vocab_size) {
            return Err(ModelFault::Compute(
                format!("token {token} is not in the vocabulary of {vocab_size} tokens").into(),
            ));
        }
        let len = self.len() + new;
        if len > limit {
            return Err(ModelFault::Compute(
                format!("{len} positions are more than the {limit} of the model").into(),
            ));
        }
        let mut after = self.clone();
        let mut positions = Vec::with_capacity(tokens.len());
        for (row, real) in after.0.iter_mut().zip(real.chunks_exact(new)) {
            for real in real {
                // A padded position is never attended to: any number does.
                positions.push(if *real { row.tokens as u32 } else { 0 });
                row.tokens += usize::from(*real);
                row.real.push(*real);
            }
        }
        let padded = after.0.iter().any(|row| row.tokens < row.real.len());
        let real =
            padded.then(|| after.0.iter().flat_map(|row| row.real.iter().copied()).collect());
        Ok(Step { new, len, positions, real, after })
    }

    /// Refuses `rows` that are none of these.
    ///
    /// # Errors
    /// [`ModelFault::Compute`].
    pub(super) fn check(&self, rows: &[usize]) -> Result<(), ModelFault> {
        let count = self.count();
        if rows.is_empty() || rows.iter().any(|row| *row >= count) {
            return Err(ModelFault::Compute(
                format!("rows {rows:?} of {count} cannot be selected").into(),
            ));
        }
        Ok(())
    }

    /// Makes new row i a copy of old row `rows[i]`; each must be one of these.
    pub(super) fn select(&mut self, rows: &[usize]) {
        self.0 = rows.iter().filter_map(|row| self.0.get(*row).cloned()).collect();
    }

    /// Forgets every position from `len` on.
    pub(super) fn crop(&mut self, len: usize) {
        for row in &mut self.0 {
            row.real.truncate(len);
            row.tokens = row.real.iter().filter(|real| **real).count();
        }
    }
}
