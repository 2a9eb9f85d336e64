//! Parameters that have a shape of their own.

use std::ops::Deref;

use serde_json::json;

use super::setting::{Limits, Rule, Setting};
use crate::refusal::nearest;
use crate::settings::Value;

/// When beam search may stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EarlyStopping {
    /// `true`: once `num_beams` hypotheses are finished.
    WhenFull,
    /// `false`: once the best running score over the current length cannot beat the worst
    /// finished one.
    Heuristic,
    /// `"never"`: as `false`, but over the longest length where that is the more hopeful one.
    Never,
}

impl Setting for EarlyStopping {
    fn check(value: &Value, _rule: &Rule, _limits: &Limits) -> Result<Self, String> {
        match value {
            Value::Bool(true) => Ok(Self::WhenFull),
            Value::Bool(false) => Ok(Self::Heuristic),
            Value::String(word) if word == "never" => Ok(Self::Never),
            _ => Err("must be true, false or \"never\"".to_owned()),
        }
    }

    fn show(&self) -> Value {
        match self {
            Self::WhenFull => true.into(),
            Self::Heuristic => false.into(),
            Self::Never => "never".into(),
        }
    }
}

/// How prompts are grouped into batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batching {
    /// `batch_size` prompts each, in the order given.
    Static,
    /// As many prompts as `max_tokens_per_batch` has room for, in the order given.
    Dynamic,
    /// As `Static`, with the longest prompts first.
    SortedStatic,
    /// As `Dynamic`, with the longest prompts first.
    SortedDynamic,
}

impl Batching {
    const NAMES: [(&str, Self); 4] = [
        ("static", Self::Static),
        ("dynamic", Self::Dynamic),
        ("sorted_static", Self::SortedStatic),
        ("sorted_dynamic", Self::SortedDynamic),
    ];

    /// Whether `max_tokens_per_batch` rules and not `batch_size`.
    pub(crate) fn is_dynamic(self) -> bool {
        matches!(self, Self::Dynamic | Self::SortedDynamic)
    }

    /// Whether the longest prompts come first.
    pub(crate) fn is_sorted(self) -> bool {
        matches!(self, Self::SortedStatic | Self::SortedDynamic)
    }
}

impl Setting for Batching {
    fn check(value: &Value, _rule: &Rule, _limits: &Limits) -> Result<Self, String> {
        let names = Self::NAMES.map(|(name, _)| name);
        let word = value.as_str().unwrap_or_default();
        let found = Self::NAMES.iter().find(|(name, _)| *name == word);
        found.map(|(_, strategy)| *strategy).ok_or_else(|| match nearest(word, names) {
            Some(near) => format!("did you mean \"{near}\"? one of {}", names.join(", ")),
            None => format!("must be one of {}", names.join(", ")),
        })
    }

    fn show(&self) -> Value {
        let found = Self::NAMES.iter().find(|(_, strategy)| strategy == self);
        found.map_or(Value::Null, |(name, _)| (*name).into())
    }
}

/// How the length of drafts follows what became of the drafts before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AssistantSchedule {
    /// It stays.
    Constant,
    /// It grows and shrinks, and the next request goes on from there.
    Heuristic,
    /// It grows and shrinks, and every prompt begins anew.
    HeuristicTransient,
}

impl AssistantSchedule {
    const NAMES: [(&str, Self); 3] = [
        ("constant", Self::Constant),
        ("heuristic", Self::Heuristic),
        ("heuristic_transient", Self::HeuristicTransient),
    ];
}

impl Setting for AssistantSchedule {
    fn check(value: &Value, _rule: &Rule, _limits: &Limits) -> Result<Self, String> {
        let names = Self::NAMES.map(|(name, _)| name);
        let found = Self::NAMES.iter().find(|(name, _)| value.as_str() == Some(*name));
        let refused = || format!("must be one of {}", names.join(", "));
        found.map(|(_, schedule)| *schedule).ok_or_else(refused)
    }

    fn show(&self) -> Value {
        let found = Self::NAMES.iter().find(|(_, schedule)| schedule == self);
        found.map_or(Value::Null, |(name, _)| (*name).into())
    }
}

/// `[start, factor]` of the exponential length penalty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Decay {
    /// New tokens before it begins.
    pub start: usize,
    /// Base of the growth.
    pub factor: f64,
}

impl Setting for Decay {
    fn check(value: &Value, _rule: &Rule, limits: &Limits) -> Result<Self, String> {
        let parts = value.as_array().map(Vec::as_slice);
        let [start, factor] = parts.unwrap_or_default() else {
            return Err("must be [start, factor]".to_owned());
        };
        let start = usize::check(start, &Rule::Any, limits)
            .map_err(|rule| format!("its start {rule}: new tokens before the penalty begins"))?;
        let factor = f64::check(factor, &Rule::above(0.0), limits)
            .map_err(|rule| format!("its factor {rule}"))?;
        Ok(Self { start, factor })
    }

    fn show(&self) -> Value {
        json!([self.start, self.factor])
    }
}

/// Texts that end a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StopStrings {
    texts: Vec<String>,
    /// Whether it was given as a single text.
    bare: bool,
}

impl Deref for StopStrings {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.texts
    }
}

impl Setting for StopStrings {
    fn check(value: &Value, _rule: &Rule, _limits: &Limits) -> Result<Self, String> {
        const SHAPE: &str = "must be a text or a list of texts, none of them empty";
        let bare = value.is_string();
        let items = if bare { std::slice::from_ref(value) } else { value_items(value) };
        let text = |item: &Value| item.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let texts: Option<Vec<String>> = items.iter().map(text).collect();
        let texts = texts.filter(|texts| !texts.is_empty()).ok_or(SHAPE)?;
        Ok(Self { texts, bare })
    }

    fn show(&self) -> Value {
        match self.texts.as_slice() {
            [text] if self.bare => text.clone().into(),
            texts => texts.to_vec().into(),
        }
    }
}

fn value_items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The green list watermark of Kirchenbauer et al. (arXiv 2306.04634).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Watermark {
    /// Share of the vocabulary that is green.
    pub greenlist_ratio: f64,
    /// What is added to green tokens.
    pub bias: f64,
    /// The key.
    pub hashing_key: u64,
    /// What seeds the choice of the green list.
    pub seeding_scheme: Seeding,
    /// How many of the last tokens must be there, and go into the seed of `selfhash`.
    pub context_width: usize,
}

/// What seeds the choice of the green list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seeding {
    /// The last token.
    LeftHash,
    /// The candidate itself with the tokens before it.
    SelfHash,
}

impl Watermark {
    const KEYS: [&str; 5] =
        ["greenlist_ratio", "bias", "hashing_key", "seeding_scheme", "context_width"];

    fn apply(&mut self, key: &str, value: &Value, limits: &Limits) -> Result<(), String> {
        let share = Rule::above(0.0).below(1.0);
        match key {
            "greenlist_ratio" => self.greenlist_ratio = f64::check(value, &share, limits)?,
            "bias" => self.bias = f64::check(value, &Rule::Any, limits)?,
            "hashing_key" => self.hashing_key = u64::check(value, &Rule::at_least(1.0), limits)?,
            "context_width" => {
                self.context_width = usize::check(value, &Rule::at_least(1.0), limits)?;
            }
            "seeding_scheme" => {
                self.seeding_scheme = match value.as_str() {
                    Some("lefthash") => Seeding::LeftHash,
                    Some("selfhash") => Seeding::SelfHash,
                    _ => return Err("must be \"lefthash\" or \"selfhash\"".to_owned()),
                }
            }
            _ => {
                let hint = nearest(key, Self::KEYS).map(|near| format!("; did you mean `{near}`?"));
                return Err(format!("is no key of it{}", hint.unwrap_or_default()));
            }
        }
        Ok(())
    }
}

impl Setting for Watermark {
    fn check(value: &Value, _rule: &Rule, limits: &Limits) -> Result<Self, String> {
        let map = value.as_object().ok_or("must be a map")?;
        if map.contains_key("ngram_len") || map.contains_key("keys") {
            return Err("SynthID watermarks (ngram_len, keys) are not implemented; the green \
                list (greenlist_ratio, bias, hashing_key, seeding_scheme, context_width) is"
                .to_owned());
        }
        let mut checked = Self {
            greenlist_ratio: 0.25,
            bias: 2.0,
            hashing_key: 15_485_863,
            seeding_scheme: Seeding::LeftHash,
            context_width: 1,
        };
        for (key, value) in map.iter().filter(|(_, value)| !value.is_null()) {
            checked.apply(key, value, limits).map_err(|rule| format!("its {key} {rule}"))?;
        }
        Ok(checked)
    }

    fn show(&self) -> Value {
        let scheme = match self.seeding_scheme {
            Seeding::LeftHash => "lefthash",
            Seeding::SelfHash => "selfhash",
        };
        json!({
            "greenlist_ratio": self.greenlist_ratio,
            "bias": self.bias,
            "hashing_key": self.hashing_key,
            "seeding_scheme": scheme,
            "context_width": self.context_width,
        })
    }
}
