//! Warming up until the work is steady.

use serde::{Deserialize, Serialize};

use crate::energy::statistics;

/// When rounds of work are steady: the last `last` of them vary by `limit_cv` at the most, in the
/// time that they take and, where there is power, in that too. The clocks of a device settle before
/// its power does, so time alone says too early that it is warm.
#[derive(Debug, Clone)]
pub struct WarmUp {
    limit_cv: f64,
    last: usize,
    most: usize,
    seconds: Vec<f64>,
    watts: Vec<Option<f64>>,
}

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Warmth {
    /// Rounds so far.
    pub rounds: usize,
    /// Whether another round is due.
    pub go_on: bool,
    /// Whether the last rounds are steady. A warm-up that ends without it is a warning.
    pub converged: bool,
    /// The coefficient of variation of the time of the last rounds; null while they are too few.
    pub time_cv: Option<f64>,
    /// That of their power; null while they are too few, or where one has none.
    pub power_cv: Option<f64>,
}

impl WarmUp {
    /// A warm-up of `most` rounds at the most, whose last `last` (at least 2) are looked at.
    pub fn new(limit_cv: f64, last: usize, most: usize) -> Self {
        Self { limit_cv, last: last.max(2), most, seconds: Vec::new(), watts: Vec::new() }
    }

    /// Adds a round that took so many seconds, at so many watts where these are known.
    pub fn push(&mut self, seconds: f64, watts: Option<f64>) -> Warmth {
        self.seconds.push(seconds);
        self.watts.push(watts);
        self.warmth()
    }

    /// How far it has come.
    pub fn warmth(&self) -> Warmth {
        let rounds = self.seconds.len();
        let from = rounds.checked_sub(self.last);
        let time_cv = from.and_then(|from| statistics::cv(&self.seconds[from..]));
        let watts: Option<Vec<f64>> =
            from.and_then(|from| self.watts[from..].iter().copied().collect());
        let power_cv = watts.and_then(|watts| statistics::cv(&watts));
        let steady = |cv: f64| cv <= self.limit_cv;
        let converged = time_cv.is_some_and(steady) && power_cv.is_none_or(steady);
        let go_on = !converged && rounds < self.most;
        Warmth { rounds, go_on, converged, time_cv, power_cv }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_when_the_last_rounds_are_steady() {
        let mut warm_up = WarmUp::new(0.02, 3, 20);
        let times = [9.0, 3.0, 1.5, 1.01, 1.0, 1.0, 1.0];
        let took = times.iter().position(|time| !warm_up.push(*time, None).go_on);
        assert_eq!(took, Some(5));
        assert!(warm_up.warmth().converged);
    }

    #[test]
    fn power_must_be_steady_too() {
        let mut warm_up = WarmUp::new(0.02, 3, 20);
        let watts = [200.0, 300.0, 400.0, 450.0, 451.0, 452.0];
        let took = watts.iter().position(|watts| !warm_up.push(1.0, Some(*watts)).go_on);
        assert_eq!(took, Some(5));
    }

    #[test]
    fn is_capped() {
        let mut warm_up = WarmUp::new(0.02, 3, 5);
        let rounds: Vec<Warmth> =
            (0..5).map(|round| warm_up.push(f64::from(round + 1), None)).collect();
        assert!(rounds[3].go_on && !rounds[4].go_on && !rounds[4].converged);
        assert_eq!(rounds[1].time_cv, None);
        assert!(rounds[4].time_cv.unwrap() > 0.2);
    }

    #[test]
    fn no_time_is_not_steady() {
        let mut warm_up = WarmUp::new(0.02, 2, 9);
        warm_up.push(0.0, None);
        assert!(!warm_up.push(0.0, None).converged);
    }
}
