//! `cache_config`: how a quantised cache is quantised.

use serde_json::json;

use crate::backends::load::MOST_POSITIONS;
use crate::refusal::{Refusal, nearest};
use crate::settings::{Settings, Value};

const NAME: &str = "cache_config";

const KEYS: [&str; 6] =
    ["axis_key", "axis_value", "backend", "nbits", "q_group_size", "residual_length"];

/// Whose arithmetic quantises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QuantizedBackend {
    /// That of optimum-quanto.
    Quanto,
    /// That of HQQ.
    Hqq,
}

impl QuantizedBackend {
    /// Its name in `cache_config`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Quanto => "quanto",
            Self::Hqq => "hqq",
        }
    }

    fn bits(self) -> &'static [i64] {
        match self {
            Self::Quanto => &[2, 4],
            Self::Hqq => &[1, 2, 3, 4, 8],
        }
    }

    fn axes(self) -> &'static [i64] {
        match self {
            Self::Quanto => &[0, -1],
            Self::Hqq => &[0, 1],
        }
    }
}

/// The keys of `cache_config`, with the defaults of transformers 5.23.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::backends::pytorch) struct QuantizedConfig {
    /// `backend`.
    pub(super) backend: QuantizedBackend,
    /// `nbits`: bits of an element.
    pub(super) bits: usize,
    /// `axis_key`: along which axis keys are grouped.
    pub(super) axis_key: i64,
    /// `axis_value`: along which axis values are grouped.
    pub(super) axis_value: i64,
    /// `q_group_size`: elements that share a scale and a zero point.
    pub(super) group: usize,
    /// `residual_length`: positions in full precision that set off the next quantisation.
    pub(super) residual: usize,
}

impl Default for QuantizedConfig {
    fn default() -> Self {
        Self {
            backend: QuantizedBackend::Quanto,
            bits: 4,
            axis_key: 0,
            axis_value: 0,
            group: 64,
            residual: 128,
        }
    }
}

impl QuantizedConfig {
    /// What `cache_config` says; the defaults where it is null or not set.
    ///
    /// # Errors
    /// A [`Refusal`] of an unknown key, and of what the backend in it does not have.
    pub(super) fn parse(settings: &Settings) -> Result<Self, Refusal> {
        let found = match settings.get(NAME) {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(found) => found,
        };
        let refused = |rule: String| Refusal::new(NAME, found.clone(), rule);
        let Value::Object(entries) = found else {
            return Err(refused(format!("a map of {}, or null", KEYS.join(", "))));
        };
        if let Some(key) = entries.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let hint = match nearest(key, KEYS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", KEYS.join(", ")),
            };
            return Err(refused(format!("its {key} is no key of it; {hint}")));
        }
        let backend = match entries.get("backend").map(|name| (name, name.as_str())) {
            None | Some((_, Some("quanto"))) => QuantizedBackend::Quanto,
            Some((_, Some("hqq"))) => QuantizedBackend::Hqq,
            Some((_, Some("fp8"))) => {
                let rule = "its backend fp8 is not in this backend; quanto and hqq are";
                return Err(refused(rule.to_owned()));
            }
            Some((name, _)) => {
                return Err(refused(format!("its backend is {name}; quanto and hqq are there")));
            }
        };
        let name = backend.name();
        let one_of = |key: &str, choices: &[i64], default: i64| match entries.get(key) {
            None => Ok(default),
            Some(value) => match value.as_i64().filter(|number| choices.contains(number)) {
                Some(number) => Ok(number),
                None => {
                    let choices: Vec<String> = choices.iter().map(i64::to_string).collect();
                    let choices = choices.join(", ");
                    Err(refused(format!("its {key} is {value}; {name} has {choices}")))
                }
            },
        };
        let within = |key: &str, least: u64, most: u64, default: usize| match entries.get(key) {
            None => Ok(default),
            Some(value) => value
                .as_u64()
                .filter(|number| (least..=most).contains(number))
                .and_then(|number| usize::try_from(number).ok())
                .ok_or_else(|| {
                    refused(format!("its {key} is {value}; an integer from {least} to {most}"))
                }),
        };
        let default = Self::default();
        Ok(Self {
            backend,
            bits: one_of("nbits", backend.bits(), 4)? as usize,
            axis_key: one_of("axis_key", backend.axes(), 0)?,
            axis_value: one_of("axis_value", backend.axes(), 0)?,
            group: within("q_group_size", 1, MOST_GROUP, default.group)?,
            residual: within("residual_length", 0, MOST_POSITIONS, default.residual)?,
        })
    }

    /// Refuses groups that no row of `limit` positions fills, of a model with key-value `heads`
    /// and their width.
    ///
    /// # Errors
    /// A [`Refusal`]: nothing would ever be quantised.
    pub(super) fn check_fit(&self, limit: usize, heads: (usize, usize)) -> Result<(), Refusal> {
        let unit = self.unit(heads);
        if unit > limit {
            let group = self.group;
            let rule = format!(
                "groups of {group} (q_group_size) take {unit} positions of this model, and a row \
                 has at most {limit}: nothing would be quantised; give a smaller q_group_size"
            );
            return Err(Refusal::new(NAME, self.value(), rule));
        }
        Ok(())
    }

    /// The fewest positions whose keys and values fill whole groups, of `heads` and their width.
    pub(super) fn unit(&self, (heads, width): (usize, usize)) -> usize {
        let along = |axis: i64| {
            // Along the last axis, a group has elements of one place in the heads.
            let position = if axis == -1 { heads } else { heads * width };
            self.group / gcd(self.group, position)
        };
        let (keys, values) = (along(self.axis_key), along(self.axis_value));
        keys / gcd(keys, values) * values
    }

    /// All of it, as `cache_config` would say it.
    pub(super) fn value(&self) -> Value {
        json!({
            "axis_key": self.axis_key,
            "axis_value": self.axis_value,
            "backend": self.backend.name(),
            "nbits": self.bits,
            "q_group_size": self.group,
            "residual_length": self.residual,
        })
    }
}

/// Larger groups than any model has elements in a few positions are a mistake.
const MOST_GROUP: u64 = 1 << 20;

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: Value) -> Result<QuantizedConfig, Refusal> {
        QuantizedConfig::parse(&[(NAME, value)].into_iter().collect())
    }

    #[test]
    fn every_key_is_checked() {
        let refused = |value: Value| parse(value).unwrap_err().rule;
        insta::assert_snapshot!(refused(json!(7)), @"a map of axis_key, axis_value, backend, nbits, q_group_size, residual_length, or null");
        insta::assert_snapshot!(refused(json!({"nbit": 4})), @"its nbit is no key of it; did you mean `nbits`?");
        insta::assert_snapshot!(refused(json!({"backend": "awq"})), @r#"its backend is "awq"; quanto and hqq are there"#);
        insta::assert_snapshot!(refused(json!({"backend": "fp8"})), @"its backend fp8 is not in this backend; quanto and hqq are");
        insta::assert_snapshot!(refused(json!({"nbits": 8})), @"its nbits is 8; quanto has 2, 4");
        insta::assert_snapshot!(refused(json!({"nbits": 4.0})), @"its nbits is 4.0; quanto has 2, 4");
        insta::assert_snapshot!(refused(json!({"backend": "hqq", "axis_key": -1})), @"its axis_key is -1; hqq has 0, 1");
        insta::assert_snapshot!(refused(json!({"axis_value": 1})), @"its axis_value is 1; quanto has 0, -1");
        insta::assert_snapshot!(refused(json!({"q_group_size": 0})), @"its q_group_size is 0; an integer from 1 to 1048576");
        insta::assert_snapshot!(refused(json!({"residual_length": -1})), @"its residual_length is -1; an integer from 0 to 268435456");
    }

    #[test]
    fn what_it_says_reads_back() {
        let given = json!({"backend": "hqq", "nbits": 8, "axis_key": 1, "residual_length": 3});
        let config = parse(given).unwrap();
        assert_eq!(parse(config.value()).unwrap(), config);
        assert_eq!(parse(Value::Null).unwrap(), QuantizedConfig::default());
    }

    #[test]
    fn groups_are_filled_by_whole_positions() {
        let unit = |group: usize, axis_key: i64, heads| {
            QuantizedConfig { group, axis_key, ..QuantizedConfig::default() }.unit(heads)
        };
        assert_eq!(unit(64, 0, (2, 64)), 1);
        assert_eq!(unit(64, 0, (1, 80)), 4);
        assert_eq!(unit(64, -1, (2, 64)), 32);
        assert_eq!(unit(48, -1, (1, 32)), 48);
        let small = QuantizedConfig { axis_key: -1, ..QuantizedConfig::default() };
        assert!(small.check_fit(64, (1, 64)).is_ok());
        insta::assert_snapshot!(small.check_fit(63, (1, 64)).unwrap_err().rule, @"groups of 64 (q_group_size) take 64 positions of this model, and a row has at most 63: nothing would be quantised; give a smaller q_group_size");
    }
}
