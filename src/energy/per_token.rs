//! Joules per generated token, with what is open of them.

use crate::energy::{Doubt, Interval, RESOLVED, Reading};

/// Of the draws of the bootstrap: the same windows have the same interval.
const SEED: u64 = 0;

/// Joules per generated token, and how far they are uncertain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerToken {
    /// Gross joules per generated token: over all windows the sum over the sum.
    pub joules: f64,
    /// Half of what the ticks leave open. A bound: it lies nowhere beyond.
    pub u_quant: f64,
    /// Half of the 95 % confidence interval over the windows; none of fewer than two.
    pub u_repeat: Option<f64>,
}

impl PerToken {
    /// How far the difference of two of them may be off: the bounds add up, and the repeats, which
    /// are independent, by their squares. Where one has no repeats, only the bounds count.
    pub fn open(&self, other: &Self) -> f64 {
        let by_repeats = self.u_repeat.zip(other.u_repeat).map_or(0.0, |(one, two)| one.hypot(two));
        self.u_quant + other.u_quant + by_repeats
    }
}

impl Reading {
    /// Joules per generated token, or why they cannot be held against those of another reading.
    ///
    /// # Errors
    /// The reason: nothing was measured, nothing was generated, the device is shared, or the ticks
    /// leave more than 1 % of the gross joules open. That they leave more than that of the net ones
    /// is no hindrance: it is the gross ones that are compared.
    pub fn per_output_token(&self) -> Result<PerToken, String> {
        let joules = self.own_joules_per_token()?;
        let (Some(gross_j), Some(u_quant_j)) = (self.gross_j, self.u_quant_j) else {
            return Err(self.why_unknown());
        };
        if u_quant_j > RESOLVED * gross_j {
            let percent = 100.0 * u_quant_j / gross_j;
            return Err(Doubt::Underresolved { percent }.to_string());
        }
        let of_gross = joules / gross_j;
        let u_repeat = match Interval::of_ratio(&self.window_pairs(), SEED) {
            Some(interval) => Some(interval.half()),
            None => self.u_repeat_j.map(|u_repeat_j| u_repeat_j * of_gross),
        };
        Ok(PerToken { joules, u_quant: u_quant_j * of_gross, u_repeat })
    }

    /// Joules per generated token that are ours alone, however well they are resolved.
    ///
    /// # Errors
    /// The reason why there are none.
    pub(super) fn own_joules_per_token(&self) -> Result<f64, String> {
        let fatal = self.doubts.iter().find(|doubt| doubt.is_fatal());
        let shared = self.doubts.iter().find(|doubt| matches!(doubt, Doubt::Shared { .. }));
        if let Some(doubt) = fatal.or(shared) {
            return Err(doubt.to_string());
        }
        let joules = self.j_per_output_token.ok_or_else(|| self.why_unknown())?;
        match joules.is_finite() && joules > 0.0 {
            true => Ok(joules),
            false => Err(format!("{joules} J per token are no measure")),
        }
    }

    fn why_unknown(&self) -> String {
        self.reason.clone().unwrap_or_else(|| "no reason was given".to_owned())
    }

    /// Joules and generated tokens of each window; empty where one of the two was not kept.
    pub(super) fn window_pairs(&self) -> Vec<(f64, f64)> {
        if self.window_gross_j.len() != self.window_output_tokens.len() {
            return Vec::new();
        }
        let tokens = self.window_output_tokens.iter().map(|tokens| *tokens as f64);
        self.window_gross_j.iter().copied().zip(tokens).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        Reading {
            gross_j: Some(100.0),
            u_quant_j: Some(0.5),
            j_per_output_token: Some(2.0),
            window_gross_j: vec![98.0, 100.0, 102.0],
            window_output_tokens: vec![49, 50, 51],
            ..Reading::default()
        }
    }

    #[test]
    fn what_is_open_is_of_a_token() {
        let one = reading().per_output_token().unwrap();
        assert_eq!((one.joules, one.u_quant), (2.0, 0.01));
        // Joules follow the tokens: windows differ, and joules per token do not.
        assert!(one.u_repeat.unwrap() < 1e-9, "{one:?}");
        let without = Reading { window_gross_j: Vec::new(), ..reading() };
        assert_eq!(without.per_output_token().unwrap().u_repeat, None);
        let recorded = Reading { u_repeat_j: Some(5.0), ..without };
        assert_eq!(recorded.per_output_token().unwrap().u_repeat, Some(0.1));
    }

    #[test]
    fn bounds_add_up_and_repeats_by_their_squares() {
        let of = |u_quant, u_repeat| PerToken { joules: 1.0, u_quant, u_repeat };
        assert_eq!(of(0.25, Some(3.0)).open(&of(0.5, Some(4.0))), 5.75);
        assert_eq!(of(0.25, Some(3.0)).open(&of(0.5, None)), 0.75);
    }

    #[test]
    fn what_cannot_be_compared_says_why() {
        let why = |change: fn(&mut Reading)| {
            let mut one = reading();
            change(&mut one);
            one.per_output_token().unwrap_err()
        };
        let all = [
            why(|one| *one = Reading::unknown("no source of energy")),
            why(|one| *one = Reading::default()),
            why(|one| one.u_quant_j = Some(2.0)),
            why(|one| one.doubts = vec![Doubt::Shared { with: "process 7".to_owned() }]),
            why(|one| one.doubts = vec![Doubt::LimitChanged, Doubt::Reset]),
            why(|one| one.j_per_output_token = Some(0.0)),
        ];
        insta::assert_snapshot!(all.join("\n"), @r"
        no source of energy
        no reason was given
        the ticks leave 2.0 % open: repeat the work more often
        the device is shared with process 7
        the counter went back: its driver was loaded anew
        0 J per token are no measure
        ");
        let by_net = Doubt::Underresolved { percent: 40.0 };
        let one = Reading { doubts: vec![by_net], ..reading() };
        assert!(one.per_output_token().is_ok(), "of the gross joules they leave half a percent");
    }
}
