//! A loaded engine: the model and its tokenizer.

use std::path::Path;

use tch::{Device, Kind};

use super::cache::CacheShape;
use super::context::TorchLm;
use super::cuda;
use super::fault::load_error;
use super::loader::Loader;
use super::network::Network;
use super::placement::{self, Placement};
use super::settings::{LoadSettings, PARAMETERS, dtype_name};
use super::threads;
use crate::backends::load::{self, Place};
use crate::backends::{BackendError, Engine, Generation, Prompt, prompt};
use crate::generate::{CausalLm, ModelDefaults};
use crate::model::{ModelDir, Tokenizer, Weights, tensors};
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
        let mut asked = LoadSettings::parse(settings)?;
        if !asked.placement.auto {
            device(&asked)?;
        }
        let dir = ModelDir::open(path)?;
        let config = dir.config();
        let limit = load::positions(config.max_positions(), asked.max_model_len)?;
        let defaults = load::defaults(&dir, limit);
        // The request settings given along are checked as well, before the weights are read.
        load::request(settings, PARAMETERS, &defaults)?;

        if asked.placement != Placement::default() {
            asked.device = place(&asked, &dir)?;
            asked.check_company(settings, asked.dtype)?;
        }
        let device = device(&asked)?;
        let tokenizer = dir.tokenizer()?;
        threads::apply(asked.threads);
        let _switches = asked.switches.apply()?;
        let weights = dir.weights(asked.memory_map)?;
        let mapped = weights.is_mapped();
        let loader = Loader::new(&weights, config, device, asked.dtype)?;
        asked.check_company(settings, Some(loader.dtype()))?;
        let network = tch::no_grad(|| Network::load(config, &loader))?;
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

impl TorchEngine {
    /// The load settings in force; those of the process are to be as this engine has them.
    fn read_back(&self) -> Settings {
        let device = match self.lm.network.device() {
            Device::Cpu => "cpu".to_owned(),
            Device::Cuda(number) => format!("cuda:{number}"),
            other => format!("{other:?}").to_lowercase(),
        };
        let pairs: [(&str, Value); 9] = [
            ("attn_implementation", self.lm.attention.name().into()),
            ("cache_implementation", self.lm.cache.kind.name().into()),
            ("device", device.into()),
            ("device_map", self.asked.placement.map.clone()),
            ("dtype", dtype_name(self.lm.cache.dtype).into()),
            ("max_memory", self.asked.placement.ceilings_given.clone()),
            ("max_model_len", self.lm.max_positions().into()),
            ("memory_map", self.mapped.into()),
            ("threads", threads::count().into()),
        ];
        let switches = self.asked.switches.effective().unwrap_or_default();
        pairs.into_iter().chain(switches).collect()
    }
}

impl Engine for TorchEngine {
    fn effective(&self) -> Settings {
        threads::apply(self.asked.threads);
        // Where libtorch took them on loading, it takes them again; what is not known is left out.
        let _switches = self.asked.switches.apply();
        self.read_back()
    }

    fn generate(
        &mut self,
        prompts: &[Prompt],
        settings: &Settings,
    ) -> Result<Generation, BackendError> {
        LoadSettings::read(settings)?;
        self.asked.check_same(settings)?;
        let config = load::request(settings, PARAMETERS, &self.defaults)?;
        threads::apply(self.asked.threads);
        let _switches = self.asked.switches.apply()?;
        let mut generation = prompt::answer(&self.lm, &self.tokenizer, prompts, &config)?;
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

/// Where the model in `dir` goes, before any of its weights is read.
fn place(asked: &LoadSettings, dir: &ModelDir) -> Result<Place, BackendError> {
    let bytes = weight_bytes(dir, asked.dtype)?;
    if !asked.placement.auto {
        asked.placement.check(asked.device, bytes)?;
        return Ok(asked.device);
    }
    let candidates = asked.placement.candidates(&cuda::free());
    let chosen = placement::choose(bytes, &candidates);
    Ok(chosen.ok_or_else(|| asked.placement.too_small(bytes, &candidates))?)
}

/// Bytes of the weights in `dir` in the type `dtype`, or else in that of the file. Of mapped files
/// the headers alone are looked at.
fn weight_bytes(dir: &ModelDir, dtype: Option<Kind>) -> Result<u64, BackendError> {
    let weights = dir.weights(true)?;
    let mut bytes = 0;
    for tensor in tensors(dir.config()) {
        let there = weights.expect(&tensor.name, &tensor.shape)?;
        bytes += match dtype {
            Some(dtype) => there.shape.iter().product::<usize>() * dtype.elt_size_in_bytes(),
            None => there.data.len(),
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

    /// Whether its tensors read the bytes of the files themselves.
    pub(super) fn borrows(&self) -> bool {
        self._weights.is_some()
    }
}
