//! A loaded engine: the model and its tokenizer.

use std::ops::Range;
use std::panic;
use std::path::Path;
use std::thread;

use tch::{Device, Kind, TchError};

use super::cache::CacheShape;
use super::context::TorchLm;
use super::cuda;
use super::fault::load_error;
use super::loader::Loader;
use super::network::Network;
use super::placement::{self, Placement};
use super::quantization::{self, Layers};
use super::settings::{LoadSettings, PARAMETERS, dtype_name};
use super::threads;
use crate::backends::kv_cache::CacheSizes;
use crate::backends::load::{self, Place};
use crate::backends::{BackendError, Engine, Generation, Prompt, assistant, prompt};
use crate::generate::{CausalLm, ModelDefaults};
use crate::model::{ModelConfig, ModelDir, Tokenizer, Weights, tensors};
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
        let mut asked = LoadSettings::parse(settings)?;
        if !asked.placement.auto {
            device(&asked)?;
        }
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

        if asked.placement != Placement::default() {
            asked.device = place(&asked, &dir)?;
            asked.check_company(settings, asked.dtype)?;
        }
        let device = device(&asked)?;
        threads::apply(asked.threads);
        let _switches = asked.switches.apply()?;
        // A large vocabulary takes as long to read as the weights, and on one processor only.
        let (tokenizer, model) = thread::scope(|scope| {
            let tokenizer = scope.spawn(|| dir.tokenizer());
            let model = read(&dir, &asked, settings, device, limit);
            (tokenizer.join(), model)
        });
        let tokenizer = tokenizer.unwrap_or_else(|panic| panic::resume_unwind(panic))?;
        let model = model?;
        if let Some(assistant) = &assistant {
            assistant::check_tokenizer(assistant, &tokenizer)?;
        }
        let draft = assistant.map(|dir| read(&dir, &asked, settings, device, limit)).transpose()?;
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

impl TorchEngine {
    /// The load settings in force; those of the process are to be as this engine has them.
    fn read_back(&self) -> Settings {
        let device = match self.lm.network.device() {
            Device::Cpu => "cpu".to_owned(),
            Device::Cuda(number) => format!("cuda:{number}"),
            other => format!("{other:?}").to_lowercase(),
        };
        let cache = &self.lm.cache;
        let name = |dtype: Result<Kind, TchError>| dtype.ok().map(dtype_name);
        let pairs: [(&str, Value); 12] = [
            (assistant::PARAMETER, self.asked.assistant.clone().into()),
            ("attn_implementation", self.lm.attention.name().into()),
            ("cache_config", cache.implementation.config()),
            ("cache_implementation", cache.implementation.name().into()),
            ("device", device.into()),
            ("device_map", self.asked.placement.map.clone()),
            ("dtype", name(self.lm.network.dtype()).into()),
            ("kv_cache_dtype", name(cache.stored_dtype()).into()),
            ("max_memory", self.asked.placement.ceilings_given.clone()),
            ("max_model_len", self.lm.max_positions().into()),
            ("memory_map", self.mapped.into()),
            ("threads", threads::count().into()),
        ];
        let quantization = self.layers.as_ref().map_or_else(quantization::off, Layers::effective);
        let switches = self.asked.switches.effective().unwrap_or_default();
        let found: Settings = pairs.into_iter().chain(switches).collect();
        found.merged(&quantization)
    }
}

impl Engine for TorchEngine {
    fn effective(&self) -> Settings {
        threads::apply(self.asked.threads);
        // Where libtorch took them on loading, it takes them again; what is not known is left out.
        let _switches = self.asked.switches.apply();
        self.read_back()
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
        let _switches = self.asked.switches.apply()?;
        let assistant = self.assistant.as_ref().map(|lm| lm as &dyn CausalLm);
        let (lm, tokenizer) = (&self.lm, &self.tokenizer);
        let mut generation = prompt::answer(lm, assistant, tokenizer, prompts, share, &config)?;
        assistant::keep(&mut self.defaults, &config, generation.drafts.as_ref());
        generation.effective = generation.effective.merged(&self.read_back());
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
    settings: &Settings,
    device: Device,
    limit: usize,
) -> Result<Read, BackendError> {
    let config = dir.config();
    let weights = dir.weights(asked.memory_map)?;
    let mapped = weights.is_mapped();
    let plan = asked.quantization.plan(config)?;
    let loader = Loader::new(&weights, config, device, asked.dtype)?.quantising(plan);
    asked.check_company(settings, Some(loader.dtype()))?;
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

/// Where the model in `dir` goes, before any of its weights is read.
fn place(asked: &LoadSettings, dir: &ModelDir) -> Result<Place, BackendError> {
    let bytes = weight_bytes(dir, asked)?;
    if !asked.placement.auto {
        asked.placement.check(asked.device, bytes)?;
        return Ok(asked.device);
    }
    let candidates = asked.placement.candidates(&cuda::free());
    let chosen = placement::choose(bytes, &candidates);
    Ok(chosen.ok_or_else(|| asked.placement.too_small(bytes, &candidates))?)
}

/// Bytes of the weights in `dir` as they are asked for. Of mapped files the headers alone are
/// looked at.
fn weight_bytes(dir: &ModelDir, asked: &LoadSettings) -> Result<u64, BackendError> {
    let weights = dir.weights(true)?;
    let plan = asked.quantization.plan(dir.config())?;
    let mut bytes = 0;
    for tensor in tensors(dir.config()) {
        let there = weights.expect(&tensor.name, &tensor.shape)?;
        let quantised = plan.as_ref().and_then(|plan| plan.bytes(&tensor.name, there.shape));
        bytes += match (quantised, asked.dtype) {
            (Some(bytes), _) => bytes,
            (None, Some(dtype)) => {
                there.shape.iter().product::<usize>() * dtype.elt_size_in_bytes()
            }
            (None, None) => there.data.len(),
        };
    }
    Ok(bytes as u64)
}

fn device(asked: &LoadSettings) -> Result<Device, BackendError> {
    match asked.device {
        Place::Cpu => Ok(Device::Cpu),
        Place::Cuda(number) => {
            let device = cuda::device(number)?;
            asked.switches.check_gpu(number)?;
            Ok(device)
        }
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
