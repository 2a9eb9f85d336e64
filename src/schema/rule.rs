//! Combinations of settings that an engine refuses, each with an example that it must refuse and
//! a neighbour that it must accept.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::schema::fault::{At, Faults};
use crate::schema::fields::Fields;
use crate::schema::{Bounds, Requirement, Table, same_value};
use crate::settings::{Settings, Value};

const CONDITIONS: &str = "a mapping of parameters to a value, a list of values, bounds, or `not`";

/// Settings that are each fine by themselves and must be refused together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// Its name: lower-case words, joined by `_`.
    pub id: String,
    /// What may not hold at once, by parameter.
    pub forbids: BTreeMap<String, Condition>,
    /// Why the engine refuses it, for people.
    pub because: String,
    /// Settings that it forbids: the engine itself must refuse them.
    pub example: Settings,
    /// Settings next to these that it allows: the engine must accept them.
    pub near: Settings,
    /// Conditions checked when `near` runs.
    pub requires: Vec<Requirement>,
}

/// What is said of the value of one parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It is one of these.
    Is(Vec<Value>),
    /// It is none of these.
    Not(Vec<Value>),
    /// It is a number in this range.
    Within(Bounds),
}

impl Condition {
    /// Whether it holds for `value`.
    pub fn holds(&self, value: &Value) -> bool {
        let among = |list: &[Value]| list.iter().any(|one| same_value(one, value));
        match self {
            Self::Is(list) => among(list),
            Self::Not(list) => !among(list),
            Self::Within(bounds) => matches!(value, Value::Number(one) if bounds.contains(one)),
        }
    }

    /// It as a person would say it, behind the name: `is 2 or 3`, `> 1`.
    pub fn in_words(&self) -> String {
        let list =
            |values: &[Value]| values.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ");
        match self {
            Self::Is(values) => format!("is {}", list(values)),
            Self::Not(values) => format!("is not {}", list(values)),
            Self::Within(bounds) => bounds.in_words(),
        }
    }
}

impl Rule {
    /// Whether it forbids settings of which `in_force` gives the values: what is set, or else the
    /// default.
    pub fn forbids<'a>(&self, mut in_force: impl FnMut(&str) -> Option<&'a Value>) -> bool {
        let null = Value::Null;
        self.forbids.iter().all(|(path, one)| one.holds(in_force(path).unwrap_or(&null)))
    }

    /// What it forbids, as a person would say it.
    pub fn in_words(&self) -> String {
        let parts = self.forbids.iter().map(|(path, one)| format!("{path} {}", one.in_words()));
        parts.collect::<Vec<_>>().join(" and ")
    }
}

impl Table {
    /// The first rule that forbids `settings`, which are by the names of the parameters. What is
    /// not set is at its default.
    pub fn broken_rule(&self, settings: &Settings) -> Option<&Rule> {
        self.rules.iter().find(|rule| self.forbidden(rule, settings))
    }

    /// Whether `rule` forbids `settings`.
    pub fn forbidden(&self, rule: &Rule, settings: &Settings) -> bool {
        rule.forbids(|path| self.in_force(path, settings))
    }
}

/// Takes `rules` out: a list of `{id, forbids, because, example, near, requires}`.
pub(crate) fn read(fields: &mut Fields, faults: &mut Faults<'_>) -> Vec<(At, Rule)> {
    const SETTINGS: &str = "a mapping of parameters to values";
    let list: Vec<Value> = fields.read("rules", "a list of mappings", faults).unwrap_or_default();
    let top = fields.at("rules");
    let items = list.into_iter().enumerate().filter_map(|(index, item)| {
        let before = faults.unreadable();
        let at = top.below(index);
        let mut fields = Fields::new(item, at.clone(), faults)?;
        let rule = Rule {
            id: fields.require("id", "words joined by _", faults).unwrap_or_default(),
            forbids: conditions(&mut fields, faults),
            because: fields.require("because", "why", faults).unwrap_or_default(),
            example: fields.require("example", SETTINGS, faults).unwrap_or_default(),
            near: fields.require("near", SETTINGS, faults).unwrap_or_default(),
            requires: fields.read("requires", "a list of conditions", faults).unwrap_or_default(),
        };
        fields.finish(faults);
        (faults.unreadable() == before).then_some((at, rule))
    });
    items.collect()
}

fn conditions(fields: &mut Fields, faults: &mut Faults<'_>) -> BTreeMap<String, Condition> {
    let read: Option<BTreeMap<String, Value>> = fields.require("forbids", CONDITIONS, faults);
    let top = fields.at("forbids");
    let conditions = read.into_iter().flatten().filter_map(|(path, said)| {
        let at = top.below(&path);
        let condition = match said {
            Value::Array(list) => Condition::Is(list),
            Value::Object(_) => range(said, at, faults)?,
            one => Condition::Is(vec![one]),
        };
        Some((path, condition))
    });
    conditions.collect()
}

/// `{not: value}`, `{not: [values]}`, or bounds.
fn range(said: Value, at: At, faults: &mut Faults<'_>) -> Option<Condition> {
    let mut fields = Fields::new(said, at.clone(), faults)?;
    if fields.has("not") {
        let not = match fields.take("not") {
            Some(Value::Array(list)) => list,
            one => one.into_iter().collect(),
        };
        fields.finish(faults);
        return Some(Condition::Not(not));
    }
    let mut end = |key| fields.read(key, "a number", faults);
    let bounds = Bounds { ge: end("ge"), gt: end("gt"), le: end("le"), lt: end("lt") };
    fields.finish(faults);
    Some(Condition::Within(bounds))
}

/// Checks the rules of `table`, which stand at `places`: what they say of themselves, and that they
/// forbid nothing that a case shows to be accepted.
pub(crate) fn check(table: &Table, places: &[At], faults: &mut Faults<'_>) {
    let mut seen = HashSet::new();
    for (rule, at) in table.rules.iter().zip(places) {
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if rule.id.is_empty() || !rule.id.bytes().all(word) {
            faults.add(&at.below("id"), "must be lower-case words of a-z, 0-9 and _");
        } else if !seen.insert(&rule.id) {
            faults.add(&at.below("id"), format!("`{}` stands here twice; rename one", rule.id));
        }
        if rule.because.trim().is_empty() || rule.because.contains('\n') {
            faults.add(&at.below("because"), "is not one line of text; say it in one");
        }
        forbids(rule, at, faults);
        let matches = |settings: &Settings| table.forbidden(rule, &table.baseline.merged(settings));
        if !matches(&rule.example) {
            let message = format!("is not what it forbids: {}; correct one", rule.in_words());
            faults.add(&at.below("example"), message);
        }
        if matches(&rule.near) {
            faults.add(&at.below("near"), "is forbidden too; change what makes it so");
        }
        if matches(&Settings::new()) {
            faults.add(&at.below("forbids"), "forbids the baseline, which every case starts from");
        }
    }
}

fn forbids(rule: &Rule, at: &At, faults: &mut Faults<'_>) {
    let at = at.below("forbids");
    if rule.forbids.len() < 2 {
        let remedy = "a value that is never accepted belongs to the `negatives` of its parameter";
        faults.add(&at, format!("names fewer than two parameters; {remedy}"));
    }
    for (path, one) in &rule.forbids {
        let empty = match one {
            Condition::Is(list) | Condition::Not(list) => list.is_empty(),
            Condition::Within(bounds) => bounds.is_empty(),
        };
        if empty {
            faults.add(
                &at.below(path),
                "says nothing; give a value, a list of values, bounds or `not`",
            );
        }
    }
}
