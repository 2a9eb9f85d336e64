//! From a value as it was given to a checked one, and back.

use super::ModelDefaults;
use crate::settings::Value;

/// A type that a parameter may have.
pub(super) trait Setting: Sized {
    /// The checked value; the error is the rule that `value` breaks.
    fn check(value: &Value, rule: &Rule, limits: &Limits) -> Result<Self, String>;

    /// The value as it would be given.
    fn show(&self) -> Value;
}

/// What bounds values beside their own rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Ids are below this, where a model is known.
    pub vocab_size: Option<usize>,
    /// Rows are no longer than this, where a model is known.
    pub max_positions: Option<usize>,
    /// Whether an integer may stand where a float must: in files of models, which are written by
    /// tools that drop the `.0`.
    pub lenient: bool,
}

impl Limits {
    pub(super) fn of(defaults: &ModelDefaults) -> Self {
        Self {
            vocab_size: Some(defaults.vocab_size).filter(|size| *size > 0),
            max_positions: Some(defaults.max_positions).filter(|size| *size > 0),
            lenient: false,
        }
    }

    pub(super) fn lenient(self) -> Self {
        Self { lenient: true, ..self }
    }
}

/// Which values of its type a parameter takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    /// All.
    Any,
    /// Numbers in a range.
    Range(Range),
}

/// A range of numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    low: f64,
    low_included: bool,
    high: f64,
    high_included: bool,
    /// Whether an integer is refused: transformers does so for some parameters.
    float_only: bool,
}

impl Rule {
    const fn from_low(low: f64, low_included: bool) -> Self {
        let high = f64::INFINITY;
        Self::Range(Range { low, low_included, high, high_included: true, float_only: false })
    }

    pub(super) const fn at_least(low: f64) -> Self {
        Self::from_low(low, true)
    }

    pub(super) const fn above(low: f64) -> Self {
        Self::from_low(low, false)
    }

    const fn to_high(self, high: f64, high_included: bool) -> Self {
        match self {
            Self::Range(range) => Self::Range(Range { high, high_included, ..range }),
            Self::Any => self,
        }
    }

    pub(super) const fn up_to(self, high: f64) -> Self {
        self.to_high(high, true)
    }

    pub(super) const fn below(self, high: f64) -> Self {
        self.to_high(high, false)
    }

    pub(super) const fn strictly_float(self) -> Self {
        match self {
            Self::Range(range) => Self::Range(Range { float_only: true, ..range }),
            Self::Any => self,
        }
    }

    fn admits(&self, number: f64) -> bool {
        match self {
            Self::Any => true,
            Self::Range(range) => {
                (number > range.low || (range.low_included && number == range.low))
                    && (number < range.high || (range.high_included && number == range.high))
            }
        }
    }

    fn float_only(&self) -> bool {
        matches!(self, Self::Range(range) if range.float_only)
    }

    /// The range in words, with a space before it.
    fn words(&self) -> String {
        let Self::Range(range) = self else { return String::new() };
        let low = if range.low_included { "of at least" } else { "above" };
        let high = if range.high_included { "at most" } else { "below" };
        match range.high.is_finite() {
            true => format!(" {low} {} and {high} {}", range.low, range.high),
            false => format!(" {low} {}", range.low),
        }
    }
}

impl Setting for bool {
    fn check(value: &Value, _rule: &Rule, _limits: &Limits) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| "must be true or false".to_owned())
    }

    fn show(&self) -> Value {
        (*self).into()
    }
}

impl Setting for f64 {
    fn check(value: &Value, rule: &Rule, limits: &Limits) -> Result<Self, String> {
        let refused_integer = rule.float_only() && !value.is_f64() && !limits.lenient;
        match value.as_f64() {
            Some(number) if number.is_finite() && rule.admits(number) && !refused_integer => {
                Ok(number)
            }
            Some(number) if refused_integer && rule.admits(number) => {
                Err(format!("must be a float; write {number:.1}"))
            }
            _ if rule.float_only() => Err(format!("must be a float{}", rule.words())),
            _ => Err(format!("must be a number{}", rule.words())),
        }
    }

    fn show(&self) -> Value {
        (*self).into()
    }
}

impl Setting for u64 {
    fn check(value: &Value, rule: &Rule, _limits: &Limits) -> Result<Self, String> {
        let refusal = || match rule {
            Rule::Any => "must be an integer of at least 0".to_owned(),
            Rule::Range(_) => format!("must be an integer{}", rule.words()),
        };
        value.as_u64().filter(|number| rule.admits(*number as f64)).ok_or_else(refusal)
    }

    fn show(&self) -> Value {
        (*self).into()
    }
}

impl Setting for usize {
    fn check(value: &Value, rule: &Rule, limits: &Limits) -> Result<Self, String> {
        let number = u64::check(value, rule, limits)?;
        // Counts are added to each other and to lengths: a bound far above any of them keeps the
        // sums from overflowing.
        if number > u64::from(u32::MAX) {
            return Err(format!("must be at most {}", u32::MAX));
        }
        Ok(number as usize)
    }

    fn show(&self) -> Value {
        (*self).into()
    }
}

impl<T: Setting> Setting for Option<T> {
    fn check(value: &Value, rule: &Rule, limits: &Limits) -> Result<Self, String> {
        T::check(value, rule, limits).map(Some)
    }

    fn show(&self) -> Value {
        self.as_ref().map_or(Value::Null, Setting::show)
    }
}
