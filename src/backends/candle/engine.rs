//! A loaded engine: the model, its tokenizer and its threads.

use std::ops::Range;
use std::path::Path;

use candle_core::{Device, DeviceLocation};
use rayon::ThreadPool;

use super::cache::CacheShape;
use super::context::CandleLm;
use super::loader::{Loader, check_fit};
use super::network::Network;
use super::settings::{LoadSettings, PARAMETERS, dtype_name};
use crate::backends::kv_cache::CacheSizes;
use crate::backends::load::{self, Place};
use crate::backends::{BackendError, Engine, Generation, Prompt, assistant, prompt};
use crate::generate::{CausalLm, ModelDefaults};
use crate::model::{ModelDir, Tokenizer};
use crate::settings::{Settings, Value};

/// A loaded engine.
pub(super) struct CandleEngine {
    lm: CandleLm,
    /// The draft model.
    assistant: Option<CandleLm>,
    tokenizer: Tokenizer,
    defaults: ModelDefaults,
    asked: LoadSettings,
    architecture: &'static str,
    /// Whether the weight files were mapped when they were loaded.
    mapped: bool,
    /// All work is done in this pool.
    pool: ThreadPool,
}

impl CandleEngine {
    /// Loads the model in directory `path`.
    pub(super) fn load(path: &Path, settings: &Settings) -> Result<Self, BackendError> {
        let asked = LoadSettings::parse(settings)?;
        let device = device(asked.device)?;
        let dir = ModelDir::open(path)?;
        let config = dir.config();
        let limit = load::positions(config.max_positions(), asked.max_model_len)?;
        check_fit(config, asked.quantization)?;
        check_windows(&dir)?;
        let mut defaults = load::defaults(&dir, limit);
        let open = |path: &String| assistant::open(path, &dir, limit);
        let assistant = asked.assistant.as_ref().map(open).transpose()?;
        if let Some(assistant) = &assistant {
            check_fit(assistant.config(), asked.quantization)?;
            check_windows(assistant)?;
            defaults = assistant::defaults(defaults, assistant);
        }
        // The request settings given along are checked as well, before the weights are read.
        load::request(settings, PARAMETERS, &defaults)?;

        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(asked.threads.unwrap_or(0))
            .thread_name(|index| format!("candle-{index}"))
            .build()
            .map_err(|error| BackendError::Failed(format!("no threads: {error}").into()))?;
        let tokenizer = dir.tokenizer()?;
        if let Some(assistant) = &assistant {
            assistant::check_tokenizer(assistant, &tokenizer)?;
        }
        let (lm, mapped) = pool.install(|| read(&dir, &asked, &device, limit))?;
        let assistant = assistant
            .map(|dir| pool.install(|| read(&dir, &asked, &device, limit)))
            .transpose()?
            .map(|(assistant, _)| assistant);
        let architecture = config.architecture().model_type();
        Ok(Self { lm, assistant, tokenizer, defaults, asked, architecture, mapped, pool })
    }
}

impl Engine for CandleEngine {
    fn effective(&self) -> Settings {
        let network = &self.lm.network;
        let device = match network.device().location() {
            DeviceLocation::Cpu => "cpu".to_owned(),
            DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
            DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}"),
        };
        let quantization = network.head().quantization().map(|format| format.name());
        let threads = self.pool.install(rayon::current_num_threads);
        let pairs: [(&str, Value); 9] = [
            (assistant::PARAMETER, self.asked.assistant.clone().into()),
            ("cache_implementation", self.lm.cache.sizes.kind.name().into()),
            ("device", device.into()),
            ("dtype", dtype_name(network.dtype()).into()),
            ("kv_cache_dtype", dtype_name(self.lm.cache.dtype).into()),
            ("max_model_len", self.lm.max_positions().into()),
            ("memory_map", self.mapped.into()),
            ("quantization", quantization.into()),
            ("threads", threads.into()),
        ];
        pairs.into_iter().collect()
    }

    fn generate_share(
        &mut self,
        prompts: &[Prompt],
        share: Range<usize>,
        settings: &Settings,
    ) -> Result<Generation, BackendError> {
        LoadSettings::parse(settings)?;
        self.asked.check_same(settings)?;
        let config = load::request(settings, PARAMETERS, &self.defaults)?;
        let (lm, tokenizer) = (&self.lm, &self.tokenizer);
        let assistant = self.assistant.as_ref();
        let mut generation = self.pool.install(|| {
            let assistant = assistant.map(|lm| lm as &dyn CausalLm);
            prompt::answer(lm, assistant, tokenizer, prompts, share, &config)
        })?;
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

/// Refuses a model with layers that see a window alone.
fn check_windows(dir: &ModelDir) -> Result<(), BackendError> {
    let Some(sliding) = dir.config().sliding() else { return Ok(()) };
    Err(BackendError::Model(format!(
        "{}: its layers see windows of {} positions (use_sliding_window), which the candle backend \
         does not have; use the pytorch backend, or give rows no more positions \
         (max_position_embeddings in config.json)",
        dir.path().display(),
        sliding.window
    )))
}

/// The model in `dir`, with rows of at most `limit` positions, and whether its files are mapped.
fn read(
    dir: &ModelDir,
    asked: &LoadSettings,
    device: &Device,
    limit: usize,
) -> Result<(CandleLm, bool), BackendError> {
    let config = dir.config();
    let weights = dir.weights(asked.memory_map)?;
    let mapped = weights.is_mapped();
    let loader = Loader::new(&weights, config, device, asked.dtype, asked.quantization)?;
    let network = Network::load(config, &loader)?;
    let (layers, kv_heads, head_dim) = network.cache_sizes();
    let dtype = asked.kv_cache_dtype.unwrap_or(network.dtype());
    let element = dtype.size_in_bytes();
    let sizes = CacheSizes { layers, kv_heads, head_dim, element, limit, kind: asked.cache };
    let cache = CacheShape { sizes, dtype, device: device.clone() };
    Ok((CandleLm { network, cache, vocab_size: config.vocab_size() }, mapped))
}

fn device(place: Place) -> Result<Device, BackendError> {
    match place {
        Place::Cpu => Ok(Device::Cpu),
        Place::Cuda(_) if !candle_core::utils::cuda_is_available() => {
            Err(BackendError::Unavailable {
                reason: "this build of the candle backend has no CUDA".to_owned(),
                remedy: "build with `--features cuda` where the CUDA toolkit is installed"
                    .to_owned(),
            })
        }
        Place::Cuda(number) => {
            Device::new_cuda(number).map_err(|error| BackendError::Unavailable {
                reason: format!("GPU {number} cannot be used ({error})"),
                remedy: "check `nvidia-smi`, or use device cpu".to_owned(),
            })
        }
    }
}

#[cfg(test)]
impl CandleEngine {
    /// The model, for tests.
    pub(super) fn lm(&self) -> &CandleLm {
        &self.lm
    }

    /// The tokenizer, for tests.
    pub(super) fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }
}
