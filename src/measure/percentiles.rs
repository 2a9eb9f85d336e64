//! A spread of seconds: mean, extremes, percentiles.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::energy::statistics;

/// The spread of some seconds. A percentile is that of linear interpolation between the two
/// nearest values (as `numpy.percentile` has it), and null where there are too few values for one
/// to lie beyond it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// How many values there are.
    pub n: u64,
    /// Their mean.
    pub mean_s: Option<f64>,
    /// The standard deviation of the sample; null for fewer than two.
    pub sd_s: Option<f64>,
    /// The least.
    pub min_s: Option<f64>,
    /// The median.
    pub p50_s: Option<f64>,
    /// Nine of ten are at most this; null for fewer than 10 values.
    pub p90_s: Option<f64>,
    /// Nineteen of twenty are at most this; null for fewer than 20 values.
    pub p95_s: Option<f64>,
    /// Ninety-nine of a hundred are at most this; null for fewer than 100 values.
    pub p99_s: Option<f64>,
    /// The most.
    pub max_s: Option<f64>,
}

impl Percentiles {
    /// Those of `values`.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let tail = |percent: usize| {
            (sorted.len() * (100 - percent) >= 100).then(|| at(&sorted, percent as f64)).flatten()
        };
        Self {
            n: sorted.len() as u64,
            mean_s: statistics::mean(&sorted),
            sd_s: statistics::sd(&sorted),
            min_s: sorted.first().copied(),
            p50_s: at(&sorted, 50.0),
            p90_s: tail(90),
            p95_s: tail(95),
            p99_s: tail(99),
            max_s: sorted.last().copied(),
        }
    }

    /// Why each figure that is null is so, by its name.
    pub fn reasons(&self) -> BTreeMap<&'static str, String> {
        let needs = |least: u64| format!("needs at least {least} values; there were {}", self.n);
        let figures = [
            ("mean_s", self.mean_s, 1),
            ("sd_s", self.sd_s, 2),
            ("min_s", self.min_s, 1),
            ("p50_s", self.p50_s, 1),
            ("p90_s", self.p90_s, 10),
            ("p95_s", self.p95_s, 20),
            ("p99_s", self.p99_s, 100),
            ("max_s", self.max_s, 1),
        ];
        let missing = figures.into_iter().filter(|(_, value, _)| value.is_none());
        missing.map(|(name, _, least)| (name, needs(least))).collect()
    }
}

/// The value at `percent` of `sorted`, between the two nearest.
fn at(sorted: &[f64], percent: f64) -> Option<f64> {
    let place = percent / 100.0 * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted.get(place.floor() as usize)?, sorted.get(place.ceil() as usize)?);
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentiles_are_those_of_numpy() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let spread = Percentiles::of(&values);
        let close = |found: Option<f64>, wanted: f64| (found.unwrap() - wanted).abs() < 1e-9;
        // numpy.percentile(range(1, 101), [50, 90, 95, 99]), numpy.std(.., ddof=1)
        assert!(close(spread.p50_s, 50.5) && close(spread.p90_s, 90.1));
        assert!(close(spread.p95_s, 95.05) && close(spread.p99_s, 99.01));
        assert!(close(spread.sd_s, 29.011_491_975_882_016) && close(spread.mean_s, 50.5));
        assert!(spread.reasons().is_empty());
    }

    #[test]
    fn a_tail_of_few_values_is_not_known() {
        let four = Percentiles::of(&[4.0, 1.0, 3.0, 2.0]);
        assert_eq!((four.p50_s, four.max_s, four.p90_s), (Some(2.5), Some(4.0), None));
        assert_eq!(four.reasons()["p99_s"], "needs at least 100 values; there were 4");
        assert_eq!(four.reasons().len(), 3);
        let none = Percentiles::of(&[]);
        assert_eq!(none, Percentiles::default());
        assert_eq!(none.reasons().len(), 8);
        assert!(Percentiles::of(&[1.0; 10]).p90_s.is_some());
        assert!(Percentiles::of(&[1.0; 99]).p99_s.is_none());
    }

    proptest! {
        #[test]
        fn figures_are_in_order(values in prop::collection::vec(0.0..1e6_f64, 1..300)) {
            let spread = Percentiles::of(&values);
            let all = [spread.min_s, spread.p50_s, spread.p90_s, spread.p95_s, spread.p99_s, spread.max_s];
            let known: Vec<f64> = all.into_iter().flatten().collect();
            prop_assert!(known.is_sorted(), "{:?}", known);
            let (mean, slack) = (spread.mean_s.unwrap(), 1e-6);
            prop_assert!(known[0] - slack <= mean && mean <= known[known.len() - 1] + slack);
        }
    }
}
