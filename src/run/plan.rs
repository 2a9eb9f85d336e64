//! The order of a run.

use std::collections::HashMap;

use crate::schema::{Case, Kind};

/// Orders cases so that those that share a loaded engine follow each other (groups in the order
/// of their first case, the baseline's first); within a group the given order is kept.
pub fn order(cases: Vec<Case>) -> Vec<Case> {
    let mut places: HashMap<(String, String), usize> = HashMap::new();
    let mut groups: Vec<Vec<Case>> = Vec::new();
    for case in cases {
        let key = (case.backend.clone(), case.load_settings().key());
        let place = *places.entry(key).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        groups[place].push(case);
    }
    // A stable sort: only the baselines' groups move.
    groups.sort_by_key(|group| !group.iter().any(|case| case.kind == Kind::Baseline));
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
}
