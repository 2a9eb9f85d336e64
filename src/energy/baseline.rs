//! Power of a machine that waits.

use serde::{Deserialize, Serialize};

use crate::energy::{Bracket, Doubt, Source, Trace, statistics};

/// A baseline is good for so long, in seconds: beyond it the temperature, and with it what leaks,
/// has had time to move.
const GOOD_FOR_S: f64 = 600.0;

/// A move of the idle power below this part of it is no news.
const NO_NEWS: f64 = 0.01;

/// In which state the machine waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaselineKind {
    /// Nothing of ours is on the device.
    Bare,
    /// The context of the driver is there, which draws 26 to 66 W by itself on a GPU.
    Context,
    /// The model is loaded. Only this one is subtracted.
    Model,
}

/// Idle power, in watts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// In which state.
    pub kind: BaselineKind,
    /// What measured.
    pub source: Source,
    /// What it covers.
    pub scope: Vec<String>,
    /// The mean over the parts of the window, all devices together.
    pub mean_w: f64,
    /// The standard deviation among the parts; null where there is one part only.
    pub sd_w: Option<f64>,
    /// How many parts.
    pub n: usize,
    /// The end of its window, in nanoseconds of the clock of the traces.
    pub taken_at_ns: u64,
}

/// Idle power, as a reading tells it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct IdlePower {
    /// Watts, all devices together: the mean over parts of an idle window.
    pub mean_w: f64,
    /// The standard deviation among the parts; null where there is one part only.
    pub sd_w: Option<f64>,
    /// How many parts.
    pub n: usize,
    /// How long before the window it was taken, in seconds.
    pub age_s: f64,
}

/// Idle power by the state of the machine; null where it was never idle in that state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Baselines {
    /// Nothing of ours is on the device.
    pub bare: Option<IdlePower>,
    /// The context of the driver is there, and no model.
    pub context: Option<IdlePower>,
    /// The model is loaded: this is what `net_j` is without.
    pub model: Option<IdlePower>,
}

impl Baseline {
    /// The baseline of a window in which nothing was done, in `parts` parts (at least 1) of equal
    /// length.
    ///
    /// # Errors
    /// What speaks against joules in one of the parts; [`Doubt::Failed`] where there is no trace.
    pub fn of(
        kind: BaselineKind,
        traces: &[Trace],
        begin_ns: u64,
        end_ns: u64,
        parts: u32,
    ) -> Result<Self, Doubt> {
        let Some(first) = traces.first() else {
            return Err(Doubt::Failed { error: "no meter was read".to_owned() });
        };
        let part_ns = end_ns.saturating_sub(begin_ns) / u64::from(parts.max(1));
        if part_ns == 0 {
            return Err(Doubt::Failed { error: "the window has no length".to_owned() });
        }
        let mut watts = Vec::new();
        for part in 0..u64::from(parts.max(1)) {
            let from_ns = begin_ns + part * part_ns;
            let mut joules = 0.0;
            for trace in traces {
                joules += Bracket::of(trace, from_ns, from_ns + part_ns)?.estimate_j;
            }
            watts.push(joules / (part_ns as f64 / 1e9));
        }
        Ok(Self {
            kind,
            source: first.source(),
            scope: traces.iter().map(|trace| trace.scope().to_owned()).collect(),
            mean_w: statistics::mean(&watts).unwrap_or_default(),
            sd_w: statistics::sd(&watts),
            n: watts.len(),
            taken_at_ns: end_ns,
        })
    }

    /// Half of the 95 % confidence interval of the mean, in watts.
    pub fn u_w(&self) -> Option<f64> {
        let freedom = self.n.checked_sub(1)?;
        Some(statistics::t_975(freedom)? * self.sd_w? / (self.n as f64).sqrt())
    }

    /// As a reading of a window tells it that begins at `at_ns`.
    pub fn told(&self, at_ns: u64) -> IdlePower {
        IdlePower { mean_w: self.mean_w, sd_w: self.sd_w, n: self.n, age_s: self.age_s(at_ns) }
    }

    /// How old it is at a time, in seconds.
    pub fn age_s(&self, at_ns: u64) -> f64 {
        at_ns.saturating_sub(self.taken_at_ns) as f64 / 1e9
    }

    /// How much more power there was in `later`, in watts; none where the two may well be the same:
    /// the difference is within 1 % or within their confidence intervals.
    pub fn moved_w(&self, later: &Self) -> Option<f64> {
        let moved_w = later.mean_w - self.mean_w;
        let u_w = self.u_w().unwrap_or(0.0).hypot(later.u_w().unwrap_or(0.0));
        (moved_w.abs() > u_w.max(NO_NEWS * self.mean_w.abs())).then_some(moved_w)
    }

    /// The doubt that it no longer holds at `at_ns`: it is older than ten minutes, or `later`,
    /// taken after it, shows other power.
    pub fn stale(&self, at_ns: u64, later: Option<&Self>) -> Option<Doubt> {
        let age_s = self.age_s(at_ns);
        let moved = later.is_some_and(|later| self.moved_w(later).is_some());
        (moved || age_s > GOOD_FOR_S).then_some(Doubt::StaleBaseline { age_s })
    }
}
