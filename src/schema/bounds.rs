//! The range of a number.

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::schema::Type;

/// The range of a number: each end open, inclusive or exclusive.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// At least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ge: Option<Number>,
    /// More than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gt: Option<Number>,
    /// At most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub le: Option<Number>,
    /// Less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lt: Option<Number>,
}

/// One end of a range of floats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct End {
    /// Where it is.
    pub at: f64,
    /// Whether it is part of the range.
    pub inclusive: bool,
}

impl Bounds {
    /// Whether no bound is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether `number` lies inside.
    pub fn contains(&self, number: &Number) -> bool {
        if let Some(whole) = whole(number) {
            return self.least().is_none_or(|least| whole >= least)
                && self.greatest().is_none_or(|greatest| whole <= greatest);
        }
        number.as_f64().is_some_and(|number| {
            self.low().is_none_or(|low| number > low.at || (low.inclusive && number == low.at))
                && self
                    .high()
                    .is_none_or(|high| number < high.at || (high.inclusive && number == high.at))
        })
    }

    /// The lower end, as floats see it.
    pub fn low(&self) -> Option<End> {
        end(self.ge.as_ref(), true).or(end(self.gt.as_ref(), false))
    }

    /// The upper end, as floats see it.
    pub fn high(&self) -> Option<End> {
        end(self.le.as_ref(), true).or(end(self.lt.as_ref(), false))
    }

    /// The least integer inside.
    pub fn least(&self) -> Option<i128> {
        match (&self.ge, &self.gt) {
            (Some(ge), _) => Some(whole(ge).unwrap_or(rounded(ge, f64::ceil))),
            (_, Some(gt)) => Some(whole(gt).unwrap_or(rounded(gt, f64::floor)) + 1),
            _ => None,
        }
    }

    /// The greatest integer inside.
    pub fn greatest(&self) -> Option<i128> {
        match (&self.le, &self.lt) {
            (Some(le), _) => Some(whole(le).unwrap_or(rounded(le, f64::floor))),
            (_, Some(lt)) => Some(whole(lt).unwrap_or(rounded(lt, f64::ceil)) - 1),
            _ => None,
        }
    }

    /// What contradicts itself in these bounds of a parameter of `types`, in words.
    pub(crate) fn contradiction(&self, types: &[Type]) -> Option<String> {
        if !types.iter().any(|one| one.is_number()) {
            return Some("bounds need the type int or float; remove them".to_owned());
        }
        if self.ge.is_some() && self.gt.is_some() {
            return Some("`ge` and `gt` are both set; keep one of them".to_owned());
        }
        if self.le.is_some() && self.lt.is_some() {
            return Some("`le` and `lt` are both set; keep one of them".to_owned());
        }
        let empty = match (self.low(), self.high()) {
            (Some(low), Some(high)) if low.inclusive && high.inclusive => low.at > high.at,
            (Some(low), Some(high)) => low.at >= high.at,
            _ => false,
        };
        let no_integer = types == [Type::Int]
            && matches!((self.least(), self.greatest()), (Some(least), Some(most)) if least > most);
        (empty || no_integer)
            .then(|| format!("no value lies inside ({}); widen them", self.in_words()))
    }

    /// The bounds as a condition: `> 0 and <= 1`.
    pub fn in_words(&self) -> String {
        let parts = [(">=", &self.ge), (">", &self.gt), ("<=", &self.le), ("<", &self.lt)];
        let parts = parts.iter().filter_map(|(sign, bound)| Some((sign, bound.as_ref()?)));
        parts.map(|(sign, bound)| format!("{sign} {bound}")).collect::<Vec<_>>().join(" and ")
    }
}

fn end(number: Option<&Number>, inclusive: bool) -> Option<End> {
    Some(End { at: number?.as_f64()?, inclusive })
}

/// The number as an integer, where it is written as one.
fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or(number.as_u64().map(i128::from))
}

/// A fractional bound rounded to an integer; beyond the range of `i128` it saturates.
fn rounded(number: &Number, round: fn(f64) -> f64) -> i128 {
    round(number.as_f64().unwrap_or_default()) as i128
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bounds(value: serde_json::Value) -> Bounds {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn ends_of_integers_respect_exclusion_and_fractions() {
        let exclusive = bounds(json!({"gt": 0, "lt": 10}));
        assert_eq!((exclusive.least(), exclusive.greatest()), (Some(1), Some(9)));
        let fractional = bounds(json!({"ge": 0.5, "le": 2.5}));
        assert_eq!((fractional.least(), fractional.greatest()), (Some(1), Some(2)));
        let large = bounds(json!({"le": u64::MAX}));
        assert_eq!(large.greatest(), Some(i128::from(u64::MAX)));
    }

    #[test]
    fn a_number_inside_is_contained() {
        let bounds = bounds(json!({"gt": 0, "le": 1}));
        for (number, inside) in [("0", false), ("0.0", false), ("1e-9", true), ("1.0", true)] {
            let number: Number = serde_json::from_str(number).unwrap();
            assert_eq!(bounds.contains(&number), inside, "{number}");
        }
    }
}
