//! Where a model goes: on the device that was named, or on the first that has room for it.
//!
//! A model is on one device here. `max_memory` is the ceiling of its weights per device, as for
//! from_pretrained; what does not fit is refused before any weight is read.

use crate::backends::load::Place;
use crate::refusal::Refusal;
use crate::settings::{Settings, Value};

/// The settings of placement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Placement {
    /// Whether the device is chosen.
    pub auto: bool,
    /// `device_map`, as it was given.
    pub map: Value,
    /// `max_memory`, as it was given.
    pub ceilings_given: Value,
    /// Bytes that weights may take, by device.
    ceilings: Vec<(Place, u64)>,
}

impl Placement {
    /// What `device_map` and `max_memory` say, and the device that `device_map` or `device` names.
    ///
    /// # Errors
    /// A [`Refusal`] of a value.
    pub(super) fn parse(settings: &Settings) -> Result<(Self, Place), Refusal> {
        let map = settings.get("device_map").cloned().unwrap_or_default();
        let ceilings_given = settings.get("max_memory").cloned().unwrap_or_default();
        let named = mapped(&map)?;
        let place = match named {
            Some(Target::Place(place)) => place,
            _ => Place::parse(settings)?,
        };
        let auto = named == Some(Target::Auto);
        let ceilings = ceilings(&ceilings_given)?;
        Ok((Self { auto, map, ceilings_given, ceilings }, place))
    }

    /// Refuses a device that is named twice among `settings`, and a ceiling of a device other than
    /// `place`, where the model goes.
    ///
    /// # Errors
    /// A [`Refusal`] with the setting that stands against it.
    pub(super) fn check_company(&self, settings: &Settings, place: Place) -> Result<(), Refusal> {
        if !self.map.is_null() && settings.get("device").is_some() {
            let rule = "device says where the model goes; give one of the two";
            return Err(Refusal::new("device_map", self.map.clone(), rule));
        }
        match self.ceilings.iter().find(|(one, _)| !self.auto && *one != place) {
            Some((one, _)) => {
                let rule = format!(
                    "the model goes to {}, nothing of it to {}; device_map auto chooses among \
                     devices",
                    name(place),
                    name(*one)
                );
                Err(Refusal::new("max_memory", self.ceilings_given.clone(), rule))
            }
            None => Ok(()),
        }
    }

    /// The devices that an automatic choice is made among, with the bytes that each has for
    /// weights (none for no limit): those with a ceiling, or else `gpus` with what is free on
    /// them, and main memory last.
    pub(super) fn candidates(&self, gpus: &[(Place, u64)]) -> Vec<(Place, Option<u64>)> {
        if self.ceilings.is_empty() {
            let free = gpus.iter().map(|(place, free)| (*place, Some(*free)));
            return free.chain([(Place::Cpu, None)]).collect();
        }
        // A ceiling above what is free is no room.
        let free = |place: Place| gpus.iter().find(|one| one.0 == place).map(|one| one.1);
        let limited = self.ceilings.iter().filter_map(|(place, ceiling)| match place {
            Place::Cpu => Some((*place, Some(*ceiling))),
            Place::Cuda(_) => Some((*place, Some(free(*place)?.min(*ceiling)))),
        });
        limited.collect()
    }

    /// Refuses a model of `bytes` of weights on `place` where its ceiling is lower.
    ///
    /// # Errors
    /// A [`Refusal`] of `max_memory` with both sizes.
    pub(super) fn check(&self, place: Place, bytes: u64) -> Result<(), Refusal> {
        match self.ceilings.iter().find(|(one, ceiling)| *one == place && *ceiling < bytes) {
            Some((_, ceiling)) => Err(self.too_small(bytes, &[(place, Some(*ceiling))])),
            None => Ok(()),
        }
    }

    /// The refusal of a model of `bytes` that none of `candidates` has room for.
    pub(super) fn too_small(&self, bytes: u64, candidates: &[(Place, Option<u64>)]) -> Refusal {
        let room = |(place, limit): &(Place, Option<u64>)| {
            format!("{} has room for {}", name(*place), limit.unwrap_or(u64::MAX))
        };
        let rooms: Vec<String> = candidates.iter().map(room).collect();
        let rooms = match rooms.is_empty() {
            true => "none of its devices is there".to_owned(),
            false => rooms.join(", "),
        };
        let rule =
            format!("the weights take {bytes} bytes, {rooms}; raise it, or narrow the dtype");
        Refusal::new("max_memory", self.ceilings_given.clone(), rule)
    }
}

/// The first of `candidates` that has room for `bytes`.
pub(super) fn choose(bytes: u64, candidates: &[(Place, Option<u64>)]) -> Option<Place> {
    let fits = |limit: Option<u64>| limit.is_none_or(|limit| bytes <= limit);
    candidates.iter().find(|(_, limit)| fits(*limit)).map(|(place, _)| *place)
}

/// What `device_map` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Auto,
    Place(Place),
}

fn mapped(map: &Value) -> Result<Option<Target>, Refusal> {
    let rule = match map {
        Value::Null => return Ok(None),
        Value::String(text) if text == "auto" => return Ok(Some(Target::Auto)),
        Value::String(text) => match place_of(text) {
            Some(place) => return Ok(Some(Target::Place(place))),
            None => "auto, cpu, cuda or cuda:N",
        },
        Value::Object(_) => {
            "a model is on one device here, its modules are not spread; auto, cpu, cuda or cuda:N"
        }
        _ => "auto, cpu, cuda or cuda:N",
    };
    Err(Refusal::new("device_map", map.clone(), rule))
}

fn ceilings(given: &Value) -> Result<Vec<(Place, u64)>, Refusal> {
    let refused = |rule: String| Refusal::new("max_memory", given.clone(), rule);
    let map = match given {
        Value::Null => return Ok(Vec::new()),
        Value::Object(map) if !map.is_empty() => map,
        _ => return Err(refused("a map of devices to bytes, e.g. {cpu: 2GiB}".to_owned())),
    };
    let mut found: Vec<(Place, u64)> = Vec::new();
    for (key, value) in map {
        let number = key.parse::<u8>().ok().map(|number| Place::Cuda(usize::from(number)));
        let Some(place) = number.or_else(|| place_of(key)) else {
            return Err(refused(format!("`{key}` is no device; cpu, cuda:N or N")));
        };
        let Some(bytes) = bytes_of(value) else {
            let rule = format!("the ceiling of {key} is a number of bytes, or text such as 2GiB");
            return Err(refused(rule));
        };
        if found.iter().any(|(one, _)| *one == place) {
            return Err(refused(format!("{} has two ceilings", name(place))));
        }
        found.push((place, bytes));
    }
    // GPUs by number, then main memory.
    found.sort_by_key(|(place, _)| match place {
        Place::Cuda(number) => *number,
        Place::Cpu => usize::MAX,
    });
    Ok(found)
}

fn place_of(text: &str) -> Option<Place> {
    let settings: Settings = [("device", text)].into_iter().collect();
    Place::parse(&settings).ok()
}

fn name(place: Place) -> String {
    match place {
        Place::Cpu => "cpu".to_owned(),
        Place::Cuda(number) => format!("cuda:{number}"),
    }
}

/// Bytes as from_pretrained reads them: a number, or text with a unit of 1024 (GiB) or 1000 (GB).
fn bytes_of(value: &Value) -> Option<u64> {
    const UNITS: [(&str, u64); 6] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];
    let Some(text) = value.as_str() else { return value.as_u64() };
    let (number, unit) =
        UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)))?;
    let plain = |c: char| c.is_ascii_digit() || c == '.';
    let number: f64 = number.trim().chars().all(plain).then(|| number.trim().parse().ok())??;
    let bytes = number * unit as f64;
    // More than any machine has, and still exact enough.
    (bytes < 9e18).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parse(pairs: &[(&str, Value)]) -> Result<(Placement, Place), Refusal> {
        let pairs = pairs.iter().map(|(name, value)| (*name, value.clone()));
        let settings = pairs.collect();
        let (placement, place) = Placement::parse(&settings)?;
        placement.check_company(&settings, place)?;
        Ok((placement, place))
    }

    fn refused(pairs: &[(&str, Value)]) -> String {
        parse(pairs).unwrap_err().to_string()
    }

    #[test]
    fn a_device_is_named_once() {
        assert_eq!(parse(&[]).unwrap().1, Place::Cpu);
        assert_eq!(parse(&[("device_map", "cuda:1".into())]).unwrap().1, Place::Cuda(1));
        assert!(parse(&[("device_map", "auto".into())]).unwrap().0.auto);
        let both = [("device_map", "auto".into()), ("device", "cpu".into())];
        insta::assert_snapshot!(refused(&both), @r#"device_map = "auto" is refused: device says where the model goes; give one of the two"#);
        insta::assert_snapshot!(refused(&[("device_map", "balanced".into())]), @r#"device_map = "balanced" is refused: auto, cpu, cuda or cuda:N"#);
        let spread = json!({"model.layers.0": "cpu"});
        insta::assert_snapshot!(refused(&[("device_map", spread)]), @r#"device_map = {"model.layers.0":"cpu"} is refused: a model is on one device here, its modules are not spread; auto, cpu, cuda or cuda:N"#);
    }

    #[test]
    fn a_ceiling_is_a_number_of_bytes_of_a_device_in_use() {
        let ceiling = |value: Value| refused(&[("max_memory", value)]);
        insta::assert_snapshot!(ceiling(json!({"gpu": 1})), @r#"max_memory = {"gpu":1} is refused: `gpu` is no device; cpu, cuda:N or N"#);
        insta::assert_snapshot!(ceiling(json!({"cpu": "2 TB"})), @r#"max_memory = {"cpu":"2 TB"} is refused: the ceiling of cpu is a number of bytes, or text such as 2GiB"#);
        insta::assert_snapshot!(ceiling(json!({"0": 1, "cuda:0": 2})), @r#"max_memory = {"0":1,"cuda:0":2} is refused: cuda:0 has two ceilings"#);
        insta::assert_snapshot!(ceiling(json!({"0": 1})), @r#"max_memory = {"0":1} is refused: the model goes to cpu, nothing of it to cuda:0; device_map auto chooses among devices"#);
        insta::assert_snapshot!(ceiling(json!({})), @"max_memory = {} is refused: a map of devices to bytes, e.g. {cpu: 2GiB}");
        for (text, bytes) in
            [("2GiB", 2 << 30), ("0.5 MiB", 1 << 19), ("3KB", 3000), ("1e3KB", 0), ("-1GB", 0)]
        {
            assert_eq!(bytes_of(&text.into()).unwrap_or(0), bytes, "{text}");
        }
        let (placement, place) = parse(&[("max_memory", json!({"cpu": "1KiB"}))]).unwrap();
        assert_eq!(placement.check(place, 1024), Ok(()));
        insta::assert_snapshot!(placement.check(place, 1025).unwrap_err(), @r#"max_memory = {"cpu":"1KiB"} is refused: the weights take 1025 bytes, cpu has room for 1024; raise it, or narrow the dtype"#);
    }

    #[test]
    fn gpus_come_first_as_far_as_they_are_there() {
        let auto = |value: Value| {
            parse(&[("device_map", "auto".into()), ("max_memory", value)]).unwrap().0
        };
        let gpus = [(Place::Cuda(0), 70), (Place::Cuda(1), 30)];
        let free = auto(Value::Null).candidates(&gpus);
        assert_eq!(free, [(gpus[0].0, Some(70)), (gpus[1].0, Some(30)), (Place::Cpu, None)]);
        let ceilings = auto(json!({"cpu": 90, "1": 50, "0": 50, "7": 50}));
        let limited = ceilings.candidates(&gpus);
        assert_eq!(limited, [(gpus[0].0, Some(50)), (gpus[1].0, Some(30)), (Place::Cpu, Some(90))]);
        assert_eq!(choose(60, &limited), Some(Place::Cpu));
        insta::assert_snapshot!(ceilings.too_small(91, &limited).rule, @"the weights take 91 bytes, cuda:0 has room for 50, cuda:1 has room for 30, cpu has room for 90; raise it, or narrow the dtype");
        assert_eq!(auto(json!({"7": 50})).candidates(&gpus), []);
    }

    proptest! {
        #[test]
        fn the_first_with_room_is_chosen(bytes: u64, limits in prop::collection::vec(any::<Option<u64>>(), 0..6)) {
            let candidates: Vec<_> =
                limits.iter().enumerate().map(|(number, limit)| (Place::Cuda(number), *limit)).collect();
            let room = |limit: &Option<u64>| limit.is_none_or(|limit| limit >= bytes);
            let first = limits.iter().position(room).map(Place::Cuda);
            prop_assert_eq!(choose(bytes, &candidates), first);
        }

        #[test]
        fn a_number_of_bytes_is_itself(bytes: u64, mib in 0_u32..1 << 20) {
            prop_assert_eq!(bytes_of(&bytes.into()), Some(bytes));
            prop_assert_eq!(bytes_of(&format!("{mib}MiB").into()), Some(u64::from(mib) << 20));
        }
    }
}
