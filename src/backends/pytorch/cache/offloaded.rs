//! Offloading: the store of a layer whose keys and values lie in main memory while other layers
//! compute.

use tch::{Device, TchError, Tensor};

use super::buffers::Buffers;
use super::store::{Place, Store};

/// Buffers in main memory, of which a copy goes to the device for as long as the layer computes.
pub(super) struct Offloaded {
    host: Buffers,
    /// Where the layer computes.
    device: Device,
}

impl Offloaded {
    /// Room for `capacity` positions of a layer that computes at `place`.
    pub(super) fn new(place: &Place, rows: usize, capacity: usize) -> Result<Self, TchError> {
        let host = Buffers::new(&Place { device: Device::Cpu, ..*place }, rows, capacity)?;
        Ok(Self { host, device: place.device })
    }
}

impl Store for Offloaded {
    fn reserve(&mut self, used: usize, capacity: usize) -> Result<(), TchError> {
        self.host.reserve(used, capacity)
    }

    fn write(
        &mut self,
        used: usize,
        keys: &Tensor,
        values: &Tensor,
    ) -> Result<(Tensor, Tensor), TchError> {
        let (old_keys, old_values) = self.host.first(used)?;
        // The new ones are on the device already: only the old ones are fetched.
        let joined = |old: Tensor, new: &Tensor| -> Result<Tensor, TchError> {
            let there = old.f_to_device(self.device)?;
            Tensor::f_cat(&[there, new.f_to_kind(old.f_kind()?)?], 2)
        };
        let both = (joined(old_keys, keys)?, joined(old_values, values)?);
        let _on_the_host = self.host.write(used, keys, values)?;
        Ok(both)
    }

    fn select(&mut self, rows: &Tensor) -> Result<(), TchError> {
        self.host.select(rows)
    }
}
