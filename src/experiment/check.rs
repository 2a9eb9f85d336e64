//! An experiment held against the parameters of a backend.

use std::collections::BTreeMap;

use serde_json::Map;

use crate::experiment::{Asked, Experiment, Level, Problem, Resolved};
use crate::refusal::nearest;
use crate::schema::{Param, Reference, Requirement, Table, Type, same_value};
use crate::settings::{Settings, Value};

/// A setting as it is given.
struct Given {
    /// Its dotted name.
    name: String,
    value: Value,
    line: usize,
}

impl Experiment {
    /// Its settings by the names that the backend of `table` knows, and everything that is wrong
    /// with them, may be, or is good to know.
    pub fn resolve(&self, table: &Table) -> Resolved {
        let mut given = Vec::new();
        if let Value::Object(map) = &self.settings {
            self.flatten(map, "settings", "", table, &mut given);
        }
        let mut desk = Desk { table, resolved: Resolved::default(), lines: BTreeMap::new() };
        if self.asked == Asked::Nothing {
            let message = "nothing is asked; add `prompts` or `requests`".to_owned();
            desk.resolved.problems.push(Problem {
                line: 1,
                key: String::new(),
                level: Level::Warning,
                message,
            });
        }
        for one in given {
            desk.name(one);
        }
        for (path, value) in self.over.iter() {
            desk.resolved.settings.set(path.clone(), value.clone());
            desk.lines.insert(path.clone(), 0);
        }
        desk.together();
        desk.resolved.problems.sort_by_key(|problem| problem.line);
        desk.resolved
    }

    /// The settings in `map` by dotted name. A mapping is a value where a parameter of its name
    /// takes one, unless all in it are parameters of their own.
    fn flatten(
        &self,
        map: &Map<String, Value>,
        node: &str,
        above: &str,
        table: &Table,
        given: &mut Vec<Given>,
    ) {
        for (key, value) in map {
            let node = format!("{node}/{key}");
            let name = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
            let known = |name: &str| table.named(name).is_some() || table.refusing(name).is_some();
            match value {
                Value::Object(inner)
                    if !inner.is_empty()
                        && (!known(&name)
                            || inner.keys().all(|key| known(&format!("{name}.{key}")))) =>
                {
                    self.flatten(inner, &node, &name, table, given);
                }
                _ => given.push(Given { name, value: value.clone(), line: self.line(&node) }),
            }
        }
    }
}

/// Where settings are taken in, one by one, and then looked at together.
struct Desk<'a> {
    table: &'a Table,
    resolved: Resolved,
    /// Lines of the settings, by the name of the parameter.
    lines: BTreeMap<String, usize>,
}

impl Desk<'_> {
    fn say(&mut self, level: Level, line: usize, name: &str, message: String) {
        let key = format!("settings.{name}");
        self.resolved.problems.push(Problem { line, key, level, message });
    }

    /// Takes in one setting: its name, then its value.
    fn name(&mut self, given: Given) {
        let Given { name, value, line } = given;
        let table = self.table;
        if let Some(refused) = table.refusing(&name) {
            return self.say(Level::Error, line, &name, refused.rule(&table.backend));
        }
        let Some(param) = table.named(&name) else {
            let message = unknown(table, &name);
            return self.say(Level::Error, line, &name, message);
        };
        if param.path != name {
            self.say(Level::Note, line, &name, format!("another name of {}", param.path));
        }
        if let Some(message) = wrong(param, &value) {
            return self.say(Level::Error, line, &name, message);
        }
        match self.resolved.settings.get(&param.path) {
            Some(other) if !same_value(other, &value) => {
                let message =
                    format!("{} is set to {other} beside it; set one of them", param.path);
                self.say(Level::Error, line, &name, message);
            }
            _ => {
                self.resolved.settings.set(param.path.clone(), value);
                self.lines.insert(param.path.clone(), line);
            }
        }
    }

    /// What the settings that are values come to together.
    fn together(&mut self) {
        for rule in &self.table.rules {
            if !self.table.forbidden(rule, &self.resolved.settings) {
                continue;
            }
            let set = rule.forbids.keys().find_map(|path| Some((path, *self.lines.get(path)?)));
            let Some((path, line)) = set else { continue };
            let message = format!(
                "{} is refused (rule {}): {} Accepted: {}",
                rule.in_words(),
                rule.id,
                ended(&rule.because),
                listed(&rule.near)
            );
            self.say(Level::Error, line, path, message);
        }
        for (path, line) in self.lines.clone() {
            if let Some(param) = self.table.param(&path) {
                self.beside(param, line);
            }
        }
    }

    /// What `param`, which is set, has to do with the others and with the machine.
    fn beside(&mut self, param: &Param, line: usize) {
        let settings = self.resolved.settings.clone();
        let value = settings.get(&param.path).cloned().unwrap_or_default();
        if let Some(deprecated) = &param.deprecated {
            self.say(Level::Warning, line, &param.path, format!("is deprecated: {deprecated}"));
        }
        if value.is_null() || same_value(&value, &param.default) {
            return;
        }
        for other in &param.conflicts {
            if settings.get(other).is_some_and(|value| !value.is_null()) {
                let message = format!("may not stand beside {other}; keep one of them");
                self.say(Level::Error, line, &param.path, message);
            }
        }
        if let Some(message) = alone(param, &value, &settings, self.table) {
            self.say(Level::Warning, line, &param.path, message);
        }
        let requires: Vec<String> =
            param.required_by(&value).iter().map(Requirement::in_words).collect();
        if !requires.is_empty() {
            let message = format!("needs {}", requires.join(", "));
            self.say(Level::Note, line, &param.path, message);
        }
    }
}

/// What is said of a name that nothing has.
fn unknown(table: &Table, name: &str) -> String {
    if let Some(one) = table.excluded.iter().find(|one| one.name == name) {
        return format!("is left out until {}: {}", one.expires, one.because);
    }
    let params = table.params.iter();
    let known = params.flat_map(|one| std::iter::once(&one.path).chain(&one.aliases));
    match nearest(name, known.map(String::as_str)) {
        Some(near) => format!("no parameter of {}; did you mean `{near}`?", table.backend),
        None => {
            format!("no parameter of {0}; see `wattest params list --backend {0}`", table.backend)
        }
    }
}

/// Why `value` is none of `param`.
fn wrong(param: &Param, value: &Value) -> Option<String> {
    // It stands for a part of the output of a case, and a request has none yet.
    if Reference::within(value) {
        return Some(format!("{value} means something in parameter files only; give a value"));
    }
    let message = param.refusal(value)?;
    let choices = param.choices.iter().filter_map(Value::as_str);
    let near = value.as_str().filter(|_| param.types.contains(&Type::Enum));
    match near.and_then(|text| nearest(text, choices)) {
        Some(near) => Some(format!("{message}; did you mean `{near}`?")),
        None => Some(message),
    }
}

/// What `value` of `param` lacks: a file that is known to refuse it without company, or tries it
/// with companions of which none is set.
fn alone(param: &Param, value: &Value, settings: &Settings, table: &Table) -> Option<String> {
    let companions = param.companions_of(value).merged(&param.brought_by(value));
    // A seed makes two draws comparable and enables nothing, nor does what is so by default.
    let enablers = companions.only(|path| {
        let default = table.param(path).map(|param| &param.default);
        let by_default = default.zip(companions.get(path)).is_some_and(|(a, b)| same_value(a, b));
        path.rsplit('.').next() != Some("seed") && !by_default
    });
    let is_set = |path: &str| settings.get(path).is_some_and(|set| *set != Value::Bool(false));
    if enablers.is_empty() || enablers.iter().any(|(path, _)| is_set(path)) {
        return None;
    }
    let usual = listed(&enablers);
    let met = |one: &&crate::schema::Refused| {
        one.companions.iter().all(|(path, said)| {
            table.in_force(path, settings).is_some_and(|set| same_value(set, said))
        })
    };
    Some(match param.refused.iter().find(met) {
        Some(one) => format!("may be refused: {} It is tried with {usual}", ended(&one.because)),
        None => format!("may have no effect: it is tried with {usual}, and none of these is set"),
    })
}

/// `beams=2, draws=true`.
fn listed(settings: &Settings) -> String {
    let each = settings.iter().map(|(path, value)| format!("{path}={value}"));
    each.collect::<Vec<_>>().join(", ")
}

/// A sentence with its full stop.
fn ended(text: &str) -> String {
    format!("{}.", text.trim_end().trim_end_matches('.'))
}
