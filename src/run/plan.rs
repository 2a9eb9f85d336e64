//! The order of a run.

use std::collections::HashMap;

use crate::schema::{Case, Kind};
use crate::settings::short_hash;

/// Orders cases so that those that share a loaded engine follow each other, and those of a backend
/// do: groups in the order of their first case, within a backend the baseline's first; within a
/// group the given order is kept.
///
/// So a process that goes on from engine to engine is not given up for another backend in between,
/// and what other groups are compared with, mostly an output of the baseline's engine, is there
/// before them.
pub fn order(cases: Vec<Case>) -> Vec<Case> {
    let mut backends: Vec<String> = Vec::new();
    for case in &cases {
        if !backends.contains(&case.backend) {
            backends.push(case.backend.clone());
        }
    }
    let mut groups = groups(cases);
    // A stable sort: within a backend only the baseline's group moves.
    groups.sort_by_key(|group| {
        let backend = group.first().map(|case| &case.backend);
        let place = backends.iter().position(|one| Some(one) == backend);
        (place, !group.iter().any(is_baseline))
    });
    groups.into_iter().flatten().collect()
}

/// Another order, which depends on `seed` and the names alone: backends, the groups of each, and
/// the cases of a group are shuffled, and what shares a loaded engine still follows each other.
/// Several baselines of a group are spread evenly over it, from its begin to its end.
///
/// A GPU that is hot leaks more. In a fixed order the last parameter would always be measured on
/// the hot one; so its place is left to chance, also that of the baseline's group.
pub fn shuffled(cases: Vec<Case>, seed: u64) -> Vec<Case> {
    let place = |what: &str| short_hash(&format!("{seed}:{what}"), 32);
    let mut groups = groups(cases);
    groups.sort_by_cached_key(|group| {
        let first = group.first();
        let backend = first.map(|case| case.backend.as_str()).unwrap_or_default();
        let key = first.map(|case| case.load_settings().key()).unwrap_or_default();
        (place(backend), place(&format!("{backend}:{key}")))
    });
    for group in &mut groups {
        group.sort_by_cached_key(|case| place(&case.name));
    }
    groups.into_iter().flat_map(spread).collect()
}

/// The cases that share a loaded engine, in the order of their first case.
fn groups(cases: Vec<Case>) -> Vec<Vec<Case>> {
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
    groups
}

fn is_baseline(case: &Case) -> bool {
    case.kind == Kind::Baseline
}

/// Spreads the baselines of a group, where there are several.
fn spread(group: Vec<Case>) -> Vec<Case> {
    let baselines = group.iter().filter(|case| is_baseline(case)).count();
    if baselines < 2 {
        return group;
    }
    let (mut baselines, others): (Vec<Case>, Vec<Case>) = group.into_iter().partition(is_baseline);
    baselines.reverse();
    let (parts, n) = (baselines.len() - 1, others.len());
    let mut spread = Vec::new();
    for (at, other) in others.into_iter().enumerate() {
        // The baseline of number k, from 0, is due after k / parts of the others.
        while (parts + 1 - baselines.len()) * n <= at * parts {
            spread.extend(baselines.pop());
        }
        spread.push(other);
    }
    spread.extend(baselines.into_iter().rev());
    spread
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

    fn names(cases: Vec<Case>) -> Vec<String> {
        cases.into_iter().map(|case| case.name).collect()
    }

    #[test]
    fn a_seed_moves_groups_and_cases_and_keeps_what_shares_an_engine_together() {
        let all = || -> Vec<Case> {
            let of = |load: &'static str, n: u8| {
                (0..n).map(move |at| case(&format!("{load}{at}"), Kind::Valid, Some(load)))
            };
            of("a", 9).chain(of("b", 1)).chain(of("c", 1)).chain(of("d", 3)).collect()
        };
        let mut firsts = std::collections::BTreeSet::new();
        for seed in 0..40 {
            let order = names(shuffled(all(), seed));
            assert_eq!(order, names(shuffled(all().into_iter().rev().collect(), seed)));
            let mut groups: Vec<&str> = order.iter().map(|name| &name[..1]).collect();
            groups.dedup();
            assert_eq!(groups.len(), 4, "{order:?}");
            firsts.insert(groups[0].to_owned());
            // Without some of the cases the others keep their order.
            let few = names(shuffled(all().into_iter().step_by(2).collect(), seed));
            assert_eq!(few, order.into_iter().filter(|one| few.contains(one)).collect::<Vec<_>>());
        }
        assert_eq!(firsts.len(), 4, "a large group comes first no more often than a small one");
    }

    #[test]
    fn baselines_are_spread_over_their_group() {
        let of = |baselines: u8, others: u8| {
            let baselines = (0..baselines).map(|at| case(&format!("B{at}"), Kind::Baseline, None));
            let others = (0..others).map(|at| case(&format!("o{at}"), Kind::Valid, None));
            let order = names(shuffled(baselines.chain(others).collect(), 7));
            order.iter().map(|name| &name[..1]).collect::<String>()
        };
        assert_eq!(of(5, 8), "BooBooBooBooB");
        assert_eq!(of(5, 6), "BooBoBooBoB");
        assert_eq!(of(3, 1), "BoBB");
        assert_eq!(of(5, 0), "BBBBB");
        assert_eq!(of(2, 3), "BoooB");
        assert_eq!(of(1, 3).matches('B').count(), 1);
    }
}
