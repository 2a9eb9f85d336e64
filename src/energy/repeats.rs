//! Readings of the same work, measured more than once.

use crate::energy::window::{Reasons, underresolved};
use crate::energy::{Doubt, Interval, RESOLVED, Reading, Tokens};

impl Reading {
    /// The mean over repeats of the same work, each in a window of its own, with what it worked on.
    ///
    /// Numbers are means; joules per token are sum over sum. `u_repeat_j` is half of the 95 %
    /// confidence interval of the mean (`seed` for its draws), and null for a single repeat. What
    /// ticks and baseline leave open stays what it is in one window: repeating does not end it.
    /// A repeat without joules leaves the whole without: a mean of those that went well would not
    /// be one of the work.
    pub fn of_repeats(repeats: &[(Self, Option<Tokens>)], seed: u64) -> Self {
        let Some((first, _)) = repeats.first() else {
            return Self::unknown("nothing was measured");
        };
        let mut all = Self {
            source: first.source,
            scope: first.scope.clone(),
            doubts: doubts(repeats),
            repeats: u32::try_from(repeats.len()).ok(),
            ticks: repeats.iter().filter_map(|(one, _)| one.ticks).min(),
            tick_period_ms: mean(repeats, |one| one.tick_period_ms),
            window_s: mean(repeats, |one| one.window_s),
            ..Self::default()
        };
        let differ = |(one, _): &&(Self, _)| one.source != all.source || one.scope != all.scope;
        let mut reasons = Reasons::default();
        if repeats.iter().any(|repeat| differ(&repeat)) {
            reasons.say("the repeats were measured on different devices");
        } else if let Some(at) = repeats.iter().position(|(one, _)| one.gross_j.is_none()) {
            let why = repeats[at].0.reason.as_deref().unwrap_or("no reason was given");
            reasons.say(format!("repeat {} of {}: {why}", at + 1, repeats.len()));
        } else {
            all.means(repeats, seed, &mut reasons);
        }
        all.reason = reasons.text();
        all
    }

    /// Fills in the numbers of repeats that all have joules.
    fn means(&mut self, repeats: &[(Self, Option<Tokens>)], seed: u64, reasons: &mut Reasons) {
        self.gross_j = mean(repeats, |one| one.gross_j);
        self.net_j = mean(repeats, |one| one.net_j);
        self.lo_j = mean(repeats, |one| one.lo_j);
        self.hi_j = mean(repeats, |one| one.hi_j);
        self.u_quant_j = mean(repeats, |one| one.u_quant_j);
        self.u_baseline_j = mean(repeats, |one| one.u_baseline_j);
        self.prefill_j = mean(repeats, |one| one.prefill_j);
        self.decode_j = mean(repeats, |one| one.decode_j);
        for (one, _) in repeats {
            if let Some(reason) = &one.reason {
                reasons.say(reason.clone());
            }
        }

        let joules: Vec<f64> = repeats.iter().filter_map(|(one, _)| one.gross_j).collect();
        match Interval::of_mean(&joules, seed) {
            Some(interval) => self.u_repeat_j = Some(interval.half()),
            None => reasons.say("no u_repeat: the work was measured once"),
        }
        if let (Some(u_quant_j), Some(of_j)) = (self.u_quant_j, self.net_j.or(self.gross_j))
            && u_quant_j > RESOLVED * of_j.abs()
        {
            self.doubts.push(underresolved(u_quant_j, of_j.abs()));
        }
        let tokens: Option<Vec<Tokens>> = repeats.iter().map(|(_, tokens)| *tokens).collect();
        if let Some(tokens) = tokens {
            let sum = tokens.iter().fold(Tokens::default(), |sum, one| Tokens {
                prompt: sum.prompt.saturating_add(one.prompt),
                output: sum.output.saturating_add(one.output),
            });
            self.per_token(joules.iter().sum(), sum, reasons);
            self.window_output_tokens = tokens.iter().map(|one| one.output).collect();
        }
        self.window_gross_j = joules;
    }
}

/// The mean of a number over the repeats; none where one of them does not have it.
fn mean(
    repeats: &[(Reading, Option<Tokens>)],
    number: impl Fn(&Reading) -> Option<f64>,
) -> Option<f64> {
    let all: Option<Vec<f64>> = repeats.iter().map(|(one, _)| number(one)).collect();
    crate::energy::statistics::mean(&all?)
}

/// What speaks against any of them, each once. How far the ticks resolve is said anew.
fn doubts(repeats: &[(Reading, Option<Tokens>)]) -> Vec<Doubt> {
    let mut all = Vec::new();
    for doubt in repeats.iter().flat_map(|(one, _)| &one.doubts) {
        if !matches!(doubt, Doubt::Underresolved { .. }) && !all.contains(doubt) {
            all.push(doubt.clone());
        }
    }
    all
}
