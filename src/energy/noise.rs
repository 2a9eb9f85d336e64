//! What differs between two runs of the same.

use serde::{Deserialize, Serialize};

use crate::energy::statistics;

/// The band in which a metric of a case lies when nothing was changed, in 95 of 100 cases: from
/// repeats of the baseline case (A/A).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NoiseBand {
    /// The mean of the repeats.
    pub middle: f64,
    /// Half of the width of the band.
    pub half: f64,
    /// How many repeats.
    pub n: usize,
}

impl NoiseBand {
    /// The band that `values` show: the prediction interval of one more of them, by Student's t.
    /// None for fewer than two, or where one is no number.
    pub fn of(values: &[f64]) -> Option<Self> {
        let (middle, sd) = (statistics::mean(values)?, statistics::sd(values)?);
        let n = values.len();
        let half = statistics::t_975(n - 1)? * sd * (1.0 + 1.0 / n as f64).sqrt();
        half.is_finite().then_some(Self { middle, half, n })
    }

    /// Whether a value says nothing: it lies in the band.
    pub fn holds(&self, value: f64) -> bool {
        (value - self.middle).abs() <= self.half
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::tests::fake::Chance;

    #[test]
    fn holds_95_of_100_of_the_same() {
        for n in [3, 5, 20] {
            let mut chance = Chance::new(n);
            let mut held = 0;
            for _ in 0..4000 {
                let values: Vec<f64> = (0..n).map(|_| 50.0 + chance.normal()).collect();
                let next = 50.0 + chance.normal();
                held += usize::from(NoiseBand::of(&values).unwrap().holds(next));
            }
            assert!((3760..=3840).contains(&held), "{n}: {held} of 4000");
        }
    }

    #[test]
    fn one_value_is_no_band() {
        assert_eq!(NoiseBand::of(&[1.0]), None);
        assert_eq!(NoiseBand::of(&[1.0, f64::NAN]), None);
        assert!(!NoiseBand::of(&[1.0, 1.1, 0.9]).unwrap().holds(2.0));
    }
}
