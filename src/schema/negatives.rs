//! The values and names that an engine must refuse.
//!
//! Just outside each bound, an unknown choice, values of other types, then the declared ones. Over a
//! surface, which has some hundred names, one value of another type is enough.
//! Every one of them is no value of the parameter, whichever way it is read.

use serde_json::json;

use crate::schema::values::{float, integer, step};
use crate::schema::{Param, Type, same_value};
use crate::settings::Value;

/// A choice or word that no parameter has.
const UNKNOWN: &str = "nonesuch";

/// The values of `param` that must be refused, declared ones last.
pub fn negatives(param: &Param) -> Vec<Value> {
    let mut proposed = outside(param);
    match param.origin.is_file() {
        true => proposed.extend(wrong_types(param)),
        false => {
            proposed.extend(unknown_choices(param));
            proposed.extend(wrong_type(param, &proposed));
        }
    }
    proposed.retain(|value| param.rejection(value).is_some());
    proposed.extend(param.negatives.iter().cloned());

    let mut kept: Vec<Value> = Vec::new();
    for value in proposed {
        // An integer in place of a float is a case of its own: 1 is not 1.0 here.
        let known = kept.iter().any(|earlier| match (earlier, &value) {
            (Value::Number(_), Value::Number(_)) => *earlier == value,
            _ => same_value(earlier, &value),
        });
        if !known {
            kept.push(value);
        }
    }
    kept
}

/// Just outside each bound, in the type of the parameter.
fn outside(param: &Param) -> Vec<Value> {
    let bounds = &param.bounds;
    let mut values = Vec::new();
    if param.types.contains(&Type::Int) {
        values.extend(bounds.least().and_then(|least| integer(least.saturating_sub(1))));
        values.extend(bounds.greatest().and_then(|most| integer(most.saturating_add(1))));
    }
    if param.types.contains(&Type::Float) {
        let step = step(bounds);
        let low = bounds.low().map(|low| if low.inclusive { low.at - step } else { low.at });
        let high = bounds.high().map(|high| if high.inclusive { high.at + step } else { high.at });
        values.extend([low, high].into_iter().flatten().filter_map(float));
    }
    values
}

/// One value of each other type that a caller might send by mistake.
fn wrong_types(param: &Param) -> Vec<Value> {
    let has = |one: Type| param.types.contains(&one);
    let mut values = Vec::new();
    if has(Type::Int) && !has(Type::Float) {
        values.extend(fraction_inside(param));
    }
    if has(Type::Float) && !has(Type::Int) {
        values.extend(integer_inside(param));
    }
    if !has(Type::String) {
        values.push(Value::from(UNKNOWN));
    }
    if !has(Type::Bool) {
        values.push(Value::from(true));
    }
    if !has(Type::Int) && !has(Type::Float) {
        values.push(Value::from(7));
    }
    values
}

/// Beside the choices of an enum: an unknown word, where words are among them, and a number next to
/// the greatest.
fn unknown_choices(param: &Param) -> Vec<Value> {
    if !param.types.contains(&Type::Enum) {
        return Vec::new();
    }
    let word = param.choices.iter().any(Value::is_string).then(|| Value::from(UNKNOWN));
    let greatest = param.choices.iter().filter_map(Value::as_i64).max();
    let number = greatest.and_then(|most| integer(i128::from(most) + 1));
    word.into_iter().chain(number).collect()
}

/// The one value of another type that says most, beside those `proposed`: a word, which nearly
/// everything else has to refuse, or else a number, a boolean, a mapping.
fn wrong_type(param: &Param, proposed: &[Value]) -> Option<Value> {
    let candidates = [UNKNOWN.into(), 7.into(), true.into(), json!({UNKNOWN: true})];
    let new = |value: &Value| !proposed.contains(value) && param.rejection(value).is_some();
    candidates.into_iter().find(new)
}

/// A fraction within the bounds, so that nothing but the type is wrong.
fn fraction_inside(param: &Param) -> Option<Value> {
    let least = param.bounds.least().unwrap_or(1);
    float(least as f64 + 0.5)
}

/// An integer within the bounds, other than the default where there is another.
fn integer_inside(param: &Param) -> Option<Value> {
    let least = param.bounds.least().unwrap_or(1);
    let greatest = param.bounds.greatest().unwrap_or(i128::MAX);
    let inside = [least.saturating_add(1), least].into_iter().filter(|whole| *whole <= greatest);
    let mut inside = inside.filter_map(integer);
    let first = inside.next()?;
    match same_value(&first, &param.default) {
        true => inside.next().or(Some(first)),
        false => Some(first),
    }
}

/// A misspelling of `path` that none of `known` is: one character of its last part left out, near
/// the middle. None for names too short to misspell.
pub(crate) fn misspelling(path: &str, known: &[&str]) -> Option<String> {
    let start = path.rfind('.').map_or(0, |dot| dot + 1);
    let name = path.get(start..)?;
    if name.len() < 4 || !name.is_ascii() {
        return None;
    }
    // From the middle outwards to the end, then back to the second character: the first one is
    // what readers recognise a name by.
    let middle = (name.len() - 2) / 2;
    let places = (middle..name.len()).chain((1..middle).rev());
    places
        .map(|place| {
            let mut misspelt = path.to_owned();
            misspelt.remove(start + place);
            misspelt
        })
        .find(|misspelt| !known.contains(&misspelt.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_is_no_other_parameter() {
        assert_eq!(misspelling("temperature", &[]).as_deref(), Some("temprature"));
        assert_eq!(misspelling("temperature", &["temprature"]).as_deref(), Some("tempeature"));
        assert_eq!(misspelling("kv.dtype", &[]).as_deref(), Some("kv.dype"));
        assert_eq!(misspelling("tp", &[]), None);
    }
}
