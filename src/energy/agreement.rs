//! Whether two sources tell the same of the same time.

use crate::energy::{Bracket, Doubt, Quantity, Trace};

/// Two sources may differ by this part of the joules: sensors of one board do.
const ALIKE: f64 = 0.02;

/// The doubt that `others`, the power of the same devices, disagree with `counters` over a window.
///
/// A mean over the last second tells of a time only once that second is over. So as not to wait for
/// it, what is compared ends that much before the window does: from the begin to the last reading
/// of power, less its averaging. The two disagree where their joules differ by more than 2 %, and
/// by more than both brackets leave open: what is too short to be resolved by power disagrees with
/// nothing. Nor does power that was read more rarely than it averages, between whose readings
/// anything may have happened, or that has a doubt of its own.
pub(super) fn disagreement(
    counters: &[Trace],
    others: &[Trace],
    begin_ns: u64,
    end_ns: u64,
) -> Option<Doubt> {
    let other = others.first()?.source();
    let mut until_ns = end_ns;
    for power in others {
        let Quantity::Power { averages_over_ns } = power.quantity() else { return None };
        if averages_over_ns < power.poll_ns() {
            return None;
        }
        let last_ns = power.points().back()?.before_ns.min(end_ns);
        until_ns = until_ns.min(last_ns.saturating_sub(averages_over_ns));
    }
    if until_ns <= begin_ns {
        return None;
    }
    let (mut own_sum, mut other_sum) = (Joules::default(), Joules::default());
    for power in others {
        let own = counters.iter().find(|counter| counter.scope() == power.scope())?;
        own_sum.add(Bracket::of(own, begin_ns, until_ns).ok()?);
        other_sum.add(Bracket::of(power, begin_ns, until_ns).ok()?);
    }
    let apart = own_sum.lo_j > other_sum.hi_j || other_sum.lo_j > own_sum.hi_j;
    let (own_j, other_j) = (own_sum.estimate_j, other_sum.estimate_j);
    let alike = (own_j - other_j).abs() <= ALIKE * own_j.abs();
    let seconds = (until_ns - begin_ns) as f64 / 1e9;
    (apart && !alike).then_some(Doubt::Disagree { own_j, other_j, other, seconds })
}

/// What some devices took together.
#[derive(Default)]
struct Joules {
    lo_j: f64,
    hi_j: f64,
    estimate_j: f64,
}

impl Joules {
    fn add(&mut self, bracket: Bracket) {
        self.lo_j += bracket.lo_j;
        self.hi_j += bracket.hi_j;
        self.estimate_j += bracket.estimate_j;
    }
}
