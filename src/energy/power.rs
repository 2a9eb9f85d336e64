//! Energy from a power sensor that averages.

use crate::energy::{Bracket, Doubt, Point, Trace};

/// The bracket of a window, from a sensor that gives the mean power of the `averages_over_ns`
/// before each reading.
///
/// The integral of such means from the begin of the window to `averages_over_ns` after its end has
/// all of the window in it, and besides of the time before the begin, and of that after the end, a
/// part that shrinks with the distance. What power there was in these is what the sensor said at
/// the two ends; where it was even, half of it is in the integral, and that is taken away. The
/// bounds suppose no more than that some of it is. (The integral over the window itself, which
/// others take, is 40 % low for 1 s of work under a mean of 1 s.)
///
/// # Errors
/// As of [`Bracket::of`].
pub(super) fn bracket(
    trace: &Trace,
    averages_over_ns: u64,
    begin_ns: u64,
    end_ns: u64,
) -> Result<Bracket, Doubt> {
    let points = trace.points();
    let far_ns = end_ns.saturating_add(averages_over_ns);
    let before = points.partition_point(|point| point.after_ns <= begin_ns).checked_sub(1);
    let beyond = points.partition_point(|point| point.before_ns < far_ns);
    trace.sound(before.unwrap_or(0), beyond, begin_ns, far_ns)?;
    let before = before.ok_or_else(|| trace.no_begin(begin_ns))?;
    if beyond == points.len() {
        let past_end = points.back().is_some_and(|point| point.after_ns >= end_ns);
        return Err(match trace.no_end(far_ns) {
            Doubt::Gap { .. } if past_end => Doubt::Averaged { ms: averages_over_ns as f64 / 1e6 },
            doubt => doubt,
        });
    }

    let (begin, far) = (begin_ns as f64, far_ns as f64);
    let mut sum = Sum::default();
    let pairs = points.range(before..=beyond).zip(points.range(before + 1..=beyond));
    for (one, next) in pairs {
        sum.add(one, next, begin, far);
    }
    let averages_s = averages_over_ns as f64 / 1e9;
    let first = Segment::of(&points[before], &points[before + 1]);
    let last = Segment::of(&points[beyond - 1], &points[beyond]);
    let outside_j = averages_s * (first.at(begin) + last.at(far)) / 2.0;
    let most_outside_j = averages_s * (first.most() + last.most());

    let lo_j = (sum.least_j - most_outside_j).max(0.0);
    let hi_j = sum.most_j;
    let within = |point: &&Point| point.before_ns >= begin_ns && point.after_ns <= end_ns;
    Ok(Bracket {
        lo_j,
        hi_j,
        estimate_j: (sum.joules - outside_j).clamp(lo_j, hi_j),
        ticks: points.iter().filter(within).count() as u64,
    })
}

/// The power between two readings.
#[derive(Clone, Copy)]
struct Segment {
    from_ns: f64,
    to_ns: f64,
    from_w: f64,
    to_w: f64,
}

impl Segment {
    fn of(one: &Point, next: &Point) -> Self {
        let middle = |point: &Point| f64::midpoint(point.before_ns as f64, point.after_ns as f64);
        Self {
            from_ns: middle(one),
            to_ns: middle(next),
            from_w: one.value as f64 / 1e3,
            to_w: next.value as f64 / 1e3,
        }
    }

    /// Watts at a time, on the line between the two.
    fn at(&self, ns: f64) -> f64 {
        let part = ((ns - self.from_ns) / (self.to_ns - self.from_ns).max(1.0)).clamp(0.0, 1.0);
        self.from_w + (self.to_w - self.from_w) * part
    }

    fn least(&self) -> f64 {
        self.from_w.min(self.to_w)
    }

    fn most(&self) -> f64 {
        self.from_w.max(self.to_w)
    }
}

/// Joules of means, and between which they lie.
#[derive(Default)]
struct Sum {
    least_j: f64,
    joules: f64,
    most_j: f64,
}

impl Sum {
    /// Adds what lies between two readings, as far as it lies between two times.
    fn add(&mut self, one: &Point, next: &Point, begin: f64, far: f64) {
        let segment = Segment::of(one, next);
        let from = segment.from_ns.max(begin);
        let to = segment.to_ns.min(far);
        if to <= from {
            return;
        }
        let seconds = (to - from) / 1e9;
        self.least_j += segment.least() * seconds;
        self.joules += segment.at(from).midpoint(segment.at(to)) * seconds;
        self.most_j += segment.most() * seconds;
    }
}
