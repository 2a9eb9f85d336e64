//! The baseline case at several times of a run: what differs among these is noise.

use crate::schema::{Case, Kind};

/// How often the baseline case of a backend is measured in a run.
const BASELINES: usize = 5;

/// Puts further baselines beside that of each backend: the same case by other names,
/// `<backend>::@baseline-2` and so on.
pub fn with_baselines(cases: Vec<Case>) -> Vec<Case> {
    let more: Vec<Case> = cases.iter().flat_map(further).collect();
    cases.into_iter().chain(more).collect()
}

/// The further baselines of `case`; none where it is no baseline.
fn further(case: &Case) -> impl Iterator<Item = Case> {
    let numbers = (2..=BASELINES).filter(|_| case.kind == Kind::Baseline);
    numbers.map(|number| Case { name: format!("{}-{number}", case.name), ..case.clone() })
}

/// The name of the baseline that `name` is a further one of; none where it is none.
pub fn first_baseline(name: &str) -> Option<&str> {
    let (first, number) = name.rsplit_once('-')?;
    let number: usize = number.parse().ok()?;
    (first.ends_with("::@baseline") && (2..=BASELINES).contains(&number)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::scripted::Script;

    #[test]
    fn the_baseline_comes_several_times_and_nothing_else_does() {
        let cases = with_baselines(Script::default().cases());
        let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), BASELINES);
        assert_eq!(names[..2], ["scripted::@baseline", "scripted::@baseline-2"]);
        for name in &names[1..] {
            assert_eq!(first_baseline(name), Some(names[0]));
        }
        for other in [names[0], "x::@baseline-1", "x::@baseline-6", "x::top_k=-2", "x::a=b-3"] {
            assert_eq!(first_baseline(other), None, "{other}");
        }
    }
}
