//! Tensors out of the weights of a model directory.

use std::cell::{Cell, RefCell};

use safetensors::Dtype;
use tch::{Device, Kind, TchError, Tensor};

use super::fault::load_error;
use super::quantization::{Layers, Plan, Quantised, Weight};
use crate::backends::BackendError;
use crate::model::{ModelConfig, TensorData, Weights, tensors};

/// Makes tensors of weights: in one type, on one device. In main memory, those that lie in the
/// file as they are wanted (type and alignment) are not copied: they read the bytes of `weights`, which must be kept as
/// long as they are where [`Loader::borrowed`] says so.
pub(super) struct Loader<'a> {
    weights: &'a Weights,
    device: Device,
    dtype: Kind,
    borrowed: Cell<bool>,
    /// Whether tensors may read the bytes of the weights.
    lends: bool,
    /// The linear layers, where some are to be quantised.
    layers: RefCell<Option<Layers>>,
}

impl<'a> Loader<'a> {
    /// A loader of `weights` for `config`; without `dtype`, in the type of the embedding table.
    pub(super) fn new(
        weights: &'a Weights,
        config: &ModelConfig,
        device: Device,
        dtype: Option<Kind>,
    ) -> Result<Self, BackendError> {
        let dtype = match (dtype, tensors(config).first()) {
            (Some(dtype), _) => dtype,
            (None, Some(table)) => match weights.expect(&table.name, &table.shape)?.dtype {
                Dtype::F16 => Kind::Half,
                Dtype::BF16 => Kind::BFloat16,
                _ => Kind::Float,
            },
            (None, None) => Kind::Float,
        };
        let (borrowed, layers) = (Cell::new(false), RefCell::new(None));
        Ok(Self { weights, device, dtype, borrowed, lends: true, layers })
    }

    /// Quantises linear layers as `plan` says, each on its way from the file. No tensor reads the
    /// bytes of the file then: it would stay in memory, with all that was quantised.
    pub(super) fn quantising(mut self, plan: Option<Plan>) -> Self {
        self.lends = plan.is_none();
        self.layers = RefCell::new(plan.map(Layers::new));
        self
    }

    /// The linear layers made so far, where some were to be quantised.
    pub(super) fn into_layers(self) -> Option<Layers> {
        self.layers.into_inner()
    }

    /// The type of weights and activations.
    pub(super) fn dtype(&self) -> Kind {
        self.dtype
    }

    /// Whether a tensor made so far reads the bytes of the weights themselves.
    pub(super) fn borrowed(&self) -> bool {
        self.borrowed.get()
    }

    /// The tensor `name` of `shape`.
    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, BackendError> {
        let data = self.weights.expect(name, shape)?;
        let (tensor, borrows) = self.made(data).map_err(|error| load_error(name, &error))?;
        if borrows {
            self.borrowed.set(true);
        } else {
            self.weights.release(name);
        }
        Ok(tensor)
    }

    /// The tensor `name` of `shape`, where it is `wanted`.
    pub(super) fn optional(
        &self,
        name: &str,
        shape: &[usize],
        wanted: bool,
    ) -> Result<Option<Tensor>, BackendError> {
        wanted.then(|| self.tensor(name, shape)).transpose()
    }

    /// The weight of the linear layer `name`, of `shape` in its file: `[in, out]` where it is
    /// `transposed`, `[out, in]` otherwise.
    pub(super) fn weight(
        &self,
        name: &str,
        shape: &[usize],
        transposed: bool,
    ) -> Result<Weight, BackendError> {
        let full = format!("{name}.weight");
        let dense = self.tensor(&full, shape)?;
        let mut layers = self.layers.borrow_mut();
        let Some(layers) = layers.as_mut() else { return Ok(Weight::Dense(dense)) };
        let weight = if layers.plan().quantises(name) {
            let upright = if transposed { dense.f_transpose(0, 1) } else { Ok(dense) };
            let quantised = upright.and_then(|one| Quantised::of(&one, &layers.plan().format));
            Weight::Quantised(quantised.map_err(|error| load_error(&full, &error))?)
        } else {
            Weight::Dense(dense)
        };
        layers.push(name, &weight);
        Ok(weight)
    }

    /// The tensor of `data`, and whether it reads those bytes themselves.
    fn made(&self, data: TensorData<'_>) -> Result<(Tensor, bool), TchError> {
        let kind = match data.dtype {
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            Dtype::F64 => Kind::Double,
            _ => Kind::Float,
        };
        let size: Vec<i64> = data.shape.iter().map(|size| *size as i64).collect();
        if !self.lends || data.data.as_ptr().align_offset(alignment(kind)) != 0 {
            return Ok((self.placed(&Tensor::f_from_data_size(data.data, &size, kind)?)?, false));
        }
        let there = in_place(data.data, &size, kind)?;
        if self.device == Device::Cpu && self.dtype == kind {
            return Ok((there, true));
        }
        // Another type or another memory: that is the one copy.
        Ok((self.placed(&there)?, false))
    }

    fn placed(&self, tensor: &Tensor) -> Result<Tensor, TchError> {
        tensor.f_to_device(self.device)?.f_to_kind(self.dtype)
    }
}

/// What the address of a tensor in its file must be a multiple of to be used there. Files promise
/// no more than 8. In float32, the product of a matrix that begins within a vector of 16 bytes with
/// a single row is rounded otherwise, and the output would depend on where in its file a tensor
/// lies; narrower types are rounded alike anywhere.
fn alignment(kind: Kind) -> usize {
    match kind {
        Kind::Float => 16,
        other => other.elt_size_in_bytes(),
    }
}

#[expect(
    unsafe_code,
    reason = "libtorch knows no lifetimes: who makes tensors of weights keeps the weights"
)]
fn in_place(bytes: &[u8], size: &[i64], kind: Kind) -> Result<Tensor, TchError> {
    // SAFETY: the bytes are those of a safetensors entry, whose length the reader has checked
    // against shape and type; they are aligned (see the caller), nothing writes to a weight, and
    // the loader's owner keeps them as long as the tensors (`Loader::borrowed`).
    unsafe { Tensor::f_from_blob(bytes.as_ptr(), size, &[], kind, Device::Cpu) }
}
