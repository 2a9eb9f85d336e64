//! What a window of time amounts to: traces in, a reading out.

use crate::energy::{
    Baseline, BaselineKind, Bracket, Doubt, Phases, Quantity, Reading, Tick, Tokens, Trace,
    agreement,
};

/// What the ticks may leave open, as a part of the net joules; gross ones where there are no net.
pub const RESOLVED: f64 = 0.01;

/// Ticks that a phase must span to be told apart: then they leave open a tenth of it at the most.
const TICKS_OF_PHASE: u64 = 10;

/// A time from one nanosecond to another, of the clock of the traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its begin.
    pub begin_ns: u64,
    /// Its end.
    pub end_ns: u64,
}

/// A window in which work was done, and what is known of that work.
#[derive(Debug, Clone, Default)]
pub struct Window<'a> {
    /// When the work began, in nanoseconds of the clock of the traces.
    pub begin_ns: u64,
    /// When it was done; the traces go on until [`Trace::covers_end`].
    pub end_ns: u64,
    /// Idle power of the same meters with the model loaded; without it there is no net.
    pub baseline: Option<&'a Baseline>,
    /// None where nobody counted.
    pub tokens: Option<Tokens>,
    /// How often the work was done within the window.
    pub repeats: Option<u32>,
    /// None where nobody tells them apart.
    pub phases: Option<&'a Phases>,
    /// What the power of the same devices told meanwhile, where `traces` are counters.
    pub others: &'a [Trace],
    /// What others know to speak against it: foreign processes, throttling, a changed limit.
    pub doubts: Vec<Doubt>,
}

impl Window<'_> {
    /// The energy of the window by `traces`: one per device, all of one source, which are added up.
    ///
    /// The joules are null, with the reason, where there is a fatal doubt in one of the traces.
    pub fn reading(&self, traces: &[Trace]) -> Reading {
        let mut reading = Reading {
            source: traces.first().map(Trace::source).unwrap_or_default(),
            scope: traces.iter().map(|trace| trace.scope().to_owned()).collect(),
            doubts: self.doubts.clone(),
            repeats: self.repeats,
            tick_period_ms: tick_period_ms(traces),
            ..Reading::default()
        };
        let mut reasons = Reasons::default();
        if let Some(why) = self.unfit(traces) {
            reasons.say(why);
        } else {
            reading.window_s = Some(self.seconds());
            let brackets: Vec<_> =
                traces.iter().map(|trace| Bracket::of(trace, self.begin_ns, self.end_ns)).collect();
            for (trace, bracket) in traces.iter().zip(&brackets) {
                if let Err(doubt) = bracket {
                    reasons.say(format!("{}: {doubt}", trace.scope()));
                    reading.doubts.push(doubt.clone());
                }
            }
            for doubt in self.doubts.iter().filter(|doubt| doubt.is_fatal()) {
                reasons.say(doubt.to_string());
            }
            let all: Result<Vec<_>, _> = brackets.into_iter().collect();
            if let Ok(all) = all
                && reasons.none()
            {
                self.numbers(&mut reading, &all, traces, &mut reasons);
            }
        }
        reading.reason = reasons.text();
        reading
    }

    /// Why nothing can be said of the window at all.
    fn unfit(&self, traces: &[Trace]) -> Option<String> {
        let Some(first) = traces.first() else {
            return Some("no meter was read".to_owned());
        };
        if self.end_ns <= self.begin_ns {
            return Some("the window has no length".to_owned());
        }
        if traces.iter().any(|trace| trace.source() != first.source()) {
            return Some("its meters are of several sources, whose joules overlap".to_owned());
        }
        let twice = (1..traces.len())
            .find(|at| traces[..*at].iter().any(|t| t.scope() == traces[*at].scope()));
        twice.map(|at| format!("{} would be counted twice", traces[at].scope()))
    }

    /// Fills in what the brackets, one per trace, say.
    fn numbers(
        &self,
        reading: &mut Reading,
        brackets: &[Bracket],
        traces: &[Trace],
        reasons: &mut Reasons,
    ) {
        let sum = |number: fn(&Bracket) -> f64| brackets.iter().map(number).sum::<f64>();
        let gross_j = sum(|bracket| bracket.estimate_j);
        let (lo_j, hi_j) = (sum(|bracket| bracket.lo_j), sum(|bracket| bracket.hi_j));
        let u_quant_j = (hi_j - lo_j) / 2.0;
        reading.gross_j = Some(gross_j);
        reading.lo_j = Some(lo_j);
        reading.hi_j = Some(hi_j);
        reading.u_quant_j = Some(u_quant_j);
        reading.ticks = brackets.iter().map(|bracket| bracket.ticks).min();

        self.net(reading, gross_j, reasons);
        let of_j = reading.net_j.unwrap_or(gross_j).abs();
        if u_quant_j > RESOLVED * of_j {
            reading.doubts.push(underresolved(u_quant_j, of_j));
        }
        if let Some(ms) = self.averaged_over_ms(traces) {
            reading.doubts.push(Doubt::Averaged { ms });
        }
        let disagreement = agreement::disagreement(traces, self.others, self.begin_ns, self.end_ns);
        reading.doubts.extend(disagreement);
        if let Some(tokens) = self.tokens {
            reading.per_token(gross_j, tokens, reasons);
        }
        if let Some(phases) = self.phases {
            reading.prefill_j = phase_j(&phases.prefill, traces, "prefill", reasons);
            reading.decode_j = phase_j(&phases.decode, traces, "decode", reasons);
        }
    }

    /// Takes the baseline away from the gross joules.
    fn net(&self, reading: &mut Reading, gross_j: f64, reasons: &mut Reasons) {
        if let Some(shared) = self.doubts.iter().find(|d| matches!(d, Doubt::Shared { .. })) {
            return reasons.say(format!("no net: {shared}"));
        }
        let Some(baseline) = self.baseline else {
            return reasons.say("no net: no baseline was taken");
        };
        if baseline.kind != BaselineKind::Model {
            return reasons.say("no net: the baseline is of a machine without the model");
        }
        if baseline.source != reading.source || baseline.scope != reading.scope {
            return reasons.say("no net: the baseline is of other devices");
        }
        reading.net_j = Some(gross_j - baseline.mean_w * self.seconds());
        match baseline.u_w() {
            Some(u_w) => reading.u_baseline_j = Some(u_w * self.seconds()),
            None => reasons.say("no u_baseline: the baseline has a single part"),
        }
        if let Some(stale) = baseline.stale(self.begin_ns, None) {
            reading.doubts.push(stale);
        }
    }

    /// Over how long a sensor averages, in milliseconds, where that is longer than the window.
    fn averaged_over_ms(&self, traces: &[Trace]) -> Option<f64> {
        let averages_ns = traces.iter().filter_map(|trace| match trace.quantity() {
            Quantity::Power { averages_over_ns } => Some(averages_over_ns),
            Quantity::Energy { .. } => None,
        });
        let longest_ns = averages_ns.max()?;
        (longest_ns > self.end_ns - self.begin_ns).then_some(longest_ns as f64 / 1e6)
    }

    fn seconds(&self) -> f64 {
        (self.end_ns - self.begin_ns) as f64 / 1e9
    }
}

impl Reading {
    /// Joules per token, where there are tokens.
    pub(super) fn per_token(&mut self, gross_j: f64, tokens: Tokens, reasons: &mut Reasons) {
        let total = tokens.prompt.saturating_add(tokens.output);
        let per = |count: u64| (count > 0).then(|| gross_j / count as f64);
        self.j_per_output_token = per(tokens.output);
        self.j_per_total_token = per(total);
        if tokens.output == 0 {
            reasons.say("no joules per output token: none was generated");
        }
        if total == 0 {
            reasons.say("no joules per token: there was none");
        }
    }
}

/// The doubt that ticks leave `u_quant_j` of `of_j` open.
pub(super) fn underresolved(u_quant_j: f64, of_j: f64) -> Doubt {
    // JSON knows no infinity, and beyond this nobody cares.
    Doubt::Underresolved { percent: (100.0 * u_quant_j / of_j).min(1e6) }
}

/// Joules of all spans of a phase; none where the ticks are too few for one of them.
fn phase_j(spans: &[Span], traces: &[Trace], phase: &str, reasons: &mut Reasons) -> Option<f64> {
    let mut joules = 0.0;
    for Span { begin_ns, end_ns } in spans {
        for trace in traces {
            match Bracket::of(trace, *begin_ns, *end_ns) {
                Ok(bracket)
                    if is_wide_enough(trace, &bracket, end_ns.saturating_sub(*begin_ns)) =>
                {
                    joules += bracket.estimate_j;
                }
                Ok(_) => {
                    reasons.say(format!("no joules of {phase}: it spans too few ticks"));
                    return None;
                }
                Err(doubt) => {
                    reasons.say(format!("no joules of {phase}: {doubt}"));
                    return None;
                }
            }
        }
    }
    (!spans.is_empty()).then_some(joules)
}

/// Whether a phase can be told from what is beside it.
fn is_wide_enough(trace: &Trace, bracket: &Bracket, length_ns: u64) -> bool {
    bracket.ticks >= TICKS_OF_PHASE
        && match trace.quantity() {
            Quantity::Energy { .. } => true,
            Quantity::Power { averages_over_ns } => {
                length_ns >= averages_over_ns.saturating_mul(TICKS_OF_PHASE)
            }
        }
}

/// The longest tick among the traces, in milliseconds; none where one of them does not show it.
fn tick_period_ms(traces: &[Trace]) -> Option<f64> {
    let ticks = traces.iter().map(|trace| match trace.quantity() {
        Quantity::Energy { .. } => trace.tick().or_else(|| Tick::learn(trace)),
        Quantity::Power { .. } => None,
    });
    let periods_ms: Option<Vec<f64>> = ticks.map(|tick| Some(tick?.period_ms())).collect();
    periods_ms?.into_iter().max_by(f64::total_cmp)
}

/// Why numbers are missing.
#[derive(Debug, Default)]
pub(super) struct Reasons(Vec<String>);

impl Reasons {
    /// Adds one, where it was not said yet.
    pub(super) fn say(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        if !self.0.contains(&reason) {
            self.0.push(reason);
        }
    }

    fn none(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn text(self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join("; "))
    }
}
