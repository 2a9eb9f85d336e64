//! `num_processes`, and what it makes of the other settings.

use crate::refusal::Refusal;
use crate::settings::{Settings, Value};

/// The parameter.
pub(in crate::backends) const PARAMETER: &str = "num_processes";

/// More replicas than any machine has devices are a mistake.
const MOST: u64 = 64;

/// Where the tensors of an engine lie.
const DEVICE: &str = "device";

/// The length of drafts: with the schedule `heuristic` each replica comes to one of its own.
const DRAFT_TOKENS: &str = "num_assistant_tokens";

/// What `num_processes` says; none where it is not set.
///
/// # Errors
/// A [`Refusal`] of what is no number from 1 to 64.
pub(super) fn count(settings: &Settings) -> Result<Option<usize>, Refusal> {
    let Some(value) = settings.get(PARAMETER) else { return Ok(None) };
    let count = value.as_u64().filter(|count| (1..=MOST).contains(count));
    match count.and_then(|count| usize::try_from(count).ok()) {
        Some(count) => Ok(Some(count)),
        None => Err(Refusal::new(PARAMETER, value.clone(), format!("an integer from 1 to {MOST}"))),
    }
}

/// `settings` without `num_processes`, which a single engine knows nothing of.
pub(super) fn others(settings: &Settings) -> Settings {
    settings.only(|name| name != PARAMETER)
}

/// Refuses `num_processes` among `settings` where an engine of `loaded` replicas is asked.
///
/// # Errors
/// A [`Refusal`], of what is no number of replicas as well.
pub(super) fn check_same(settings: &Settings, loaded: usize) -> Result<(), Refusal> {
    match count(settings)? {
        Some(asked) if asked != loaded => {
            let rule = format!("a load setting; the engine was loaded with {loaded}, load it anew");
            Err(Refusal::new(PARAMETER, asked, rule))
        }
        _ => Ok(()),
    }
}

/// Whether replicas take a device each: `cuda` without a number, as `accelerate launch` has it.
/// Any other device is that of all of them.
pub(super) fn is_spread(settings: &Settings) -> bool {
    settings.get(DEVICE).is_some_and(|device| device == "cuda")
}

/// The settings for replica `number`.
pub(super) fn of_replica(settings: &Settings, number: usize) -> Settings {
    let mut own = others(settings);
    if is_spread(settings) {
        own.set(DEVICE, format!("cuda:{number}"));
    }
    own
}

/// The settings in force of all replicas, out of what each reports. They must be the same; where
/// replicas are `spread` the devices are listed, and so are lengths of drafts that differ.
///
/// # Errors
/// The first difference.
pub(super) fn agreed(reports: &[Settings], spread: bool) -> Result<Settings, String> {
    let Some(first) = reports.first() else { return Ok(Settings::new()) };
    let listed = |name: &str| (spread && name == DEVICE) || name == DRAFT_TOKENS;
    let mut agreed = first.clone();
    for (number, other) in reports.iter().enumerate().skip(1) {
        for (name, _) in first.merged(other).iter() {
            if first.get(name) == other.get(name) {
                continue;
            }
            if !listed(name) {
                let shown = |settings: &Settings| {
                    settings.get(name).map_or("nothing".to_owned(), ToString::to_string)
                };
                return Err(format!(
                    "replicas differ in {name}: replica 0 has {}, replica {number} has {}",
                    shown(first),
                    shown(other)
                ));
            }
            let all = reports.iter().map(|one| one.get(name).cloned().unwrap_or_default());
            agreed.set(name, all.collect::<Vec<Value>>());
        }
    }
    Ok(agreed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    fn refused(value: Value) -> String {
        count(&settings(json!({"num_processes": value}))).unwrap_err().to_string()
    }

    #[test]
    fn a_number_of_replicas() {
        assert_eq!(count(&Settings::new()), Ok(None));
        assert_eq!(count(&settings(json!({"num_processes": 1}))), Ok(Some(1)));
        assert_eq!(count(&settings(json!({"num_processes": 64}))), Ok(Some(64)));
        insta::assert_snapshot!(refused(json!(0)), @"num_processes = 0 is refused: an integer from 1 to 64");
        insta::assert_snapshot!(refused(json!(65)), @"num_processes = 65 is refused: an integer from 1 to 64");
        insta::assert_snapshot!(refused(json!(-1)), @"num_processes = -1 is refused: an integer from 1 to 64");
        insta::assert_snapshot!(refused(json!(2.0)), @"num_processes = 2.0 is refused: an integer from 1 to 64");
        insta::assert_snapshot!(refused(json!(null)), @"num_processes = null is refused: an integer from 1 to 64");
    }

    #[test]
    fn a_loaded_engine_has_as_many_as_it_has() {
        let two = settings(json!({"num_processes": 2}));
        assert_eq!(check_same(&two, 2), Ok(()));
        assert_eq!(check_same(&Settings::new(), 2), Ok(()));
        insta::assert_snapshot!(check_same(&two, 3).unwrap_err(), @"num_processes = 2 is refused: a load setting; the engine was loaded with 3, load it anew");
    }

    #[test]
    fn replicas_take_a_device_each_where_none_is_named() {
        let own = |device: &str| {
            of_replica(&settings(json!({"num_processes": 2, "device": device, "threads": 1})), 1)
        };
        assert_eq!(own("cuda"), settings(json!({"device": "cuda:1", "threads": 1})));
        assert_eq!(own("cuda:0"), settings(json!({"device": "cuda:0", "threads": 1})));
        assert_eq!(own("cpu"), settings(json!({"device": "cpu", "threads": 1})));
    }

    #[test]
    fn what_replicas_report_is_the_same_but_for_devices() {
        let on = |device: &str| settings(json!({"device": device, "threads": 1}));
        assert_eq!(agreed(&[on("cpu"), on("cpu")], false), Ok(on("cpu")));
        let both = agreed(&[on("cuda:0"), on("cuda:1")], true).unwrap();
        assert_eq!(both, settings(json!({"device": ["cuda:0", "cuda:1"], "threads": 1})));
        let draft = |count: u32| settings(json!({"num_assistant_tokens": count}));
        assert_eq!(agreed(&[draft(5), draft(5)], false), Ok(draft(5)));
        let all = settings(json!({"num_assistant_tokens": [5, 5, 7]}));
        assert_eq!(agreed(&[draft(5), draft(5), draft(7)], false), Ok(all));
        insta::assert_snapshot!(agreed(&[on("cpu"), on("cpu"), on("cuda:1")], false).unwrap_err(), @r#"replicas differ in device: replica 0 has "cpu", replica 2 has "cuda:1""#);
        insta::assert_snapshot!(agreed(&[on("cpu"), settings(json!({"device": "cpu", "x": 1, "threads": 1}))], true).unwrap_err(), @"replicas differ in x: replica 0 has nothing, replica 1 has 1");
    }
}
