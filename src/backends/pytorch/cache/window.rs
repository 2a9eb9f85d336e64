//! A sliding window: the store of a layer that attends to its newest positions alone.

use tch::{TchError, Tensor};

use super::buffers::Buffers;
use super::store::{Place, Store};

/// Positions kept beyond the window, so that drafts that were read can be taken back, and so that
/// the buffers move on in steps.
const SPARE: usize = 64;

/// The newest positions of a layer.
pub(super) struct Window {
    /// Positions of the window.
    window: usize,
    buffers: Buffers,
    /// The position that the buffers begin with.
    start: usize,
}

impl Window {
    /// An empty store for `rows` rows, of a layer that attends to `window` positions.
    pub(super) fn new(place: &Place, rows: usize, window: usize) -> Result<Self, TchError> {
        let buffers = Buffers::new(place, rows, SPARE)?;
        Ok(Self { window, buffers, start: 0 })
    }

    /// Positions that are kept at most, of rows of `len`.
    pub(super) fn most(window: usize, len: usize) -> usize {
        len.min(window - 1 + 2 * SPARE)
    }
}

impl Store for Window {
    fn reserve(&mut self, _used: usize, _capacity: usize) -> Result<(), TchError> {
        // Room is made while writing, as it does not grow with the row.
        Ok(())
    }

    fn write(
        &mut self,
        used: usize,
        keys: &Tensor,
        values: &Tensor,
    ) -> Result<(Tensor, Tensor), TchError> {
        if used < self.start {
            // Everything was taken back.
            self.start = used;
        }
        let held = used - self.start;
        let new = keys.size()[2] as usize;
        if held + new > self.buffers.capacity() {
            let kept = held.min(self.window - 1 + SPARE);
            self.buffers.move_to(held - kept, kept, kept + new.max(SPARE))?;
            self.start = used - kept;
        }
        self.buffers.write(used - self.start, keys, values)
    }

    fn select(&mut self, rows: &Tensor) -> Result<(), TchError> {
        self.buffers.select(rows)
    }

    fn earliest(&self) -> usize {
        if self.start == 0 { 0 } else { self.start + self.window - 1 }
    }
}
