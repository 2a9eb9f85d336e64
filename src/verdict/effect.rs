//! Whether a parameter did something, by tiers of evidence: first the value read back from the
//! engine, then what was generated.

use crate::record::Record;
use crate::schema::Relation;
use crate::settings::Value;
use crate::verdict::Effect;
use crate::verdict::relation::Seen;

/// What the engine said of the value it uses.
#[derive(Debug, Clone, PartialEq)]
enum Readback<'a> {
    /// The value that was asked for.
    InForce(&'a Value),
    /// Another value, that of the reference.
    Kept(&'a Value),
    /// Another value, and not that of the reference.
    Changed(&'a Value),
    /// Nothing.
    Unknown,
}

/// The effect of the parameter of `record`, with the evidence in one line. `breached` tells that
/// the declared relation does not hold. None for a record without parameter or output.
pub(super) fn effect(record: &Record, breached: bool) -> Option<(Effect, String)> {
    let path = record.case.parameter.as_deref()?;
    record.output.as_ref()?;
    let asked = requested(record, path);
    let seen = Seen::of(record);
    let changed = seen.as_ref().is_some_and(Seen::any);
    let what = seen.map_or_else(|| "nothing to compare with".to_owned(), |seen| seen.text());
    let (effect, read) = match readback(record, path, asked) {
        Readback::Kept(value) => (Effect::Ignored, format!("the engine kept {value}")),
        Readback::Changed(value) => (Effect::Normalised, format!("the engine made it {value}")),
        Readback::InForce(value) => {
            (in_force(&record.case.relation, changed, breached), format!("read back as {value}"))
        }
        Readback::Unknown => {
            (unread(&record.case.relation, changed, breached), "not read back".to_owned())
        }
    };
    Some((effect, format!("{read}; {what}")))
}

/// With the value in force.
fn in_force(relation: &Relation, changed: bool, breached: bool) -> Effect {
    match relation {
        _ if breached => Effect::Unverified,
        Relation::Changes if !changed => Effect::NoEffect,
        _ => Effect::Verified,
    }
}

/// Without a value read back: what was generated has to tell.
fn unread(relation: &Relation, changed: bool, breached: bool) -> Effect {
    match relation {
        _ if breached => Effect::Unverified,
        Relation::Changes if !changed => Effect::NoEffect,
        _ if changed => Effect::Verified,
        _ => Effect::Unverified,
    }
}

/// The value that was asked for, with `@token.N` filled in.
fn requested<'a>(record: &'a Record, path: &str) -> Option<&'a Value> {
    let resolved = record.resolved.as_ref().and_then(|settings| settings.get(path));
    resolved.or_else(|| record.case.settings.get(path)).or(record.case.value.as_ref())
}

fn readback<'a>(record: &'a Record, path: &str, asked: Option<&Value>) -> Readback<'a> {
    let read = |generation: Option<&'a crate::backends::Generation>| {
        generation.and_then(|generation| generation.effective.get(path))
    };
    let (Some(value), Some(asked)) = (read(record.output.as_ref()), asked) else {
        return Readback::Unknown;
    };
    if same(value, asked) {
        return Readback::InForce(value);
    }
    match read(record.reference.as_ref()) {
        Some(reference) if same(value, reference) => Readback::Kept(value),
        _ => Readback::Changed(value),
    }
}

/// Whether an engine that says `read` uses `asked`: 1 and 1.0 are the same number, and a float
/// that went through 32 bits is still itself.
fn same(read: &Value, asked: &Value) -> bool {
    match (read, asked) {
        (Value::Number(read), Value::Number(asked)) => {
            let (Some(read), Some(asked)) = (read.as_f64(), asked.as_f64()) else {
                return read == asked;
            };
            #[expect(clippy::cast_possible_truncation, reason = "the rounding is what is asked")]
            let narrow = f64::from(asked as f32);
            read == asked || read == narrow
        }
        (Value::Array(read), Value::Array(asked)) => {
            read.len() == asked.len()
                && read.iter().zip(asked).all(|(read, asked)| same(read, asked))
        }
        (Value::Object(read), Value::Object(asked)) => {
            read.len() == asked.len()
                && read
                    .iter()
                    .all(|(key, read)| asked.get(key).is_some_and(|asked| same(read, asked)))
        }
        _ => read == asked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_through_types_and_widths() {
        assert!(same(&Value::from(1.0), &Value::from(1)));
        assert!(same(&Value::from(f64::from(0.1_f32)), &Value::from(0.1)));
        assert!(!same(&Value::from(0.1001), &Value::from(0.1)));
        assert!(!same(&Value::from("1"), &Value::from(1)));
        assert!(same(&serde_json::json!({"a": [1.0]}), &serde_json::json!({"a": [1]})));
        assert!(!same(&serde_json::json!([1, 2]), &serde_json::json!([1])));
    }
}
