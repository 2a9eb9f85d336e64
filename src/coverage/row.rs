//! One name of a surface, and how it is accounted for.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::coverage::Evidence;
use crate::schema::{Answer, Case};
use crate::verdict::Status;

/// How a name is accounted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A parameter with values that are tried; with a run: one passed or ended as known.
    Tested,
    /// Another name of a parameter, with a case of its own.
    Alias,
    /// A name that is refused with a reason, and a case that asks for it.
    Refused,
    /// A parameter none of whose values could be tried in the run, for a condition that was
    /// checked.
    Skipped,
    /// Left out with a reason, until a day that has not passed.
    Excluded,
    /// A parameter of which only what must be refused is tried.
    NegativeOnly,
    /// A case of it failed in the run.
    Failed,
    /// No case of it ran in the run.
    NotRun,
    /// The parameter file says nothing of it, or leaves it out until a day that has passed.
    Missing,
}

impl Standing {
    /// All of them, in the order of summaries.
    pub const ALL: [Self; 9] = [
        Self::Tested,
        Self::Alias,
        Self::Refused,
        Self::Skipped,
        Self::Excluded,
        Self::NegativeOnly,
        Self::Failed,
        Self::NotRun,
        Self::Missing,
    ];

    /// Whether a name that stands so is accounted for.
    pub fn is_accounted(self) -> bool {
        match self {
            Self::Tested | Self::Alias | Self::Refused | Self::Skipped | Self::Excluded => true,
            Self::NegativeOnly | Self::Failed | Self::NotRun | Self::Missing => false,
        }
    }

    /// The word for it in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tested => "tested",
            Self::Alias => "alias",
            Self::Refused => "refused",
            Self::Skipped => "skipped",
            Self::Excluded => "excluded",
            Self::NegativeOnly => "negative only",
            Self::Failed => "failed",
            Self::NotRun => "not run",
            Self::Missing => "missing",
        }
    }

    /// The phrase for it behind a count.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Alias => "by alias",
            Self::Refused => "refused as declared",
            other => other.word(),
        }
    }
}

/// One name of a surface.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The name.
    pub path: String,
    /// How it is accounted for.
    pub standing: Standing,
    /// The parameter that it names; none where it names none.
    pub parameter: Option<String>,
    /// The cases of its values.
    pub values: Tally,
    /// The cases of what must be refused.
    pub refusals: Tally,
    /// Whether each of its values needs more than one accelerator.
    pub needs_devices: bool,
    /// The reason of a standing that has one, in one line.
    pub reason: String,
}

impl Row {
    /// Whether it may be set, as far as is known: it is no name that the backend refuses.
    pub(super) fn is_settable(&self) -> bool {
        self.parameter.is_some() || self.refusals.declared == 0
    }

    /// Whether it is among what this machine can do: it needs no second accelerator, and the run
    /// found no condition of it missing.
    pub(super) fn is_of_here(&self) -> bool {
        self.is_settable() && !self.needs_devices && self.standing != Standing::Skipped
    }

    /// What stands beside it in a table: how many cases there are, or the reason.
    pub fn detail(&self) -> String {
        let mut parts = Vec::new();
        if let Some(path) = self.parameter.as_ref().filter(|path| **path != self.path) {
            parts.push(format!("of {path}"));
        }
        let tallies = [(&self.values, "value"), (&self.refusals, "refusal")];
        parts.extend(tallies.iter().filter_map(|(tally, noun)| tally.in_words(noun)));
        if !self.reason.is_empty() {
            parts.push(self.reason.clone());
        }
        parts.join("; ")
    }
}

/// A number of cases, and what a run says of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many there are.
    pub declared: usize,
    /// What became of them; none without a run.
    #[serde(flatten)]
    pub seen: Option<Ran>,
}

/// What became of cases in a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ran {
    /// Those that passed, and not for ending as is known of the engine.
    pub passed: usize,
    /// Those of them whose effect was verified.
    pub verified: usize,
    /// Those that ended as is known of the engine, by its answer: they were tried, and nothing of
    /// them is verified.
    pub as_known: BTreeMap<Answer, usize>,
    /// Those that did not pass, by name.
    pub failed: Vec<String>,
    /// Those that were skipped.
    pub skipped: usize,
    /// Why they were.
    #[serde(skip)]
    pub(super) found: BTreeSet<String>,
}

impl Ran {
    /// Whether one passed, or ended as is known of the engine.
    pub(super) fn has_held(&self) -> bool {
        self.passed > 0 || !self.as_known.is_empty()
    }
}

impl Tally {
    /// Counts `cases` by what is in `evidence`, where there is a run.
    pub(super) fn count<'a>(
        cases: impl Iterator<Item = &'a Case>,
        evidence: Option<&Evidence>,
    ) -> Self {
        let mut tally = Self { declared: 0, seen: evidence.map(|_| Ran::default()) };
        for case in cases {
            tally.declared += 1;
            let (Some(ran), Some(evidence)) = (&mut tally.seen, evidence) else { continue };
            let Some(seen) = evidence.of(&case.name) else { continue };
            match seen.status {
                Status::Pass => match seen.known {
                    Some(answer) => *ran.as_known.entry(answer).or_default() += 1,
                    None => {
                        ran.passed += 1;
                        ran.verified += usize::from(seen.verified);
                    }
                },
                Status::Fail | Status::Error => ran.failed.push(case.name.clone()),
                Status::Skip => {
                    ran.skipped += 1;
                    ran.found.insert(seen.cause.clone());
                }
            }
        }
        tally
    }

    /// Whether any of them ran, whatever came of it.
    pub(super) fn exercised(&self) -> bool {
        self.seen.as_ref().is_some_and(|ran| ran.has_held() || !ran.failed.is_empty())
    }

    /// `3 values`, or `2 of 3 values passed`, with what ended as known; none where there are none.
    fn in_words(&self, noun: &str) -> Option<String> {
        let plural = if self.declared == 1 { "" } else { "s" };
        match (self.declared, &self.seen) {
            (0, _) => None,
            (declared, None) => Some(format!("{declared} {noun}{plural}")),
            (declared, Some(ran)) => {
                let known = ran.as_known.iter().map(|(answer, n)| format!("{n} {}", answer.word()));
                let known: Vec<String> = known.collect();
                let known = match known.is_empty() {
                    true => String::new(),
                    false => format!(", as known {}", known.join(" and ")),
                };
                Some(format!("{} of {declared} {noun}{plural} passed{known}", ran.passed))
            }
        }
    }
}
