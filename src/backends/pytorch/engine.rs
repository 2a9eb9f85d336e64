//! A loaded engine: the model and its tokenizer.

use std::path::Path;

use tch::{Cuda, Device};

use super::cache::CacheShape;
use super::context::TorchLm;
use super::fault::load_error;
use super::loader::Loader;
use super::network::Network;
use super::settings::{LoadSettings, PARAMETERS, dtype_name};
use super::threads;
use crate::backends::load::{self, Place};
use crate::backends::{BackendError, Engine, Generation, Prompt, assistant, prompt};
use crate::generate::{CausalLm, ModelDefaults};
use crate::model::{ModelDir, Tokenizer, Weights};
use crate::settings::{Settings, Value};

/// A loaded engine.
pub(super) struct TorchEngine {
    lm: TorchLm,
    /// The draft model.
    assistant: Option<TorchLm>,
    /// The files whose bytes the tensors of the models read, where they do. They stand behind
    /// the models, as fields are dropped in their order.
    _weights: Vec<Weights>,
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
        let mut defaults = load::defaults(&dir, limit);
        let open = |path: &String| assistant::open(path, &dir, limit);
        let assistant = asked.assistant.as_ref().map(open).transpose()?;
        if let Some(assistant) = &assistant {
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
        let pairs: [(&str, Value); 8] = [
            (assistant::PARAMETER, self.asked.assistant.clone().into()),
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
        let assistant = self.assistant.as_ref().map(|lm| lm as &dyn CausalLm);
        let (lm, tokenizer) = (&self.lm, &self.tokenizer);
        let mut generation = prompt::answer(lm, assistant, tokenizer, prompts, &config)?;
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

/// A model out of its files.
struct Read {
    lm: TorchLm,
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
    let loader = Loader::new(&weights, config, device, asked.dtype)?;
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
    Ok(Read { lm, borrowed: borrowed.then_some(weights), mapped })
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
        !self._weights.is_empty()
    }
}
