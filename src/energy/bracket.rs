//! Between which joules the energy of a window lies.

use std::collections::VecDeque;

use crate::energy::{Doubt, Point, Quantity, Trace, power};

/// Over how long the power beside a window is looked at, in nanoseconds; a tick where that is more.
const BESIDE_NS: f64 = 50e6;

/// Between which joules the energy of a window lies, by the logged readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bracket {
    /// Not less than this.
    pub lo_j: f64,
    /// Not more than this.
    pub hi_j: f64,
    /// Most likely this; within the two.
    pub estimate_j: f64,
    /// New readings within the window.
    pub ticks: u64,
}

impl Bracket {
    /// The bracket of the window between two times, in nanoseconds of the clock of `trace`.
    ///
    /// Of a counter it supposes nothing but that it grows: with ticks at `t` that say `E`,
    /// `E(last before the end) - E(first after the begin)` is the least, and
    /// `E(first after the end) - E(last before the begin)` the most. A tick counts as before or
    /// after only where the reads around it show that. The estimate supposes besides that next to
    /// the window, up to the tick outside of it, the power was that of the ticks beyond: the idle
    /// parts of the two ticks that the edges cut are taken away. It has no bias, where a plain
    /// difference of two readings is low by half a tick times the step of the power.
    ///
    /// Of power the bounds hold as far as the sensor has seen all of it.
    ///
    /// # Errors
    /// Why there are no joules: a fatal [`Doubt`] within the window, or that the readings do not
    /// reach beyond its edges; of power [`Doubt::Averaged`] where they do not reach as far beyond
    /// the end as the sensor averages.
    pub fn of(trace: &Trace, begin_ns: u64, end_ns: u64) -> Result<Self, Doubt> {
        let bracket = match trace.quantity() {
            Quantity::Energy { .. } => Self::of_counter(trace, begin_ns, end_ns)?,
            Quantity::Power { averages_over_ns } => {
                power::bracket(trace, averages_over_ns, begin_ns, end_ns)?
            }
        };
        let watts = bracket.lo_j / (end_ns.saturating_sub(begin_ns).max(1) as f64 / 1e9);
        if watts > trace.implausible_w() {
            return Err(Doubt::Implausible { watts });
        }
        Ok(bracket)
    }

    fn of_counter(trace: &Trace, begin_ns: u64, end_ns: u64) -> Result<Self, Doubt> {
        let points = trace.points();
        let held_since =
            |at_ns| points.partition_point(|point| point.held_ns.is_none_or(|held| held < at_ns));
        let there_by = |at_ns| points.partition_point(|point| point.after_ns <= at_ns);

        let after_end = held_since(end_ns);
        let before_begin = there_by(begin_ns).checked_sub(1);
        trace.sound(before_begin.unwrap_or(0), after_end, begin_ns, end_ns)?;
        let before_begin = before_begin.ok_or_else(|| trace.no_begin(begin_ns))?;
        if after_end == points.len() {
            return Err(trace.no_end(end_ns));
        }
        let after_begin = held_since(begin_ns);
        let before_end = there_by(end_ns) - 1;

        let joules = |from: usize, to: usize| {
            points[to].energy_uj.saturating_sub(points[from].energy_uj) as f64 / 1e6
        };
        let unit_j = trace.resolution_uj() as f64 / 1e6;
        let lo_j = if before_end > after_begin {
            (joules(after_begin, before_end) - unit_j).max(0.0)
        } else {
            0.0
        };
        let hi_j = joules(before_begin, after_end) + unit_j;

        let outer =
            Edges { points, from: before_begin, to: after_end, tick_ns: trace.tick_at_most_ns() };
        let estimate_j = outer.cut(joules(before_begin, after_end), begin_ns, end_ns);
        Ok(Self {
            lo_j,
            hi_j,
            estimate_j: estimate_j.clamp(lo_j, hi_j),
            ticks: (before_end - before_begin) as u64,
        })
    }
}

/// The ticks around a window.
struct Edges<'a> {
    points: &'a VecDeque<Point>,
    from: usize,
    to: usize,
    tick_ns: u64,
}

impl Edges<'_> {
    /// What is left of `joules` between the two ticks without the parts outside of the window.
    fn cut(&self, joules: f64, begin_ns: u64, end_ns: u64) -> f64 {
        let from_ns = self.time_ns(self.from);
        let to_ns = self.time_ns(self.to);
        let lead_s = (begin_ns as f64 - from_ns).max(0.0) / 1e9;
        let tail_s = (to_ns - end_ns as f64).max(0.0) / 1e9;
        let (before_w, after_w) = (self.watts_before(), self.watts_after());
        match (before_w.or(after_w), after_w.or(before_w)) {
            (Some(before_w), Some(after_w)) => joules - before_w * lead_s - after_w * tail_s,
            _ => {
                let all_s = ((to_ns - from_ns) / 1e9).max(f64::MIN_POSITIVE);
                joules * (1.0 - (lead_s + tail_s) / all_s)
            }
        }
    }

    /// When the point ticked. That of the first reading was nobody there to see: half a tick ago.
    fn time_ns(&self, at: usize) -> f64 {
        let point = &self.points[at];
        match point.held_ns {
            Some(_) => point.time_ns(),
            None => point.time_ns() - self.tick_ns as f64 / 2.0,
        }
    }

    /// Mean power in the ticks up to the first of the two.
    fn watts_before(&self) -> Option<f64> {
        let long_ago =
            |at: &usize| self.time_ns(self.from) - self.points[*at].time_ns() >= BESIDE_NS;
        let seen = self.points.iter().take_while(|point| point.held_ns.is_none()).count();
        let mut reach = (seen..self.from).rev();
        let first = reach.clone().find(long_ago).or(reach.next_back())?;
        self.watts(first, self.from)
    }

    /// Mean power in the ticks after the second of the two.
    fn watts_after(&self) -> Option<f64> {
        let long_after =
            |at: &usize| self.points[*at].time_ns() - self.time_ns(self.to) >= BESIDE_NS;
        let mut reach = self.to + 1..self.points.len();
        let last = reach.clone().find(long_after).or(reach.next_back())?;
        self.watts(self.to, last)
    }

    /// Mean power between two points; none where it cannot be told.
    fn watts(&self, from: usize, to: usize) -> Option<f64> {
        let (first, last) = (&self.points[from], &self.points[to]);
        first.held_ns?;
        if self.points.range(from + 1..=to).any(|point| point.flaw.is_some()) {
            return None;
        }
        let seconds = (last.time_ns() - first.time_ns()) / 1e9;
        let joules = last.energy_uj.saturating_sub(first.energy_uj) as f64 / 1e6;
        (seconds > 0.0).then_some(joules / seconds)
    }
}
