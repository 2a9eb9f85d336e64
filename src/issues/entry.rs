//! One known issue.

use jiff::civil::Date;
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::issues::lint::Lint;
use crate::issues::scope::Scope;
use crate::scan::{Finding, mask};

/// A known issue: what it looks like, where it applies, and what is being done about it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its ID.
    pub id: String,
    /// Its line in the file, from 1.
    pub line: usize,
    /// What it looks like.
    pub shape: Shape,
    /// What it is.
    pub description: String,
    /// What is being done about it.
    pub status: Status,
    /// When it was entered.
    pub created: Option<Date>,
    /// Where it is followed up.
    pub ticket: Option<String>,
    /// Anything else.
    pub notes: Option<String>,
    /// Who looks after it.
    pub owner: Option<String>,
    /// The last day on which it holds.
    pub expires: Option<Date>,
    /// Where it applies.
    pub scope: Scope,
    /// How often it must occur in a run in which it can.
    pub min: Option<u64>,
    /// How often it may occur in a run.
    pub max: Option<u64>,
    /// What a run makes of it when it is stale.
    pub strict: Strict,
    /// Messages, or captured output, that it matches.
    pub examples: Vec<String>,
}

/// What a known issue looks like.
#[derive(Debug, Clone)]
pub enum Shape {
    /// A regular expression, found anywhere in the message of a finding: case-insensitive, `^` and
    /// `$` at every line of it, and `.` also matches the end of a line.
    Pattern(Regex),
    /// The template of the whole message, as the scanner masks it.
    Template(String),
}

impl Shape {
    /// Whether a finding looks like it.
    pub fn matches(&self, finding: &Finding) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.is_match(&finding.message),
            Self::Template(template) => *template == finding.template,
        }
    }

    /// Whether a message with this text looks like it.
    pub(super) fn matches_text(&self, text: &str) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.is_match(text),
            Self::Template(template) => *template == mask(text),
        }
    }

    /// What it is written as.
    pub fn text(&self) -> &str {
        match self {
            Self::Pattern(pattern) => pattern.as_str(),
            Self::Template(template) => template,
        }
    }
}

/// What is being done about a known issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is being worked on.
    Wip,
    /// It stays.
    Wontfix,
    /// Others must fix it.
    External,
}

/// What a run makes of a stale entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strict {
    /// It fails a run that is strict about stale entries, and is pointed out in others.
    #[default]
    Fail,
    /// It is pointed out, in a strict run too.
    Warn,
    /// It is as it should be: such an entry need not match.
    Ignore,
}

impl Entry {
    /// Whether its last day lies before `today`.
    pub fn is_expired(&self, today: Date) -> bool {
        self.expires.is_some_and(|last| last < today)
    }

    /// What its status asks for and it does not have: the lint, the key, the message.
    pub(super) fn debts(&self) -> Vec<(Lint, &'static str, &'static str)> {
        let mut debts = Vec::new();
        if self.status == Status::Wip && self.ticket.is_none() && self.expires.is_none() {
            debts.push((
                Lint::WipForever,
                "status",
                "`wip` says that someone is at it; add `ticket`, or `expires` by when it is done",
            ));
        }
        let bounded = !self.scope.engine_version.is_empty();
        if self.status == Status::External && !bounded && !self.names_upstream() {
            debts.push((
                Lint::ExternalNowhere,
                "status",
                "`external` waits for others; add a link or the version that will have the fix to \
                 `ticket` or `notes`, or bound `scope.engine_version`",
            ));
        }
        debts
    }

    /// Whether ticket or notes have a link, an issue number or a version.
    fn names_upstream(&self) -> bool {
        let text = format!(
            "{} {}",
            self.ticket.as_deref().unwrap_or(""),
            self.notes.as_deref().unwrap_or("")
        );
        let numbered = |word: &str| {
            let word = word.trim_start_matches(['v', '#', '>', '<', '=', '(']);
            word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('.')
        };
        text.contains("://")
            || text.split_whitespace().any(|word| {
                numbered(word)
                    || word.rsplit_once('#').is_some_and(|(_, number)| {
                        number.starts_with(|first: char| first.is_ascii_digit())
                    })
            })
    }
}
