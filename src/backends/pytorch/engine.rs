//! A loaded engine: the model and its tokenizer.

use std::ops::Range;
use std::path::Path;

use tch::{Cuda, Device, Kind, TchError};

use super::cache::CacheShape;
use super::context::TorchLm;
use super::fault::load_error;
use super::loader::Loader;
use super::network::Network;
use super::quantization::{self, Layers};
use super::settings::{LoadSettings, PARAMETERS, dtype_name};
use super::threads;
use crate::backends::kv_cache::CacheSizes;
use crate::backends::load::{self, Place};
use crate::backends::{BackendError, Engine, Generation, Prompt, assistant, prompt};
use crate::generate::{CausalLm, ModelDefaults};
use crate::model::{ModelConfig, ModelDir, Tokenizer, Weights};
use crate::settings::{Settings, Value};

/// A loaded engine.
pub(super) struct TorchEngine {
    lm: TorchLm,
    /// The draft model.
    assistant: Option<TorchLm>,
    /// The files whose bytes the tensors of the models read, where they do. They stand behind
    /// the models, as fields are dropped in their order.
    _weights: Vec<Weights>,
    /// The linear layers, where some are quantised.
    layers: Option<Layers>,
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
        fits(config, &asked, limit)?;
        let mut defaults = load::defaults(&dir, limit);
        let open = |path: &String| assistant::open(path, &dir, limit);
        let assistant = asked.assistant.as_ref().map(open).transpose()?;
        if let Some(assistant) = &assistant {
            fits(assistant.config(), &asked, limit)?;
            defaults = assistant::defaults(defaults, assistant);
        }
        // The request settings given along are checked as well, before the weights are read.
        load::request(settings, PARAMETERS, &defaults)?;

        let tokenizer = dir.tokenizer()?;
        if let Some(assistant) = &assistant {
            assistant::check_tokenizer(assistant, &tokenizer)?;
        }
        threads::apply(asked.threads);
        let model = read(&dir, &asked, device, limit)?;
        let draft = assistant.map(|dir| read(&dir, &asked, device, limit)).transpose()?;
        let (assistant, borrowed) = match draft {
            Some(draft) => (Some(draft.lm), draft.borrowed),
            None => (None, None),
        };
        Ok(Self {
            lm: model.lm,
            layers: model.layers,
            assistant,
            _weights: model.borrowed.into_iter().chain(borrowed).collect(),
            tokenizer,
            defaults,
            asked,
            architecture: config.architecture().model_type(),
            mapped: model.mapped,
        })
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
        let cache = &self.lm.cache;
        let name = |dtype: Result<Kind, TchError>| dtype.ok().map(dtype_name);
        let pairs: [(&str, Value); 10] = [
            (assistant::PARAMETER, self.asked.assistant.clone().into()),
            ("attn_implementation", self.lm.attention.name().into()),
            ("cache_config", cache.implementation.config()),
            ("cache_implementation", cache.implementation.name().into()),
            ("device", device.into()),
            ("dtype", name(self.lm.network.dtype()).into()),
            ("kv_cache_dtype", name(cache.stored_dtype()).into()),
            ("max_model_len", self.lm.max_positions().into()),
            ("memory_map", self.mapped.into()),
            ("threads", threads::count().into()),
        ];
        let found: Settings = pairs.into_iter().collect();
        found.merged(&self.layers.as_ref().map_or_else(quantization::off, Layers::effective))
    }

    fn generate_share(
        &mut self,
        prompts: &[Prompt],
        share: Range<usize>,
        settings: &Settings,
    ) -> Result<Generation, BackendError> {
        LoadSettings::read(settings)?;
        self.asked.check_same(settings)?;
        let config = load::request(settings, PARAMETERS, &self.defaults)?;
        threads::apply(self.asked.threads);
        let assistant = self.assistant.as_ref().map(|lm| lm as &dyn CausalLm);
        let (lm, tokenizer) = (&self.lm, &self.tokenizer);
        let mut generation = prompt::answer(lm, assistant, tokenizer, prompts, share, &config)?;
        assistant::keep(&mut self.defaults, &config, generation.drafts.as_ref());
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

/// Whether a model of `config` can be loaded as asked.
fn fits(config: &ModelConfig, asked: &LoadSettings, limit: usize) -> Result<(), BackendError> {
    asked.quantization.plan(config)?;
    asked.cache.check_model(config, limit, kv_heads(config))?;
    Ok(())
}

/// Key-value heads of a block and the width of a head.
fn kv_heads(config: &ModelConfig) -> (usize, usize) {
    match config {
        ModelConfig::Llama(config) | ModelConfig::Qwen2(config) => {
            (config.kv_heads, config.head_dim)
        }
        ModelConfig::Gpt2(config) => (config.heads, config.hidden_size / config.heads),
    }
}

/// A model out of its files.
struct Read {
    lm: TorchLm,
    /// Its linear layers, where some are quantised.
    layers: Option<Layers>,
    /// The files, where tensors of `lm` read their bytes.
    borrowed: Option<Weights>,
    /// Whether they were mapped when they were loaded.
    mapped: bool,
}

/// The model in `dir`, with rows of at most `limit` positions.
fn read(
    dir: &ModelDir,
    asked: &LoadSettings,
    device: Device,
    limit: usize,
) -> Result<Read, BackendError> {
    let config = dir.config();
    let weights = dir.weights(asked.memory_map)?;
    let mapped = weights.is_mapped();
    let plan = asked.quantization.plan(config)?;
    let loader = Loader::new(&weights, config, device, asked.dtype)?.quantising(plan);
    let network = tch::no_grad(|| Network::load(config, &loader))?;
    let borrowed = loader.borrowed();
    let linear = loader.into_layers();
    let (layers, kv_heads, head_dim) = network.cache_sizes();
    let compute = network.dtype().map_err(|error| load_error("the model", &error))?;
    let dtype = asked.kv_cache_dtype.unwrap_or(compute);
    let element = dtype.elt_size_in_bytes();
    let kind = asked.cache.growth();
    let cache = CacheShape {
        sizes: CacheSizes { layers, kv_heads, head_dim, element, limit, kind },
        dtype,
        compute,
        device: network.device(),
        implementation: asked.cache.clone(),
        sliding: config.sliding().cloned(),
    };
    let vocab_size = config.vocab_size();
    let lm = TorchLm { network, attention: asked.attention, cache, vocab_size };
    Ok(Read { lm, layers: linear, borrowed: borrowed.then_some(weights), mapped })
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

    /// The linear layers, where some are quantised.
    pub(super) fn layers(&self) -> Option<&Layers> {
        self.layers.as_ref()
    }

    /// Whether its tensors read the bytes of the files themselves.
    pub(super) fn borrows(&self) -> bool {
        !self._weights.is_empty()
    }
}
