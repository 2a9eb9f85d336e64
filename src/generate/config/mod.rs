//! The request settings, checked: what the loop runs on.

mod absent;
mod ids;
mod relations;
mod setting;
mod table;
#[cfg(test)]
mod tests;
mod values;
mod words;

pub use table::GenerationConfig;
#[cfg(test)]
pub(crate) use values::Batching;
pub(crate) use values::{AssistantSchedule, Decay, EarlyStopping, Seeding, Watermark};

use crate::refusal::Refusal;
use crate::settings::{Settings, Value};
use setting::Limits;

/// What the model brings along for the settings that a request leaves open.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelDefaults {
    /// The entries of `generation_config.json` (and, where it lacks them, of `config.json`) that
    /// are generation settings; other entries are passed over.
    pub settings: Settings,
    /// How many entries a row of logits has; 0 where no model is at hand yet, and then whatever
    /// depends on the model is not checked.
    pub vocab_size: usize,
    /// How many positions one row may have; 0 as for `vocab_size`.
    pub max_positions: usize,
    /// Whether a draft model is loaded beside the model. What it brings along for drafting then
    /// stands among `settings`.
    pub assistant: bool,
}

/// How the next token is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Greedy or sampling, one row at a time.
    Single,
    /// As `Single`, with drafts copied from the context.
    Lookup,
    /// As `Single`, with drafts of another model or of the model's own first layers.
    Assisted,
    /// Beam search, with or without sampling.
    Beam,
    /// Diverse beam search in groups.
    GroupBeam,
    /// Beam search with words that must come out.
    Constrained,
    /// Greedy with a degeneration penalty.
    Contrastive,
}

impl GenerationConfig {
    /// Checks `settings` (request settings only) over the defaults of the model; null leaves a
    /// setting open.
    ///
    /// Stricter than transformers 5.23.0 on purpose: a value that it would take and then ignore
    /// (`top_p` above 1, a sampling control without `do_sample`, ...) is refused. Where the
    /// request says `max_length` and the model's defaults say `max_new_tokens`, the request wins
    /// (transformers lets `max_new_tokens` win wherever it stands).
    ///
    /// # Errors
    /// A [`Refusal`] with the parameter, the value and the rule.
    pub fn parse(settings: &Settings, defaults: &ModelDefaults) -> Result<Self, Refusal> {
        let limits = Limits::of(defaults);
        let mut config = Self { has_assistant: defaults.assistant, ..Self::default() };
        let named = Self::PARAMETERS.iter().copied();
        for (name, value) in defaults.settings.iter().filter(|(_, value)| !value.is_null()) {
            let overruled = is_set(settings, name);
            if overruled || !Self::PARAMETERS.contains(&name.as_str()) || is_no_token(name, value) {
                continue;
            }
            config.set(name, value, &limits.lenient()).map_err(|rule| {
                Refusal::new(name, value.clone(), format!("{rule} (the model's own default)"))
            })?;
        }
        if is_set(settings, "max_length") && !is_set(settings, "max_new_tokens") {
            config.max_new_tokens = None;
        }
        if is_set(settings, "min_length") && !is_set(settings, "min_new_tokens") {
            config.min_new_tokens = None;
        }
        for (name, value) in settings.iter() {
            if !Self::PARAMETERS.contains(&name.as_str()) {
                return Err(Self::refuse_name(name, value.clone(), named));
            }
            if !value.is_null() {
                config
                    .set(name, value, &limits)
                    .map_err(|rule| Refusal::new(name, value.clone(), rule))?;
            }
        }
        relations::check(&config, settings, &limits)?;
        config.fill_in(&limits);
        Ok(config)
    }

    /// Defaults that hang on other settings.
    fn fill_in(&mut self, limits: &Limits) {
        if self.do_sample {
            self.top_k.get_or_insert(DEFAULT_TOP_K);
        }
        if self.prompt_lookup_num_tokens.is_some() {
            self.max_matching_ngram_size.get_or_insert(DEFAULT_NGRAM);
        }
        if self.is_assisted() {
            self.num_assistant_tokens.get_or_insert(DEFAULT_ASSISTANT_TOKENS);
            self.num_assistant_tokens_schedule.get_or_insert(AssistantSchedule::Constant);
            self.assistant_confidence_threshold.get_or_insert(DEFAULT_CONFIDENCE);
        } else {
            // What a model brings along for drafting has nothing to act on.
            self.num_assistant_tokens = None;
            self.num_assistant_tokens_schedule = None;
            self.assistant_confidence_threshold = None;
        }
        if self.batching_strategy.is_dynamic() {
            self.max_tokens_per_batch = self.max_tokens_per_batch.or(limits.max_positions);
        }
    }

    /// The settings in force, read back from the checked form: every parameter, defaults included.
    ///
    /// With neither `max_length` nor `max_new_tokens` set, `max_new_tokens` reads 20: the default
    /// that the positions of the model may cap. An unset `pad_token_id` reads as the first end
    /// token, which is what padding is then filled with.
    pub fn effective(&self) -> Settings {
        let mut shown: Settings =
            Self::PARAMETERS.iter().map(|name| (*name, self.read(name))).collect();
        if self.max_length.is_none() && self.max_new_tokens.is_none() {
            shown.set("max_new_tokens", DEFAULT_NEW_TOKENS);
        }
        if self.pad_token_id.is_none() && !self.end_tokens().is_empty() {
            shown.set("pad_token_id", self.padding());
        }
        shown
    }

    /// How the next token is searched for.
    pub(crate) fn mode(&self) -> Mode {
        match (self.num_beams, self.num_beam_groups) {
            (1, _) if self.is_assisted() => Mode::Assisted,
            (1, _) if self.prompt_lookup_num_tokens.is_some() => Mode::Lookup,
            (1, _) if self.contrastive() => Mode::Contrastive,
            (1, _) => Mode::Single,
            (_, 1) if self.force_words_ids.is_some() => Mode::Constrained,
            (_, 1) => Mode::Beam,
            _ => Mode::GroupBeam,
        }
    }

    /// Whether a model makes drafts: one of its own, or the first layers of the model.
    pub(crate) fn is_assisted(&self) -> bool {
        self.has_assistant || self.assistant_early_exit.is_some()
    }

    /// Whether the length that drafts had come to is where the next request goes on.
    pub fn keeps_draft_length(&self) -> bool {
        self.num_assistant_tokens_schedule == Some(AssistantSchedule::Heuristic)
    }

    fn contrastive(&self) -> bool {
        self.penalty_alpha.is_some_and(|alpha| alpha > 0.0) && !self.do_sample
    }

    /// Whether logits are combined with those of an unconditional context.
    pub(crate) fn guided(&self) -> Option<f64> {
        self.guidance_scale.filter(|scale| *scale != 1.0)
    }

    /// The ids that end a row; empty where none is known.
    pub(crate) fn end_tokens(&self) -> &[u32] {
        self.eos_token_id.as_ref().map_or(&[], |ids| ids.as_slice())
    }

    /// What padding is filled with. It is never attended to, so any id of the vocabulary does.
    pub(crate) fn padding(&self) -> u32 {
        self.pad_token_id.or(self.end_tokens().first().copied()).unwrap_or(0)
    }

    /// The total length at which a row with a prompt of `prompt` tokens ends.
    pub(crate) fn length_limit(&self, prompt: usize, max_positions: usize) -> usize {
        match (self.max_new_tokens, self.max_length) {
            (Some(new), _) => prompt + new,
            // A request beyond the positions is refused when it is parsed; a default of the model
            // is capped.
            (None, Some(length)) => length.min(max_positions),
            (None, None) => (prompt + DEFAULT_NEW_TOKENS).min(max_positions),
        }
    }
}

/// `top_k` with `do_sample` on and `top_k` unset anywhere.
const DEFAULT_TOP_K: usize = 50;

/// The longest n-gram that a draft is looked up by, where the request does not say.
const DEFAULT_NGRAM: usize = 2;

/// The length of drafts, where neither the request nor the draft model says.
const DEFAULT_ASSISTANT_TOKENS: usize = 20;

/// The confidence that a draft needs to go on, where neither the request nor the draft model says.
const DEFAULT_CONFIDENCE: f64 = 0.4;

/// New tokens with neither `max_length` nor `max_new_tokens` set anywhere.
const DEFAULT_NEW_TOKENS: usize = 20;

/// Whether the request says something about `name`: null does not.
fn is_set(settings: &Settings, name: &str) -> bool {
    settings.get(name).is_some_and(|value| !value.is_null())
}

/// Whether a model's file says in the way of some that it has no such token: with a negative id.
fn is_no_token(name: &str, value: &Value) -> bool {
    name.ends_with("_token_id") && value.as_i64().is_some_and(|id| id < 0)
}
