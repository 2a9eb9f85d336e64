//! What differs between two runs of the same.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::energy::{Reading, statistics};

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
    /// What was repeated.
    pub of: Repeated,
}

/// What a band was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Repeated {
    /// The baseline case, at several times of a run: how the machine drifts is in the band.
    Cases,
    /// Windows of one baseline case, one right after the other: no drift is in the band.
    Windows,
}

impl NoiseBand {
    /// The band that `values` show: the prediction interval of one more of them, by Student's t.
    /// None for fewer than two, or where one is no number.
    pub fn of(values: &[f64], of: Repeated) -> Option<Self> {
        let (middle, sd) = (statistics::mean(values)?, statistics::sd(values)?);
        let n = values.len();
        let half = statistics::t_975(n - 1)? * sd * (1.0 + 1.0 / n as f64).sqrt();
        half.is_finite().then_some(Self { middle, half, n, of })
    }

    /// The band of joules per generated token, from the readings of the baseline case of one
    /// backend. Those that are unknown or of a shared device, or of other devices than the first,
    /// are left out; what the ticks leave open of the others is in what they differ by. Where one is
    /// left, its windows make the band.
    pub fn of_baselines<'a>(readings: impl IntoIterator<Item = &'a Reading>) -> Option<Self> {
        let mut all: Vec<(&Reading, f64)> = readings
            .into_iter()
            .filter_map(|one| Some((one, one.own_joules_per_token().ok()?)))
            .collect();
        let (first, _) = *all.first()?;
        all.retain(|(one, _)| one.source == first.source && one.scope == first.scope);
        if all.len() > 1 {
            let values: Vec<f64> = all.iter().map(|(_, joules)| *joules).collect();
            return Self::of(&values, Repeated::Cases);
        }
        let windows = first.window_pairs().into_iter();
        let values: Vec<f64> = windows.map(|(joules, tokens)| joules / tokens).collect();
        Self::of(&values, Repeated::Windows)
    }

    /// Whether a value says nothing: it lies in the band.
    pub fn holds(&self, value: f64) -> bool {
        (value - self.middle).abs() <= self.half
    }

    /// How far two further values lie apart when nothing was changed, in 95 of 100 cases. That is
    /// more than half of the band: the mean of the repeats moves less than a value.
    pub fn apart(&self) -> f64 {
        self.half * (2.0 / (1.0 + 1.0 / self.n as f64)).sqrt()
    }

    /// The same as a part of the mean; none where that is not above 0.
    pub fn apart_of_middle(&self) -> Option<f64> {
        (self.middle > 0.0).then(|| self.apart() / self.middle)
    }
}

/// How wide, and from what: `±1.3 % (5 baselines)`.
impl fmt::Display for NoiseBand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.apart_of_middle() {
            Some(part) => write!(f, "±{:.2} %", 100.0 * part)?,
            None => write!(f, "±{:.3}", self.apart())?,
        }
        match self.of {
            Repeated::Cases => write!(f, " ({} baselines)", self.n),
            Repeated::Windows => write!(f, " ({} windows of one baseline, no drift)", self.n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::Doubt;
    use crate::energy::tests::fake::Chance;

    #[test]
    fn holds_95_of_100_of_the_same() {
        for n in [3, 5, 20] {
            let mut chance = Chance::new(n);
            let (mut held, mut near) = (0, 0);
            for _ in 0..4000 {
                let mut next = || 50.0 + chance.normal();
                let values: Vec<f64> = (0..n).map(|_| next()).collect();
                let band = NoiseBand::of(&values, Repeated::Cases).unwrap();
                let (one, other) = (next(), next());
                held += usize::from(band.holds(one));
                near += usize::from((one - other).abs() <= band.apart());
            }
            assert!((3760..=3840).contains(&held), "{n}: {held} of 4000");
            assert!((3760..=3840).contains(&near), "{n}: {near} of 4000");
        }
    }

    #[test]
    fn one_value_is_no_band() {
        let of = |values: &[f64]| NoiseBand::of(values, Repeated::Cases);
        assert_eq!(of(&[1.0]), None);
        assert_eq!(of(&[1.0, f64::NAN]), None);
        assert!(!of(&[1.0, 1.1, 0.9]).unwrap().holds(2.0));
    }

    /// A baseline of 10 tokens in each of two windows.
    fn baseline(one_j: f64, other_j: f64) -> Reading {
        Reading {
            gross_j: Some((one_j + other_j) / 2.0),
            u_quant_j: Some(0.0),
            j_per_output_token: Some((one_j + other_j) / 20.0),
            window_gross_j: vec![one_j, other_j],
            window_output_tokens: vec![10, 10],
            scope: vec!["package-0".to_owned()],
            ..Reading::default()
        }
    }

    #[test]
    fn baselines_make_the_band_and_one_alone_its_windows() {
        let all = [baseline(19.0, 21.0), baseline(20.0, 22.0), baseline(21.0, 23.0)];
        let band = NoiseBand::of_baselines(&all).unwrap();
        assert_eq!((band.middle, band.n, band.of), (2.1, 3, Repeated::Cases));
        insta::assert_snapshot!(band, @"±28.98 % (3 baselines)");
        let alone = NoiseBand::of_baselines(&all[..1]).unwrap();
        assert_eq!((alone.middle, alone.n, alone.of), (2.0, 2, Repeated::Windows));
        insta::assert_snapshot!(alone, @"±127.06 % (2 windows of one baseline, no drift)");
        assert_eq!(NoiseBand::of_baselines([]), None);
    }

    #[test]
    fn baselines_that_cannot_be_compared_are_left_out() {
        let shared = Doubt::Shared { with: "process 7".to_owned() };
        let elsewhere = Reading { scope: vec!["package-1".to_owned()], ..baseline(90.0, 90.0) };
        let shared = Reading { doubts: vec![shared], ..baseline(80.0, 80.0) };
        let all = [shared, baseline(19.0, 21.0), elsewhere, Reading::unknown("lost")];
        let band = NoiseBand::of_baselines(&all).unwrap();
        assert_eq!((band.n, band.of), (2, Repeated::Windows));
    }
}
