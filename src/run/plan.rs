//! The order of a run.

use std::collections::HashMap;

use crate::schema::{Case, Kind};

/// Orders cases so that those that share a loaded engine follow each other, and those of a backend
/// do: groups in the order of their first case, within a backend the baseline's first; within a
/// group the given order is kept.
///
/// So a process that goes on from engine to engine is not given up for another backend in between,
/// and what other groups are compared with, mostly an output of the baseline's engine, is there
/// before them.
pub fn order(cases: Vec<Case>) -> Vec<Case> {
    let mut places: HashMap<(String, String), usize> = HashMap::new();
    let mut groups: Vec<Vec<Case>> = Vec::new();
    let mut backends: Vec<String> = Vec::new();
    for case in cases {
        let key = (case.backend.clone(), case.load_settings().key());
        let place = *places.entry(key).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        if !backends.contains(&case.backend) {
            backends.push(case.backend.clone());
        }
        groups[place].push(case);
    }
    // A stable sort: within a backend only the baseline's group moves.
    groups.sort_by_key(|group| {
        let backend = group.first().map(|case| &case.backend);
        let place = backends.iter().position(|one| Some(one) == backend);
        (place, !group.iter().any(|case| case.kind == Kind::Baseline))
    });
    groups.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Relation;
    use crate::settings::Settings;

    fn case(name: &str, kind: Kind, load: Option<&str>) -> Case {
        let settings: Settings = load.map(|value| ("dtype", value)).into_iter().collect();
        Case {
            name: name.to_owned(),
            backend: "x".to_owned(),
            kind,
            parameter: None,
            value: None,
            settings,
            reference: Settings::new(),
            load_paths: vec!["dtype".to_owned()],
            relation: Relation::None,
            requirements: Vec::new(),
            alias: None,
            known: None,
        }
    }

    #[test]
    fn groups_follow_each_other_and_the_baseline_goes_first() {
        let cases = vec![
            case("b1", Kind::Valid, Some("b")),
            case("a1", Kind::Valid, None),
            case("c1", Kind::Valid, Some("c")),
            case("b2", Kind::Valid, Some("b")),
            case("a2", Kind::Baseline, None),
        ];
        let names: Vec<String> = order(cases).into_iter().map(|case| case.name).collect();
        assert_eq!(names, ["a1", "a2", "b1", "b2", "c1"]);
    }

    #[test]
    fn a_backend_is_not_left_before_its_last_group() {
        let of = |backend: &str, name, kind, load| Case {
            backend: backend.to_owned(),
            ..case(name, kind, load)
        };
        let cases = vec![
            of("y", "y1", Kind::Valid, Some("b")),
            of("x", "x0", Kind::Baseline, None),
            of("y", "y0", Kind::Baseline, None),
            of("x", "x1", Kind::Valid, Some("b")),
        ];
        let names: Vec<String> = order(cases).into_iter().map(|case| case.name).collect();
        assert_eq!(names, ["y0", "y1", "x0", "x1"]);
    }
}
