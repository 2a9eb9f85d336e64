//! The values that are tried of a parameter.
//!
//! They follow from its type: every choice, both booleans, both ends of each bound and one step
//! inside, representative middles, null where it is optional, then the declared samples. Whatever
//! is proposed here passes one gate: a value of the parameter, not the one in force anyway, not
//! there already.

use serde_json::Number;

use crate::schema::{Bounds, Generate, Param, Type, same_value};
use crate::settings::Value;

/// One step inside a range of floats, as a part of its width (or of 1 where it has one end only).
const STEP: f64 = 0.01;

/// The values to try of `param`, the most ordinary order first: generated, then samples.
///
/// The value in force without the case (the baseline's, or else the default) is left out: setting
/// it would test nothing.
pub fn values(param: &Param) -> Vec<Value> {
    let mut proposed = Vec::new();
    if param.generate == Generate::All {
        for one in &param.types {
            propose(*one, param, &mut proposed);
        }
        if param.optional {
            proposed.push(Value::Null);
        }
    }
    proposed.extend(param.samples.iter().cloned());

    let mut kept: Vec<Value> = Vec::new();
    for value in proposed {
        let known = same_value(&value, param.in_force())
            || kept.iter().any(|earlier| same_value(earlier, &value));
        if !known && param.rejection(&value).is_none() {
            kept.push(value);
        }
    }
    kept
}

fn propose(one: Type, param: &Param, proposed: &mut Vec<Value>) {
    let unbounded = !param.origin.is_file() && param.bounds.is_empty();
    if one == Type::Bool {
        proposed.extend([Value::from(true), Value::from(false)]);
    } else if !param.choices.is_empty() {
        proposed.extend(param.choices.iter().cloned());
    } else {
        match one {
            // What a number means that a surface knows no bound of, a person has to say.
            Type::Int | Type::Float if unbounded => {}
            Type::Int => proposed.extend(integers(&param.bounds, anchor(param))),
            Type::Float => proposed.extend(floats(&param.bounds, anchor(param))),
            // Text, lists and maps have no ends and no middle: their values are the samples.
            Type::Bool | Type::String | Type::Enum | Type::List | Type::Map => {}
        }
    }
}

/// The number that values are taken around.
fn anchor(param: &Param) -> Option<f64> {
    param.in_force().as_f64().filter(|number| *number != 0.0)
}

/// Ends, one step inside, and a middle (between two ends) or half and double of `anchor`.
fn integers(bounds: &Bounds, anchor: Option<f64>) -> Vec<Value> {
    let (least, greatest) = (bounds.least(), bounds.greatest());
    let mut numbers = Vec::new();
    if let Some(least) = least {
        numbers.extend([least, least.saturating_add(1)]);
    }
    match (least, greatest, anchor) {
        (Some(least), Some(greatest), _) => {
            numbers.push(least.saturating_add(greatest.saturating_sub(least) / 2));
        }
        (_, _, Some(anchor)) => numbers.extend([(anchor / 2.0) as i128, (anchor * 2.0) as i128]),
        (Some(least), None, None) => numbers.push(least.saturating_add(4)),
        _ => {}
    }
    if let Some(greatest) = greatest {
        numbers.extend([greatest.saturating_sub(1), greatest]);
    }
    numbers.into_iter().filter_map(integer).collect()
}

/// As [`integers`]; an exclusive end is left out, and one step is a hundredth of the width.
fn floats(bounds: &Bounds, anchor: Option<f64>) -> Vec<Value> {
    let (low, high) = (bounds.low(), bounds.high());
    let step = step(bounds);
    let mut numbers = Vec::new();
    if let Some(low) = low {
        numbers.extend(low.inclusive.then_some(low.at));
        numbers.push(low.at + step);
    }
    match (low, high, anchor) {
        (Some(low), Some(high), _) => numbers.push(low.at / 2.0 + high.at / 2.0),
        (_, _, Some(anchor)) => numbers.extend([anchor / 2.0, anchor * 2.0]),
        (Some(low), None, None) => numbers.push(low.at + 1.0),
        _ => {}
    }
    if let Some(high) = high {
        numbers.push(high.at - step);
        numbers.extend(high.inclusive.then_some(high.at));
    }
    numbers.into_iter().filter_map(float).collect()
}

/// One step inside or outside these bounds.
pub(crate) fn step(bounds: &Bounds) -> f64 {
    match (bounds.low(), bounds.high()) {
        (Some(low), Some(high)) if high.at > low.at => (high.at - low.at) * STEP,
        _ => STEP,
    }
}

/// The integer as a value, where a request can carry it.
pub(crate) fn integer(number: i128) -> Option<Value> {
    let small = i64::try_from(number).map(Value::from);
    small.or_else(|_| u64::try_from(number).map(Value::from)).ok()
}

/// The float as a value, without the noise of the last digits: 0.99 rather than
/// 0.9900000000000001.
pub(crate) fn float(number: f64) -> Option<Value> {
    let short: f64 = format!("{number:.9e}").parse().ok()?;
    Number::from_f64(short).map(Value::Number)
}
