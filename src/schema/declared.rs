//! Names that are no parameters of a backend, and what its file says about them.

use std::collections::HashSet;

use jiff::civil::Date;
use serde::Serialize;

use crate::schema::fault::{At, Faults};
use crate::schema::fields::Fields;
use crate::schema::{Table, lint};
use crate::settings::Value;

const NAMES: &str = "a list of names";

/// A name that the backend refuses, with the reason: upstream removed it, only other software can
/// do it, or it is no setting of a backend at all.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RefusedName {
    /// The name.
    pub name: String,
    /// Why it is refused.
    pub because: String,
    /// What to do in its place, where there is something.
    pub instead: Option<String>,
    /// The value that its case gives it.
    pub value: Value,
}

/// A name of a surface that is left out of the tests, until a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Excluded {
    /// The name.
    pub name: String,
    /// Why it is left out.
    pub because: String,
    /// The last day on which it may be.
    pub expires: Date,
}

impl RefusedName {
    /// What a refusal of it by `backend` says.
    pub fn rule(&self, backend: &str) -> String {
        let instead = self.instead.as_ref().map(|instead| format!("; {instead}"));
        format!("not a parameter of {backend}: {}{}", self.because, instead.unwrap_or_default())
    }
}

/// Takes `refused` out: a list of `{names, because, instead, value}`.
pub(crate) fn refused(fields: &mut Fields, faults: &mut Faults<'_>) -> Vec<(At, RefusedName)> {
    let mut all = Vec::new();
    for (at, mut fields) in mappings(fields, "refused", faults) {
        let names = names(&mut fields, faults);
        let because: Option<String> = fields.require("because", "why", faults);
        let instead: Option<String> = fields.read("instead", "what to do in its place", faults);
        let value = fields.take("value").unwrap_or(Value::Bool(true));
        fields.finish(faults);
        for text in because.iter().chain(&instead) {
            line_of_text(text, &at, faults);
        }
        let because = because.unwrap_or_default();
        let one = RefusedName { name: String::new(), because, instead, value };
        all.extend(names.into_iter().map(|(at, name)| (at, RefusedName { name, ..one.clone() })));
    }
    all
}

/// Takes `excluded` out: a list of `{names, because, expires}`.
pub(crate) fn excluded(fields: &mut Fields, faults: &mut Faults<'_>) -> Vec<(At, Excluded)> {
    let mut all = Vec::new();
    for (at, mut fields) in mappings(fields, "excluded", faults) {
        let names = names(&mut fields, faults);
        let because: Option<String> = fields.require("because", "why", faults);
        let expires: Option<Date> = fields.require("expires", "a day, as 2027-01-31", faults);
        fields.finish(faults);
        let (Some(because), Some(expires)) = (because, expires) else { continue };
        line_of_text(&because, &at, faults);
        all.extend(
            names
                .into_iter()
                .map(|(at, name)| (at, Excluded { name, because: because.clone(), expires })),
        );
    }
    all
}

/// The items of the list at `key`.
fn mappings(fields: &mut Fields, key: &'static str, faults: &mut Faults<'_>) -> Vec<(At, Fields)> {
    let list: Vec<Value> = fields.read(key, "a list of mappings", faults).unwrap_or_default();
    let at = fields.at(key);
    let items = list.into_iter().enumerate();
    let items = items.filter_map(|(index, item)| {
        let at = at.below(index);
        Some((at.clone(), Fields::new(item, at, faults)?))
    });
    items.collect()
}

fn names(fields: &mut Fields, faults: &mut Faults<'_>) -> Vec<(At, String)> {
    let names: Vec<String> = fields.require("names", NAMES, faults).unwrap_or_default();
    let at = fields.at("names");
    names.into_iter().enumerate().map(|(index, name)| (at.below(index), name)).collect()
}

fn line_of_text(text: &str, at: &At, faults: &mut Faults<'_>) {
    if text.trim().is_empty() || text.contains('\n') {
        faults.add(at, format!("{text:?} is not one line of text; say it in one"));
    }
}

/// Checks that each name stands for one thing only.
pub(crate) fn check(table: &Table, places: &[At], faults: &mut Faults<'_>) {
    let params = table.params.iter();
    let taken: HashSet<&str> = params
        .flat_map(|one| std::iter::once(&one.path).chain(&one.aliases))
        .map(String::as_str)
        .collect();
    let refused = table.refused.iter().map(|one| &one.name);
    let mut seen = HashSet::new();
    for (name, at) in refused.chain(table.excluded.iter().map(|one| &one.name)).zip(places) {
        lint::path(name, at, faults);
        if taken.contains(name.as_str()) {
            faults.add(at, format!("`{name}` names a parameter too; remove one of them"));
        } else if !seen.insert(name) {
            faults.add(at, format!("`{name}` stands here twice; remove one of them"));
        }
    }
}
