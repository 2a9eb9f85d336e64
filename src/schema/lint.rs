//! What can be wrong with entries that read well: each by itself, then all of them together.

use std::collections::{HashMap, HashSet};

use crate::refusal::nearest;
use crate::schema::fault::{At, Faults};
use crate::schema::{
    Generate, Kind, Origin, Param, Reference, Relation, Rule, Selection, SurfaceParam, Table, Type,
    known, negatives, rule, same_value, values,
};
use crate::settings::{Settings, Value};

/// Checks one entry by itself.
/// What a surface has `declared` of its default is a fact, and
/// may well lie outside its own bounds.
pub(crate) fn entry(
    param: &Param,
    declared: Option<&SurfaceParam>,
    at: &At,
    faults: &mut Faults<'_>,
) {
    path(&param.path, &at.below("path"), faults);
    for (index, alias) in param.aliases.iter().enumerate() {
        path(alias, &at.below("aliases").below(index), faults);
    }
    let empty = param.description.trim().is_empty() && param.origin.is_file();
    if empty || param.description.contains('\n') {
        faults.add(&at.below("description"), "is not one line of text; say in one what it does");
    }
    if !param.bounds.is_empty()
        && let Some(contradiction) = param.bounds.contradiction(&param.types)
    {
        faults.add(&at.below("bounds"), contradiction);
    }
    if param.types.contains(&Type::Enum) && param.choices.is_empty() {
        faults.add(at, "is an enum without `choices`; list them");
    }
    twice(&param.choices, &at.below("choices"), faults);
    twice(&param.samples, &at.below("samples"), faults);
    if let Origin::Beyond(reason) = &param.origin
        && (reason.trim().is_empty() || reason.contains('\n'))
    {
        faults.add(&at.below("beyond"), "is not one line of text; say in one why it is here");
    }
    let known =
        declared.is_some_and(|one| one.default.clone().unwrap_or_default() == param.default);
    if !known && let Some(rejection) = param.rejection(&param.default) {
        faults.add(&at.below("default"), rejection);
    }
    for (index, sample) in param.samples.iter().enumerate() {
        let at = at.below("samples").below(index);
        if let Some(rejection) = param.rejection(sample) {
            faults.add(&at, rejection);
        } else if same_value(sample, param.in_force()) {
            let whose = if param.baseline.is_some() { "baseline" } else { "default" };
            faults.add(&at, format!("{sample} is the {whose} and tests nothing; remove it"));
        }
    }
    tried(param, at, faults);
}

/// Checks what the entry says about the values that it yields.
fn tried(param: &Param, at: &At, faults: &mut Faults<'_>) {
    let values = values(param);
    if values.is_empty() {
        let remedy = match param.generate {
            Generate::Samples => "add `samples`, or remove `generate: samples`",
            Generate::All => "add `samples`, `bounds` or `choices`",
        };
        faults.add(at, format!("yields no value to try; {remedy}"));
        return;
    }
    let is_tried = |value: &Value| values.iter().any(|one| same_value(one, value));
    if let Some(quick) = param.quick.as_ref().filter(|quick| !is_tried(quick)) {
        faults.add(&at.below("quick"), not_tried(quick));
    }
    let mut seen: Vec<&Value> = Vec::new();
    for (index, one) in param.per_value.iter().enumerate() {
        let at = at.below("per_value").below(index).below("values");
        for (place, value) in one.values.iter().enumerate() {
            if !is_tried(value) {
                faults.add(&at.below(place), not_tried(value));
            } else if seen.iter().any(|earlier| same_value(earlier, value)) {
                faults.add(&at.below(place), format!("{value} stands twice; keep one of them"));
            }
            seen.push(value);
        }
    }
    for (index, value) in param.negatives.iter().enumerate() {
        // An integer may well be refused where the equal float is taken.
        if values.contains(value) || *value == param.default {
            let at = at.below("negatives").below(index);
            faults.add(&at, format!("{value} is accepted as a value; remove one of the two"));
        }
    }
    known::check(param, at, faults);
}

fn not_tried(value: &Value) -> String {
    format!("{value} is not among the values that are tried; add it to `samples`")
}

/// Checks that `path` reads as the name of a parameter.
pub(crate) fn path(path: &str, at: &At, faults: &mut Faults<'_>) {
    let word = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    // What stands below a first word may be named after a class: `quantization_config.GPTQ.bits`.
    let first = path.split('.').next().unwrap_or_default();
    if !path.split('.').all(word) || first.bytes().any(|b| b.is_ascii_uppercase()) {
        faults.add(at, "must be words of a-z, 0-9 and _ (and A-Z after a dot), joined by dots");
    }
}

fn twice(values: &[Value], at: &At, faults: &mut Faults<'_>) {
    for (index, value) in values.iter().enumerate() {
        if values[..index].iter().any(|earlier| same_value(earlier, value)) {
            faults.add(&at.below(index), format!("{value} stands twice; remove one of them"));
        }
    }
}

/// Checks the entries together. `broken` are paths of entries that could not be read: they are
/// known as names and not looked into.
pub(crate) fn table(table: &Table, at: &Places, broken: &[String], faults: &mut Faults<'_>) {
    let places = &at.params;
    let together = Together { table, broken };
    together.names(places, faults);
    together.settings(None, &table.baseline, &At::top().below("baseline"), faults);
    for (param, at) in table.params.iter().zip(places) {
        together.entry(param, at, faults);
    }
    for (rule, at) in table.rules.iter().zip(&at.rules) {
        together.rule(rule, at, faults);
    }
    rule::check(table, &at.rules, faults);
    if faults.count() == 0 {
        together.cases(places, faults);
        together.rules(&at.rules, faults);
    }
}

/// Where the parts of a table stand.
pub(crate) struct Places {
    /// The parameters, in their order.
    pub(crate) params: Vec<At>,
    /// The rules, in theirs.
    pub(crate) rules: Vec<At>,
}

struct Together<'a> {
    table: &'a Table,
    broken: &'a [String],
}

impl Together<'_> {
    /// Every path and alias stands for one parameter.
    fn names(&self, places: &[At], faults: &mut Faults<'_>) {
        let mut owner: HashMap<&str, &str> = HashMap::new();
        for (param, at) in self.table.params.iter().zip(places) {
            let aliases = param.aliases.iter().enumerate();
            let aliases = aliases.map(|(i, alias)| (alias, at.below("aliases").below(i)));
            for (name, at) in std::iter::once((&param.path, at.below("path"))).chain(aliases) {
                if let Some(first) = owner.insert(name, &param.path) {
                    let message =
                        format!("`{name}` already names the parameter `{first}`; rename one");
                    faults.add(&at, message);
                }
            }
        }
    }

    fn entry(&self, param: &Param, at: &At, faults: &mut Faults<'_>) {
        self.settings(Some(param), &param.companions, &at.below("with"), faults);
        self.settings(Some(param), &param.brings, &at.below("brings"), faults);
        self.relation(&param.relation, &at.below("relation"), faults);
        for (index, one) in param.per_value.iter().enumerate() {
            let at = at.below("per_value").below(index);
            self.settings(Some(param), &one.companions, &at.below("with"), faults);
            self.settings(Some(param), &one.brings, &at.below("brings"), faults);
            if let Some(relation) = &one.relation {
                self.relation(relation, &at.below("relation"), faults);
            }
        }
        for (index, one) in param.refused.iter().enumerate() {
            // Company that is not to be accepted may well conflict: only its names are checked.
            let at = at.below("refused").below(index).below("with");
            for (path, _) in one.companions.iter() {
                self.known(path, &at.below(path), faults);
            }
        }
        for (index, path) in param.conflicts.iter().enumerate() {
            let at = at.below("conflicts").below(index);
            if *path == param.path {
                faults.add(&at, "a parameter cannot conflict with itself; remove it");
            } else {
                self.known(path, &at, faults);
            }
        }
    }

    /// Settings that go along with `owner` (or with everything): known names, accepted values.
    fn settings(
        &self,
        owner: Option<&Param>,
        settings: &Settings,
        at: &At,
        faults: &mut Faults<'_>,
    ) {
        for (path, value) in settings.iter() {
            let at = at.below(path);
            if owner.is_some_and(|owner| owner.path == *path) {
                faults.add(&at, "a parameter cannot be its own companion; remove it");
            } else if owner.is_some_and(|owner| owner.conflicts.contains(path)) {
                faults.add(&at, format!("`{path}` is among the `conflicts` too; keep one"));
            } else if self.known(path, &at, faults)
                && let Some(param) = self.table.param(path)
                && let Some(rejection) = param.rejection(value)
            {
                faults.add(&at, rejection);
            }
        }
    }

    /// Whether `path` is a parameter; a fault where it is not.
    fn known(&self, path: &str, at: &At, faults: &mut Faults<'_>) -> bool {
        if self.table.param(path).is_some() || self.broken.iter().any(|one| one == path) {
            return true;
        }
        let known = self.table.params.iter().map(|param| param.path.as_str());
        let hint = match nearest(path, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add it to `params`, or remove it here".to_owned(),
        };
        faults.add(at, format!("no parameter is named `{path}`; {hint}"));
        false
    }

    /// The case of an `equals` is there, and its settings are known before anything runs.
    fn relation(&self, relation: &Relation, at: &At, faults: &mut Faults<'_>) {
        let Relation::Equals(name) = relation else { return };
        let own = name.strip_prefix(&self.table.backend).and_then(|name| name.strip_prefix("::"));
        let path = own.and_then(|name| Some(name.split_once('=')?.0));
        if path.is_some_and(|path| self.broken.iter().any(|one| one == path)) {
            return;
        }
        match self.table.settings_of(name) {
            None => {
                let remedy = "take a name that `wattest params list` shows";
                faults.add(at, format!("there is no valid case `{name}`; {remedy}"));
            }
            Some(settings) if settings.iter().any(|(_, value)| Reference::within(value)) => {
                let remedy = "compare with a case of fixed values";
                faults.add(at, format!("the settings of `{name}` hold references; {remedy}"));
            }
            Some(_) => {}
        }
    }

    /// A rule is about parameters, and its examples about values that are fine by themselves.
    fn rule(&self, rule: &Rule, at: &At, faults: &mut Faults<'_>) {
        for path in rule.forbids.keys() {
            self.known(path, &at.below("forbids").below(path), faults);
        }
        self.settings(None, &rule.example, &at.below("example"), faults);
        self.settings(None, &rule.near, &at.below("near"), faults);
    }

    /// No rule forbids what a case says is accepted, whatever the machine.
    fn rules(&self, places: &[At], faults: &mut Faults<'_>) {
        if places.is_empty() {
            return;
        }
        let mut cases = self.table.cases(Selection::All);
        cases.retain(|case| case.kind == Kind::Valid && case.requirements.is_empty());
        for (rule, at) in self.table.rules.iter().zip(places) {
            if let Some(case) = cases.iter().find(|one| self.table.forbidden(rule, &one.settings)) {
                let message = format!("forbids what `{}` shows to be accepted", case.name);
                faults.add(&at.below("forbids"), message);
            }
        }
    }

    /// No two cases share a name.
    fn cases(&self, places: &[At], faults: &mut Faults<'_>) {
        let mut seen = HashSet::new();
        for (param, at) in self.table.params.iter().zip(places) {
            for case in self.table.cases_of(param) {
                if !seen.insert(case.name.clone()) {
                    faults.add(at, format!("two cases are named `{}`; remove one", case.name));
                }
            }
            if negatives(param).is_empty() && param.refused.is_empty() {
                faults.add(at, "has no value that must be refused; add `negatives`");
            }
        }
    }
}
