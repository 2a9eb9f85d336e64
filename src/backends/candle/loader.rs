//! Tensors and layers out of the weights of a model directory.

use candle_core::{DType, Device, Tensor};
use safetensors::Dtype;

use super::linear::Linear;
use super::quantization::Quantization;
use crate::backends::BackendError;
use crate::model::{ModelConfig, TensorData, Weights, tensors};
use crate::refusal::Refusal;

/// Makes tensors of weights: in one type, on one device, linear layers quantised where asked for.
pub(super) struct Loader<'a> {
    weights: &'a Weights,
    device: &'a Device,
    dtype: DType,
    quantization: Option<Quantization>,
}

impl<'a> Loader<'a> {
    /// A loader of `weights` for `config`; without `dtype`, in the type of the embedding table.
    pub(super) fn new(
        weights: &'a Weights,
        config: &ModelConfig,
        device: &'a Device,
        dtype: Option<DType>,
        quantization: Option<Quantization>,
    ) -> Result<Self, BackendError> {
        let dtype = match (dtype, tensors(config).first()) {
            (Some(dtype), _) => dtype,
            (None, Some(table)) => match weights.expect(&table.name, &table.shape)?.dtype {
                Dtype::F16 => DType::F16,
                Dtype::BF16 => DType::BF16,
                _ => DType::F32,
            },
            (None, None) => DType::F32,
        };
        Ok(Self { weights, device, dtype, quantization })
    }

    /// The type of weights and activations.
    pub(super) fn dtype(&self) -> DType {
        self.dtype
    }

    /// The tensor `name` of `shape`.
    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, BackendError> {
        let data = self.weights.expect(name, shape)?;
        self.placed(name, self.converted(name, data)?)
    }

    /// The linear layer whose weight `[out, in]` is `name.weight`.
    pub(super) fn linear(
        &self,
        name: &str,
        shape: [usize; 2],
        bias: bool,
    ) -> Result<Linear, BackendError> {
        let file = format!("{name}.weight");
        let data = self.weights.expect(&file, &shape)?;
        let bias = self.bias(name, shape[0], bias)?;
        self.layer(&file, self.converted(&file, data)?, bias)
    }

    /// The linear layer whose weight `name.weight` is stored as `[in, out]` (`Conv1D` of GPT-2),
    /// with a bias. It is turned once, as products run over rows of inputs.
    pub(super) fn turned(
        &self,
        name: &str,
        [input, out]: [usize; 2],
    ) -> Result<Linear, BackendError> {
        let file = format!("{name}.weight");
        let data = self.weights.expect(&file, &[input, out])?;
        let bias = self.bias(name, out, true)?;
        let weight = self.converted(&file, data)?;
        let weight = weight.t().and_then(|turned| turned.contiguous());
        self.layer(&file, weight.map_err(|error| failed(&file, &error))?, bias)
    }

    /// The output head over the embedding table `[vocabulary, hidden]`: the same tensor, or a
    /// quantised copy.
    pub(super) fn tied(&self, table: &Tensor) -> Result<Linear, BackendError> {
        let built = match self.quantization {
            Some(quantization) => Linear::quantized(table, None, quantization),
            None => Linear::dense(table.clone(), None),
        };
        built.map_err(|error| failed("the tied output head", &error))
    }

    fn bias(&self, name: &str, width: usize, wanted: bool) -> Result<Option<Tensor>, BackendError> {
        wanted.then(|| self.tensor(&format!("{name}.bias"), &[width])).transpose()
    }

    fn layer(
        &self,
        name: &str,
        weight: Tensor,
        bias: Option<Tensor>,
    ) -> Result<Linear, BackendError> {
        let weight = self.placed(name, weight)?;
        let built = match self.quantization {
            Some(quantization) => Linear::quantized(&weight, bias, quantization),
            None => Linear::dense(weight, bias),
        };
        built.map_err(|error| failed(name, &error))
    }

    /// In main memory, in the wanted type.
    fn converted(&self, name: &str, data: TensorData<'_>) -> Result<Tensor, BackendError> {
        let from = match data.dtype {
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            Dtype::F64 => DType::F64,
            _ => DType::F32,
        };
        let tensor = Tensor::from_raw_buffer(data.data, from, data.shape, &Device::Cpu)
            .map_err(|error| failed(name, &error))?;
        self.weights.release(name);
        tensor.to_dtype(self.dtype).map_err(|error| failed(name, &error))
    }

    fn placed(&self, name: &str, tensor: Tensor) -> Result<Tensor, BackendError> {
        tensor.to_device(self.device).map_err(|error| failed(name, &error))
    }
}

fn failed(name: &str, error: &candle_core::Error) -> BackendError {
    let text = format!("loading `{name}`: {error}");
    if text.contains("OUT_OF_MEMORY") {
        BackendError::OutOfMemory(text.into())
    } else {
        BackendError::Failed(text.into())
    }
}

/// Refuses a format that the width of some linear layer of `config` does not fit.
pub(super) fn check_fit(
    config: &ModelConfig,
    quantization: Option<Quantization>,
) -> Result<(), Refusal> {
    let Some(quantization) = quantization else { return Ok(()) };
    let matrices = tensors(config).into_iter().filter_map(|spec| match spec.shape.as_slice() {
        // Position embeddings are no linear layer; the table of the tokens may be the head.
        _ if spec.name.ends_with("wpe.weight") => None,
        [rows, columns] => {
            let turned = matches!(config, ModelConfig::Gpt2(_)) && spec.name.contains(".c_");
            Some((if turned { *rows } else { *columns }, spec.name))
        }
        _ => None,
    });
    let matrices: Vec<(usize, String)> = matrices.collect();
    let size = quantization.block_size();
    let Some((width, name)) = matrices.iter().find(|(width, _)| !width.is_multiple_of(size)) else {
        return Ok(());
    };
    let fitting: Vec<&str> = Quantization::ALL
        .iter()
        .filter(|one| matrices.iter().all(|(width, _)| width.is_multiple_of(one.block_size())))
        .map(|one| one.name())
        .collect();
    let others = match fitting.as_slice() {
        [] => "no format fits this model, leave it null".to_owned(),
        names => format!("this model takes {}", names.join(", ")),
    };
    let rule = format!(
        "tensor `{name}` has width {width}, which is no multiple of the block size {size}; {others}"
    );
    Err(Refusal::new("quantization", quantization.name(), rule))
}
