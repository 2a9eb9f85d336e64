//! Linear layers, dense or quantised.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{DType, Device, Module, Result, Tensor};

use super::cpu::{AddBias, Dense, QuantizedRows, quantize};
use super::quantization::Quantization;

/// From so many rows of activations on, candle's blocked matrix product is worth its fixed cost
/// (see [`super::cpu`]). With 22 rows and the 256 x 512 weights of a tiny model it took four times
/// as long as one dot product per pair.
const BLOCKED_FROM: usize = 32;

/// `x * weight^T + bias`.
pub(super) struct Linear {
    weight: Weight,
    bias: Option<Bias>,
}

enum Weight {
    /// `[out, in]`, contiguous.
    Dense(Tensor),
    /// On the CPU.
    Quantized(Arc<dyn QuantizedRows>),
    /// On a GPU.
    Device(QMatMul, GgmlDType),
}

struct Bias {
    /// For the CPU, added before the sums are rounded.
    values: Vec<f32>,
    /// For a GPU.
    tensor: Tensor,
}

impl Linear {
    /// A layer with `weight` `[out, in]`, contiguous, as it is.
    pub(super) fn dense(weight: Tensor, bias: Option<Tensor>) -> Result<Self> {
        Ok(Self { weight: Weight::Dense(weight), bias: bias.map(Bias::new).transpose()? })
    }

    /// A layer with `weight` `[out, in]` quantised; `in` must be a multiple of the block size.
    pub(super) fn quantized(
        weight: &Tensor,
        bias: Option<Tensor>,
        quantization: Quantization,
    ) -> Result<Self> {
        let bias = bias.map(Bias::new).transpose()?;
        let format = quantization.format;
        if weight.device().is_cpu() {
            let flat: Vec<f32> = weight.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
            if let Some(rows) = quantize(&flat, weight.dims2()?, format) {
                return Ok(Self { weight: Weight::Quantized(rows), bias });
            }
        }
        let tensor = QTensor::quantize(weight, format)?;
        let format = tensor.dtype();
        Ok(Self { weight: Weight::Device(QMatMul::from_qtensor(tensor)?, format), bias })
    }

    /// The format the weights really have, where they are quantised.
    pub(super) fn quantization(&self) -> Option<Quantization> {
        match &self.weight {
            Weight::Dense(_) => None,
            Weight::Quantized(rows) => Quantization::of(rows.format()),
            Weight::Device(_, format) => Quantization::of(*format),
        }
    }

    /// For `x` of shape `[.., in]`, contiguous: `[.., out]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let values = self.bias.as_ref().map(|bias| bias.values.as_slice());
        match &self.weight {
            Weight::Quantized(rows) => x.apply_op1_no_bwd(&rows.operation(values)),
            Weight::Dense(weight) => {
                let (out, width) = weight.dims2()?;
                let rows = x.elem_count() / width;
                let on_cpu = x.device().is_cpu();
                if on_cpu && rows < BLOCKED_FROM {
                    return x.apply_op1_no_bwd(&Dense { weight, bias: values });
                }
                let mut shape = x.dims().to_vec();
                shape.truncate(shape.len().saturating_sub(1));
                shape.push(out);
                let x = x.reshape((rows, width))?;
                if !on_cpu {
                    return self.biased(x.matmul(&weight.t()?)?.reshape(shape)?);
                }
                // In f32, as the sums of the narrower types are everywhere here.
                let weight = weight.to_dtype(DType::F32)?;
                let product = x.to_dtype(DType::F32)?.matmul(&weight.t()?)?;
                if let Some(values) = values {
                    product.inplace_op1(&AddBias(values))?;
                }
                product.to_dtype(x.dtype())?.reshape(shape)
            }
            Weight::Device(weight, _) => {
                let product = weight.forward(&x.to_dtype(DType::F32)?)?.to_dtype(x.dtype())?;
                self.biased(product)
            }
        }
    }

    fn biased(&self, product: Tensor) -> Result<Tensor> {
        match &self.bias {
            Some(bias) => product.broadcast_add(&bias.tensor),
            None => Ok(product),
        }
    }
}

impl Bias {
    fn new(tensor: Tensor) -> Result<Self> {
        let values = tensor.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.to_vec1()?;
        Ok(Self { values, tensor })
    }
}
