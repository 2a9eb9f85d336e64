//! One known issue.

use jiff::civil::Date;
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::issues::scope::Scope;
use crate::scan::Finding;

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

/// What a strict run makes of a stale entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strict {
    /// The run fails, where the run is strict about stale entries.
    #[default]
    Fail,
    /// It is shown.
    Warn,
    /// Nothing.
    Ignore,
}

impl Entry {
    /// Whether its last day lies before `today`.
    pub fn is_expired(&self, today: Date) -> bool {
        self.expires.is_some_and(|last| last < today)
    }

    /// What its status, ticket and dates leave to be wished: not wrong, but a debt.
    pub(super) fn wishes(&self) -> Vec<String> {
        let mut wishes = Vec::new();
        if self.status == Status::Wip && self.ticket.is_none() && self.expires.is_none() {
            wishes.push(
                "status `wip` says that someone is at it: add `ticket` or `expires`".to_owned(),
            );
        }
        if self.status == Status::External && !self.names_upstream() {
            wishes.push(
                "status `external` waits for others: add a link or the version that will have the \
                 fix to `ticket` or `notes`"
                    .to_owned(),
            );
        }
        wishes
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
