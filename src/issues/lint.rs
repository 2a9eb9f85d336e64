//! The lints of an issues file, and what they find.

use std::path::Path;

use crate::yaml::Lines;

/// What can be wrong with an issues file. Each has a name, which ends its message in brackets, and
/// an example in `docs/issues.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lint {
    /// The file cannot be read.
    Unreadable,
    /// It is not YAML.
    Yaml,
    /// A key stands twice.
    RepeatedKey,
    /// It is not a mapping of IDs to entries.
    NotAMapping,
    /// An ID has other characters than it may.
    Id,
    /// No entry has such a key, or no scope.
    UnknownKey,
    /// A value is of another kind than its key takes.
    BadValue,
    /// No description.
    NoDescription,
    /// No status.
    NoStatus,
    /// `expires` lies before `created`.
    Dates,
    /// `min` above `max`, or a bound of 0, which asks nothing.
    Bounds,
    /// Neither pattern nor template.
    NoShape,
    /// Both.
    TwoShapes,
    /// It would match everything.
    EmptyShape,
    /// It matches messages that have nothing in common.
    BroadPattern,
    /// It is not a regular expression.
    BrokenPattern,
    /// It is too long, or too large when compiled.
    LargePattern,
    /// No backend is called so.
    UnknownBackend,
    /// Not a dotted path, or a `*` in the middle.
    BadParam,
    /// Not a bound on a version.
    BadVersion,
    /// No version is within all bounds.
    NoVersion,
    /// What a scope lists is in another item of the list already.
    RepeatedScope,
    /// An example that the shape does not match.
    ExampleMissed,
    /// A counter-example that it matches.
    CounterExampleHit,
    /// Work in progress without a ticket and without an end.
    WipForever,
    /// An external issue without a link and without a version.
    ExternalNowhere,
    /// The same shape and scope as another entry.
    Duplicate,
    /// Another entry takes all that this one could.
    Shadowed,
    /// Another entry covers the same message, and neither is narrower.
    Tie,
    /// Nothing shows that the shape matches what it is meant for. A warning: it stops nothing.
    NoExample,
}

impl Lint {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 30] = [
        Self::Unreadable,
        Self::Yaml,
        Self::RepeatedKey,
        Self::NotAMapping,
        Self::Id,
        Self::UnknownKey,
        Self::BadValue,
        Self::NoDescription,
        Self::NoStatus,
        Self::Dates,
        Self::Bounds,
        Self::NoShape,
        Self::TwoShapes,
        Self::EmptyShape,
        Self::BroadPattern,
        Self::BrokenPattern,
        Self::LargePattern,
        Self::UnknownBackend,
        Self::BadParam,
        Self::BadVersion,
        Self::NoVersion,
        Self::RepeatedScope,
        Self::ExampleMissed,
        Self::CounterExampleHit,
        Self::WipForever,
        Self::ExternalNowhere,
        Self::Duplicate,
        Self::Shadowed,
        Self::Tie,
        Self::NoExample,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Yaml => "yaml",
            Self::RepeatedKey => "repeated-key",
            Self::NotAMapping => "not-a-mapping",
            Self::Id => "id",
            Self::UnknownKey => "unknown-key",
            Self::BadValue => "bad-value",
            Self::NoDescription => "no-description",
            Self::NoStatus => "no-status",
            Self::Dates => "dates",
            Self::Bounds => "bounds",
            Self::NoShape => "no-shape",
            Self::TwoShapes => "two-shapes",
            Self::EmptyShape => "empty-shape",
            Self::BroadPattern => "broad-pattern",
            Self::BrokenPattern => "broken-pattern",
            Self::LargePattern => "large-pattern",
            Self::UnknownBackend => "unknown-backend",
            Self::BadParam => "bad-param",
            Self::BadVersion => "bad-version",
            Self::NoVersion => "no-version",
            Self::RepeatedScope => "repeated-scope",
            Self::ExampleMissed => "example-missed",
            Self::CounterExampleHit => "counter-example-hit",
            Self::WipForever => "wip-forever",
            Self::ExternalNowhere => "external-nowhere",
            Self::Duplicate => "duplicate",
            Self::Shadowed => "shadowed",
            Self::Tie => "tie",
            Self::NoExample => "no-example",
        }
    }

    /// Whether it only warns: the file is used all the same.
    pub fn is_warning(self) -> bool {
        self == Self::NoExample
    }
}

/// The faults and warnings found so far, each with the place it is at.
pub(super) struct Faults<'a> {
    file: &'a Path,
    /// Where keys stand.
    pub(super) lines: Lines,
    faults: Vec<(usize, String)>,
    warnings: Vec<(usize, String)>,
}

impl<'a> Faults<'a> {
    pub(super) fn new(file: &'a Path, lines: Lines) -> Self {
        Self { file, lines, faults: Vec::new(), warnings: Vec::new() }
    }

    /// Notes a fault at `path` (`ID/key`).
    pub(super) fn add(&mut self, lint: Lint, path: &str, message: impl std::fmt::Display) {
        let line = self.lines.of(path);
        let place = path.replace('/', ".");
        let text = message_of(lint, &format!("{}:{line}: {place}: {message}", self.file.display()));
        let list = if lint.is_warning() { &mut self.warnings } else { &mut self.faults };
        list.push((line, text));
    }

    /// The warnings, in the order of their lines.
    ///
    /// # Errors
    /// The faults, where there are any, in the order of their lines.
    pub(super) fn settle(self) -> Result<Vec<String>, Vec<String>> {
        let sorted = |mut list: Vec<(usize, String)>| {
            list.sort();
            list.into_iter().map(|(_, message)| message).collect()
        };
        if self.faults.is_empty() { Ok(sorted(self.warnings)) } else { Err(sorted(self.faults)) }
    }
}

/// A message with the name of its lint.
pub(super) fn message_of(lint: Lint, message: &str) -> String {
    format!("{message} [{}]", lint.name())
}
