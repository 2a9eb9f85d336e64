//! What a check found.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What, in a word or two: `model`, `backend candle`.
    pub what: String,
    /// What was found.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It is as it has to be.
    Good {
        /// What is there.
        found: String,
    },
    /// It can be done, and will not be as good as it could.
    Warning {
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// It cannot be done.
    Failed {
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: String,
    },
}

impl Check {
    pub(super) fn good(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { what: what.into(), outcome: Outcome::Good { found: found.into() } }
    }

    pub(super) fn warn(
        what: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (problem, remedy) = (problem.into(), remedy.into());
        Self { what: what.into(), outcome: Outcome::Warning { problem, remedy } }
    }

    pub(super) fn failed(
        what: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (problem, remedy) = (problem.into(), remedy.into());
        Self { what: what.into(), outcome: Outcome::Failed { problem, remedy } }
    }

    /// What it warns of, in one line with its remedy; none where it does not.
    pub fn warning(&self) -> Option<String> {
        match &self.outcome {
            Outcome::Warning { problem, remedy } => {
                Some(format!("{}: {problem}; {remedy}", self.what))
            }
            _ => None,
        }
    }

    /// What failed, in one line with its remedy; none where nothing did.
    pub fn failure(&self) -> Option<String> {
        match &self.outcome {
            Outcome::Failed { problem, remedy } => {
                Some(format!("{}: {problem}; {remedy}", self.what))
            }
            _ => None,
        }
    }
}

/// Everything that failed, a line each.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct PreflightError {
    /// What failed and what to do about it, by check.
    pub issues: Vec<String>,
}

impl PreflightError {
    /// What failed among `checks`; none where nothing did.
    pub fn of(checks: &[Check]) -> Option<Self> {
        let issues: Vec<String> = checks.iter().filter_map(Check::failure).collect();
        (!issues.is_empty()).then_some(Self { issues })
    }
}

impl fmt::Display for PreflightError {
    /// Without a line feed at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pre-flight failed: {} issue(s) found", self.issues.len())?;
        for issue in &self.issues {
            // An issue is a line, whatever a file or a driver said in it.
            let line = issue.split_whitespace().collect::<Vec<_>>().join(" ");
            write!(f, "\n  \u{2717} {line}")?;
        }
        Ok(())
    }
}
