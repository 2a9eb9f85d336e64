//! The sums of a ledger.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::coverage::{Row, Standing};

/// The sums of a ledger.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Totals {
    /// Names of the surface.
    pub names: usize,
    /// Those of them that are accounted for.
    pub accounted: usize,
    /// These as a part of all, in percent, rounded down to a tenth.
    pub percent: f64,
    /// Names by how they stand; every standing is there.
    pub standings: BTreeMap<Standing, usize>,
    /// Of what may be set: all names but those that are refused.
    pub settable: Reach,
    /// Of these, what needs no more than one accelerator.
    pub one_device: Reach,
    /// Of these, what this machine can do: what the run did not skip. None without a run.
    pub here: Option<Reach>,
}

/// How far the cases reach among some names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// How many names these are.
    pub of: usize,
    /// Those with values to try.
    pub declared: usize,
    /// Those with a value that was tried in the run; none without a run.
    pub exercised: Option<usize>,
    /// Those with a value whose effect the run verified; none without a run.
    pub verified: Option<usize>,
}

impl Totals {
    pub(super) fn new(rows: &[Row], with_run: bool) -> Self {
        let mut standings: BTreeMap<_, _> = Standing::ALL.map(|one| (one, 0)).into();
        for row in rows {
            *standings.entry(row.standing).or_default() += 1;
        }
        let accounted = rows.iter().filter(|row| row.standing.is_accounted()).count();
        let settable = |row: &&Row| row.is_settable();
        let one_device = |row: &&Row| settable(row) && !row.needs_devices;
        let here = |row: &&Row| row.is_of_here();
        Self {
            names: rows.len(),
            accounted,
            percent: percent(accounted, rows.len()),
            standings,
            settable: Reach::of(rows.iter().filter(settable), with_run),
            one_device: Reach::of(rows.iter().filter(one_device), with_run),
            here: with_run.then(|| Reach::of(rows.iter().filter(here), with_run)),
        }
    }
}

impl Reach {
    /// Those with values to try as a part of all, in percent, rounded down to a tenth.
    pub fn declared_percent(&self) -> f64 {
        percent(self.declared, self.of)
    }

    /// Those that were tried as a part of all, in percent, rounded down to a tenth; none without a
    /// run.
    pub fn exercised_percent(&self) -> Option<f64> {
        Some(percent(self.exercised?, self.of))
    }

    fn of<'a>(rows: impl Iterator<Item = &'a Row>, with_run: bool) -> Self {
        let mut reach = Self {
            exercised: with_run.then_some(0),
            verified: with_run.then_some(0),
            ..Self::default()
        };
        for row in rows {
            reach.of += 1;
            reach.declared += usize::from(row.values.declared > 0);
            if let Some(exercised) = &mut reach.exercised {
                *exercised += usize::from(row.values.exercised());
            }
            let verified_now = row.values.seen.as_ref().is_some_and(|ran| ran.verified > 0);
            if let Some(verified) = &mut reach.verified {
                *verified += usize::from(verified_now);
            }
        }
        reach
    }
}

/// `part` of `all` in percent, rounded down to a tenth, so that only all of them are 100; all of
/// nothing is 100.
#[expect(clippy::cast_precision_loss, reason = "tenths of percents are small numbers")]
fn percent(part: usize, all: usize) -> f64 {
    let tenths = (part * 1000).checked_div(all).unwrap_or(1000);
    tenths as f64 / 10.0
}
