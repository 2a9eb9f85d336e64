//! Full precision: the store of the dynamic and of the static cache.

use tch::{TchError, Tensor};

use super::store::{Place, Store};

/// Keys and values, each a buffer `[rows, kv heads, capacity, head width]`.
pub(super) struct Buffers {
    keys: Tensor,
    values: Tensor,
}

impl Buffers {
    /// Room for `capacity` positions.
    pub(super) fn new(place: &Place, rows: usize, capacity: usize) -> Result<Self, TchError> {
        Ok(Self { keys: place.buffer(rows, capacity)?, values: place.buffer(rows, capacity)? })
    }

    /// Positions that there is room for.
    pub(super) fn capacity(&self) -> usize {
        self.keys.size()[2] as usize
    }

    /// Makes room for `capacity` positions, and moves the `count` from `start` on to the front.
    pub(super) fn move_to(
        &mut self,
        start: usize,
        count: usize,
        capacity: usize,
    ) -> Result<(), TchError> {
        let (start, count) = (start as i64, count as i64);
        let moved = |old: &Tensor| -> Result<Tensor, TchError> {
            let mut size = old.size();
            size[2] = capacity as i64;
            let new = old.f_new_zeros(&size, (old.f_kind()?, old.device()))?;
            new.f_narrow(2, 0, count)?.f_copy_(&old.f_narrow(2, start, count)?)?;
            Ok(new)
        };
        (self.keys, self.values) = (moved(&self.keys)?, moved(&self.values)?);
        Ok(())
    }

    /// The first `len` positions of both.
    pub(super) fn first(&self, len: usize) -> Result<(Tensor, Tensor), TchError> {
        let len = len as i64;
        Ok((self.keys.f_narrow(2, 0, len)?, self.values.f_narrow(2, 0, len)?))
    }
}

impl Store for Buffers {
    fn reserve(&mut self, used: usize, capacity: usize) -> Result<(), TchError> {
        if capacity > self.capacity() { self.move_to(0, used, capacity) } else { Ok(()) }
    }

    fn write(
        &mut self,
        used: usize,
        keys: &Tensor,
        values: &Tensor,
    ) -> Result<(Tensor, Tensor), TchError> {
        let written = |all: &Tensor, more: &Tensor| {
            let (used, new) = (used as i64, more.size()[2]);
            all.f_narrow(2, used, new)?.f_copy_(more)?;
            all.f_narrow(2, 0, used + new)
        };
        Ok((written(&self.keys, keys)?, written(&self.values, values)?))
    }

    fn select(&mut self, rows: &Tensor) -> Result<(), TchError> {
        let rows = rows.f_to_device(self.keys.device())?;
        self.keys = self.keys.f_index_select(0, &rows)?;
        self.values = self.values.f_index_select(0, &rows)?;
        Ok(())
    }
}
