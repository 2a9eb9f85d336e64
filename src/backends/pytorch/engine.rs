//! A loaded engine: the model and its tokenizer.

use std::panic;
use std::path::Path;
use std::thread;

use tch::{Cuda, Device};

use super::cache::CacheShape;
use super::context::TorchLm;
use super::fault::load_error;
use super::loader::Loader;
use super::network::Network;
use super::settings::{LoadSettings, PARAMETERS, dtype_name};
use super::threads;
use crate::backends::load::{self, Place};
use crate::backends::{BackendError, Engine, Generation, Prompt, prompt};
use crate::generate::{CausalLm, ModelDefaults};
use crate::model::{ModelDir, Tokenizer, Weights};
use crate::settings::{Settings, Value};

/// A loaded engine.
pub(super) struct TorchEngine {
    lm: TorchLm,
    /// The files whose bytes the tensors of `lm` read, where they do. It stands behind `lm`, as
    /// fields are dropped in their order.
    _weights: Option<Weights>,
    tokenizer: Tokenizer,
    defaults: ModelDefaults,
    asked: LoadSettings,
    architecture: &'static str,
    /// Whether the weight files were mapped when they were loaded.
    mapped: bool,
}

impl TorchEngine {
    /// Loads the model in directory `path`.
    pub(super) fn load(path: &Path, settings: &Settings) -> Result<Self, BackendError> {
        let asked = LoadSettings::parse(settings)?;
        let device = device(asked.device)?;
        let dir = ModelDir::open(path)?;
        let config = dir.config();
        let limit = load::positions(config.max_positions(), asked.max_model_len)?;
        let defaults = load::defaults(&dir, limit);
        // The request settings given along are checked as well, before the weights are read.
        load::request(settings, PARAMETERS, &defaults)?;

        threads::apply(asked.threads);
        let weights = dir.weights(asked.memory_map)?;
        let mapped = weights.is_mapped();
        let loader = Loader::new(&weights, config, device, asked.dtype)?;
        // A large vocabulary takes as long to read as the weights, and on one processor only.
        let (tokenizer, network) = thread::scope(|scope| {
            let tokenizer = scope.spawn(|| dir.tokenizer());
            let network = tch::no_grad(|| Network::load(config, &loader));
            (tokenizer.join(), network)
        });
        let tokenizer = tokenizer.unwrap_or_else(|panic| panic::resume_unwind(panic))?;
        let network = network?;
        let borrowed = loader.borrowed();
        let (layers, kv_heads, head_dim) = network.cache_sizes();
        let cache = CacheShape {
            layers,
            kv_heads,
            head_dim,
            limit,
            dtype: network.dtype().map_err(|error| load_error("the model", &error))?,
            device: network.device(),
            kind: asked.cache,
        };
        let vocab_size = config.vocab_size();
        let lm = TorchLm { network, attention: asked.attention, cache, vocab_size };
        let architecture = config.architecture().model_type();
        let weights = borrowed.then_some(weights);
        Ok(Self { lm, _weights: weights, tokenizer, defaults, asked, architecture, mapped })
    }
}

impl Engine for TorchEngine {
    fn effective(&self) -> Settings {
        threads::apply(self.asked.threads);
        let device = match self.lm.network.device() {
            Device::Cpu => "cpu".to_owned(),
            Device::Cuda(number) => format!("cuda:{number}"),
            other => format!("{other:?}").to_lowercase(),
        };
        let pairs: [(&str, Value); 7] = [
            ("attn_implementation", self.lm.attention.name().into()),
            ("cache_implementation", self.lm.cache.kind.name().into()),
            ("device", device.into()),
            ("dtype", dtype_name(self.lm.cache.dtype).into()),
            ("max_model_len", self.lm.max_positions().into()),
            ("memory_map", self.mapped.into()),
            ("threads", threads::count().into()),
        ];
        pairs.into_iter().collect()
    }

    fn generate(
        &mut self,
        prompts: &[Prompt],
        settings: &Settings,
    ) -> Result<Generation, BackendError> {
        LoadSettings::parse(settings)?;
        self.asked.check_same(settings)?;
        let config = load::request(settings, PARAMETERS, &self.defaults)?;
        threads::apply(self.asked.threads);
        let mut generation = prompt::answer(&self.lm, &self.tokenizer, prompts, &config)?;
        generation.effective = generation.effective.merged(&self.effective());
        Ok(generation)
    }

    fn token_text(&self, token: u32) -> String {
        self.tokenizer.decode(&[token], false)
    }

    fn architecture(&self) -> String {
        self.architecture.to_owned()
    }
}

fn device(place: Place) -> Result<Device, BackendError> {
    let unavailable = |reason: String, remedy: &str| {
        Err(BackendError::Unavailable { reason, remedy: remedy.to_owned() })
    };
    match place {
        Place::Cpu => Ok(Device::Cpu),
        Place::Cuda(_) if !Cuda::is_available() => unavailable(
            "libtorch sees no CUDA device".to_owned(),
            "link a PyTorch with CUDA (`LIBTORCH_USE_PYTORCH=1 scripts/libtorch`) where \
             `nvidia-smi` lists one, or use device cpu",
        ),
        Place::Cuda(number) => match usize::try_from(Cuda::device_count()) {
            Ok(count) if number >= count => unavailable(
                format!("there is no GPU {number}, libtorch sees {count}"),
                "take a lower number, or use device cpu",
            ),
            _ => Ok(Device::Cuda(number)),
        },
    }
}

#[cfg(test)]
impl TorchEngine {
    /// The model, for tests.
    pub(super) fn lm(&self) -> &TorchLm {
        &self.lm
    }

    /// Whether its tensors read the bytes of the files themselves.
    pub(super) fn borrows(&self) -> bool {
        self._weights.is_some()
    }
}
