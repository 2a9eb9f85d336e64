//! Warming up: the same request again and again, until it takes the same time and the same power
//! each time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::energy::statistics;

/// How long is warmed up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WarmUp {
    /// The most requests; 0 for no warm-up at all.
    pub most: usize,
    /// How many of the last requests are looked at.
    pub window: usize,
    /// It is warm where their coefficient of variation (standard deviation over mean) is at most
    /// this, in time and, where that is known, in power.
    pub most_cv: f64,
}

impl Default for WarmUp {
    fn default() -> Self {
        Self { most: 20, window: 5, most_cv: 0.05 }
    }
}

/// How a warm-up went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WarmedUp {
    /// Requests that were made for it. They are in no other figure.
    pub requests: u64,
    /// Seconds that they took.
    pub duration_s: f64,
    /// Whether the last of them were the same by the `criterion`; null without a warm-up.
    pub converged: Option<bool>,
    /// By what it was to converge; null without a warm-up.
    pub criterion: Option<Criterion>,
    /// The coefficient of variation of the seconds per token of the last of them; null where there
    /// were too few.
    pub cv: Option<f64>,
    /// That of their power; null where there is no source, or where they are too short for it.
    pub power_cv: Option<f64>,
}

/// By what an engine is held to be warm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// The seconds per token.
    Time,
    /// The seconds per token, and the power.
    TimeAndPower,
}

impl WarmUp {
    /// The coefficient of variation of the last values that are looked at; none where there are
    /// fewer, or where they are all 0.
    pub fn cv(&self, seconds: &[f64]) -> Option<f64> {
        let last = seconds.len().checked_sub(self.window).map(|from| &seconds[from..])?;
        statistics::cv(last)
    }

    /// Whether power that varies by `cv` is that of a warm engine; what is not known does not say
    /// no.
    pub fn is_steady<E>(&self, cv: &Result<f64, E>) -> bool {
        cv.as_ref().map_or(true, |cv| *cv <= self.most_cv)
    }

    /// Whether these values, in their order, are those of a warm engine.
    pub fn is_warm(&self, seconds: &[f64]) -> bool {
        self.cv(seconds).is_some_and(|cv| cv <= self.most_cv)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_warm_once_the_last_take_the_same_time() {
        let warm_up = WarmUp::default();
        let cold = [9.0, 3.0, 1.0, 1.0, 1.0, 1.0];
        assert!(!warm_up.is_warm(&cold[..4]), "too few");
        assert!(!warm_up.is_warm(&cold), "3.0 is among the last five");
        assert!(warm_up.is_warm(&[9.0, 3.0, 1.0, 1.01, 0.99, 1.0, 1.0]));
        assert_eq!(warm_up.cv(&[0.0; 9]), None);
    }

    proptest! {
        /// What came before the window has no say, nor has the unit of time.
        #[test]
        fn only_the_shape_of_the_last_counts(
            before in prop::collection::vec(0.0..1e3_f64, 0..9),
            last in prop::collection::vec(0.1..10.0_f64, 5),
            unit in 1e-3..1e3_f64,
        ) {
            let warm_up = WarmUp::default();
            let all: Vec<f64> = before.iter().chain(&last).map(|value| value * unit).collect();
            let (one, other) = (warm_up.cv(&all).unwrap(), warm_up.cv(&last).unwrap());
            prop_assert!((one - other).abs() < 1e-9);
        }
    }
}
