//! What the records of a run say of each case.

use std::collections::HashMap;

use crate::record::Record;
use crate::schema::Answer;
use crate::verdict::{Effect, Status};

/// The last attempt of every case of one backend in a run.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    cases: HashMap<String, Seen>,
    ran: bool,
}

/// How a case ended.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    attempt: u32,
    pub(super) status: Status,
    /// Whether the effect of the value was verified.
    pub(super) verified: bool,
    /// The wrong answer of the engine that it passed for, as that is known.
    pub(super) known: Option<Answer>,
    /// Why it did not pass.
    pub(super) cause: String,
}

impl Evidence {
    /// That of `records` for `backend`; those of others are passed over.
    pub fn new(records: &[Record], backend: &str) -> Self {
        let mut evidence = Self::default();
        for record in records.iter().filter(|record| record.case.backend == backend) {
            let verdict = &record.verdict;
            evidence.ran |= verdict.status != Status::Skip;
            let seen = Seen {
                attempt: record.attempt,
                status: verdict.status,
                verified: verdict.effect == Some(Effect::Verified),
                known: verdict.as_known.as_ref().and(verdict.answer),
                cause: verdict.cause.clone(),
            };
            let name = &record.case.name;
            if evidence.cases.get(name).is_none_or(|known| known.attempt <= seen.attempt) {
                evidence.cases.insert(name.clone(), seen);
            }
        }
        evidence
    }

    /// How the case `name` ended; none where it has no record.
    ///
    /// A skip tells something of a case only where the backend ran others: one that is off or
    /// missing skips them all.
    pub(super) fn of(&self, name: &str) -> Option<&Seen> {
        self.cases.get(name).filter(|_| self.ran)
    }
}
