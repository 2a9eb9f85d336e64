//! A loaded model that ends early, for drafts: the same for every backend on tensors.

use crate::generate::{CausalLm, Context, ModelFault};

/// A model that can run the first of its layers alone.
pub(super) trait Layered: CausalLm {
    /// How many layers it has.
    fn layers(&self) -> usize;

    /// As [`CausalLm::begin`], for a context that runs the first `layers` layers.
    ///
    /// # Errors
    /// [`ModelFault`] where the cache cannot be made.
    fn begin_first(&self, rows: usize, layers: usize) -> Result<Box<dyn Context + '_>, ModelFault>;
}

/// `lm`, ended after the first `layers` of its layers.
///
/// # Errors
/// The rule that `layers` breaks.
pub(super) fn of<L: Layered>(lm: &L, layers: usize) -> Result<Box<dyn CausalLm + '_>, String> {
    let own = lm.layers();
    match layers <= own {
        true => Ok(Box::new(FirstLayers { lm, layers })),
        false => Err(format!("the model has {own} layers; give at most that")),
    }
}

struct FirstLayers<'a, L> {
    lm: &'a L,
    layers: usize,
}

impl<L: Layered> CausalLm for FirstLayers<'_, L> {
    fn vocab_size(&self) -> usize {
        self.lm.vocab_size()
    }

    fn max_positions(&self) -> usize {
        self.lm.max_positions()
    }

    fn begin(&self, rows: usize) -> Result<Box<dyn Context + '_>, ModelFault> {
        self.lm.begin_first(rows, self.layers)
    }

    fn early_exit(&self, layers: usize) -> Result<Box<dyn CausalLm + '_>, String> {
        of(self.lm, layers)
    }
}
