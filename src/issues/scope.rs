//! Where an entry applies.

use crate::record::Record;
use crate::scan::{Finding, Phase, Severity, Stream};
use crate::verdict::Mode;

/// Where a finding was made, for the scope of an entry.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Place<'a> {
    /// Backend of the case.
    pub backend: &'a str,
    /// Parameter of the case; none for the baseline.
    pub parameter: Option<&'a str>,
    /// The value as it stands in the case name (after `=`); none for the baseline.
    pub value: Option<&'a str>,
    /// Version of the engine, where it is known.
    pub engine_version: Option<&'a str>,
    /// Name of the GPU, where there is one.
    pub gpu: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// Where the findings of `record` were made, in a run that is judged by `mode`.
    pub fn of(record: &'a Record, mode: &'a Mode) -> Self {
        let named = Self::of_name(&record.case.name, mode);
        Self { parameter: record.case.parameter.as_deref(), ..named }
    }

    /// What a case name says: `<backend>::<path>=<value>`, `<backend>::!<path>=<value>`,
    /// `<backend>::<path>@<hash>`, `<backend>::@baseline`.
    pub fn of_name(name: &'a str, mode: &'a Mode) -> Self {
        let (backend, rest) = name.split_once("::").unwrap_or((name, ""));
        let rest = rest.strip_prefix('!').unwrap_or(rest);
        let (parameter, value) = match rest.split_once('=') {
            Some((parameter, value)) => (Some(parameter), Some(value)),
            None => (rest.split('@').next().filter(|path| !path.is_empty()), None),
        };
        let engine_version = mode.engine_versions.get(backend).map(String::as_str);
        Self { backend, parameter, value, engine_version, gpu: mode.gpu.as_deref() }
    }
}

/// Where an entry applies: all that is set must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    /// Backends, any of them.
    pub backend: Vec<String>,
    /// Parameters, any of them: a dotted path, or the beginning of one with `*` at its end.
    pub param: Vec<String>,
    /// Values, any of them, as they stand in case names.
    pub value: Vec<String>,
    /// Versions of the engine, all of the bounds.
    pub engine_version: Vec<Bound>,
    /// A part of the GPU's name, case aside; any of them.
    pub gpu: Vec<String>,
    /// Streams, any of them.
    pub stream: Vec<Stream>,
    /// Phases, any of them.
    pub phase: Vec<Phase>,
    /// Severities, any of them (the entry's own key `severity`).
    pub severity: Vec<Severity>,
}

/// A bound on a version: `>=0.7`, `<0.9`, or `0.7`, which covers `0.7.3` too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    relation: Relation,
    version: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Within,
    Less,
    AtMost,
    AtLeast,
    More,
}

impl Bound {
    /// Reads one bound; none where it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let pairs = [
            (">=", Relation::AtLeast),
            ("<=", Relation::AtMost),
            ("==", Relation::Within),
            (">", Relation::More),
            ("<", Relation::Less),
            ("=", Relation::Within),
        ];
        let found = pairs.iter().find_map(|(sign, relation)| {
            text.strip_prefix(sign).map(|version| (*relation, version))
        });
        let (relation, version) = found.unwrap_or((Relation::Within, text));
        let version = version.trim().trim_start_matches('v');
        let numbers: Result<Vec<u64>, _> = version.split('.').map(str::parse).collect();
        numbers.ok().map(|version| Self { relation, version })
    }

    /// Whether a version is within it. What follows the numbers (`+cu130`, `rc1`) is not compared.
    fn holds(&self, version: &str) -> bool {
        let numbers: Vec<u64> = version
            .trim_start_matches('v')
            .split(['.', '+', '-'])
            .map_while(|part| {
                let digits = part.bytes().take_while(u8::is_ascii_digit).count();
                part[..digits].parse().ok()
            })
            .collect();
        self.holds_numbers(&numbers)
    }

    fn holds_numbers(&self, numbers: &[u64]) -> bool {
        let at = |place: usize| numbers.get(place).copied().unwrap_or(0);
        let compared = (0..self.version.len().max(numbers.len()))
            .map(|place| at(place).cmp(&self.version.get(place).copied().unwrap_or(0)))
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal);
        match self.relation {
            Relation::Within => numbers.starts_with(&self.version),
            Relation::Less => compared.is_lt(),
            Relation::AtMost => compared.is_le(),
            Relation::AtLeast => compared.is_ge(),
            Relation::More => compared.is_gt(),
        }
    }
}

impl Scope {
    /// Whether `finding` made at `place` is within it. What is not known of a place is not within
    /// a scope that asks for it.
    pub fn covers(&self, finding: &Finding, place: &Place<'_>) -> bool {
        self.covers_place(place)
            && (self.stream.is_empty() || self.stream.contains(&finding.stream))
            && (self.phase.is_empty() || self.phase.contains(&finding.phase))
            && (self.severity.is_empty() || self.severity.contains(&finding.severity))
    }

    /// Whether a finding of a case at `place` could be within it.
    pub fn covers_place(&self, place: &Place<'_>) -> bool {
        self.covers_case(place) && self.covers_machine(place)
    }

    /// Whether a finding of a case at `place` could be within it, machine and engine aside.
    pub fn covers_case(&self, place: &Place<'_>) -> bool {
        let any = |wanted: &[String], is: Option<&str>| {
            wanted.is_empty() || is.is_some_and(|is| wanted.iter().any(|one| one == is))
        };
        any(&self.backend, Some(place.backend))
            && self.covers_parameter(place.parameter)
            && any(&self.value, place.value)
    }

    fn covers_machine(&self, place: &Place<'_>) -> bool {
        let gpu = place.gpu.map(str::to_lowercase).unwrap_or_default();
        let is = place.engine_version;
        let within = |bound: &Bound| is.is_some_and(|version| bound.holds(version));
        self.engine_version.iter().all(within)
            && (self.gpu.is_empty()
                || self.gpu.iter().any(|part| gpu.contains(&part.to_lowercase())))
    }

    fn covers_parameter(&self, parameter: Option<&str>) -> bool {
        self.param.is_empty()
            || parameter.is_some_and(|is| self.param.iter().any(|wanted| within(is, wanted)))
    }

    /// Whether it asks for a machine or an engine that case names do not tell.
    pub fn asks_for_machine(&self) -> bool {
        !self.engine_version.is_empty() || !self.gpu.is_empty()
    }

    /// How narrow it is: the more is asked, and the fewer ways there are to fulfil it, the more. A
    /// scope within another is never less narrow than that one.
    pub fn specificity(&self) -> u32 {
        let named = |wanted: &[String]| {
            let open = wanted.iter().any(|one| one.ends_with('*'));
            match (wanted.len(), open) {
                (0, _) => 0,
                (1, false) => 4,
                (_, false) => 3,
                (1, true) => 2,
                (_, true) => 1,
            }
        };
        let either = |count: usize| match count {
            0 => 0,
            1 => 4,
            _ => 3,
        };
        named(&self.backend)
            + named(&self.param)
            + named(&self.value)
            + named(&self.gpu)
            + either(usize::from(!self.engine_version.is_empty()))
            + either(self.stream.len())
            + either(self.phase.len())
            + either(self.severity.len())
    }

    /// Whether there is a finding that both cover, as far as scopes tell.
    pub(super) fn meets(&self, other: &Self) -> bool {
        meet(&self.backend, &other.backend, |one, two| one == two)
            && meet(&self.param, &other.param, |one, two| within(one, two) || within(two, one))
            && meet(&self.value, &other.value, |one, two| one == two)
            && meet(&self.gpu, &other.gpu, |one, two| part_of(one, two) || part_of(two, one))
            && meet(&self.stream, &other.stream, |one, two| one == two)
            && meet(&self.phase, &other.phase, |one, two| one == two)
            && meet(&self.severity, &other.severity, |one, two| one == two)
            && versions_meet(self.engine_version.iter().chain(&other.engine_version))
    }

    /// Whether everything that it covers is within `around`, too.
    pub(super) fn is_within(&self, around: &Self) -> bool {
        inside(&self.backend, &around.backend, |one, wanted| one == wanted)
            && inside(&self.param, &around.param, |one, wanted| within(one, wanted))
            && inside(&self.value, &around.value, |one, wanted| one == wanted)
            && inside(&self.gpu, &around.gpu, |one, wanted| part_of(wanted, one))
            && inside(&self.stream, &around.stream, |one, wanted| one == wanted)
            && inside(&self.phase, &around.phase, |one, wanted| one == wanted)
            && inside(&self.severity, &around.severity, |one, wanted| one == wanted)
            && around.engine_version.iter().all(|bound| self.engine_version.contains(bound))
    }

    /// Whether there is a version within all its bounds.
    pub(super) fn has_version(&self) -> bool {
        versions_meet(self.engine_version.iter())
    }

    /// Items of lists that another item covers already: the key, the item, that other.
    pub(super) fn repeated(&self) -> Vec<(&'static str, &str, &str)> {
        let mut repeated = Vec::new();
        let texts = [
            ("backend", &self.backend),
            ("param", &self.param),
            ("value", &self.value),
            ("gpu", &self.gpu),
        ];
        for (key, items) in texts {
            let covers = |one: &str, wanted: &str| match key {
                "param" => within(one, wanted),
                "gpu" => part_of(wanted, one),
                _ => one == wanted,
            };
            for (at, item) in items.iter().enumerate() {
                let mut others = items.iter().enumerate().filter(|(other, _)| *other != at);
                // Of two that cover each other the later one is too much.
                let around = others.find(|(other, wanted)| {
                    covers(item, wanted) && (*other < at || !covers(wanted, item))
                });
                if let Some((_, around)) = around {
                    repeated.push((key, item.as_str(), around.as_str()));
                }
            }
        }
        repeated
    }
}

/// Whether the path `one`, or every path that it begins, is one that `wanted` names.
fn within(one: &str, wanted: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(start) => one.trim_end_matches('*').starts_with(start),
        None => one == wanted,
    }
}

/// Whether `part` is in `whole`, case aside.
fn part_of(part: &str, whole: &str) -> bool {
    whole.to_lowercase().contains(&part.to_lowercase())
}

/// Whether two lists of which any item holds can hold together; an empty one always holds.
fn meet<T>(one: &[T], two: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    one.is_empty() || two.is_empty() || one.iter().any(|a| two.iter().any(|b| same(a, b)))
}

/// Whether all that `one` covers is covered by `around`.
fn inside<T>(one: &[T], around: &[T], covered: impl Fn(&T, &T) -> bool) -> bool {
    around.is_empty()
        || (!one.is_empty() && one.iter().all(|a| around.iter().any(|b| covered(a, b))))
}

/// Whether one version is within all `bounds`. The bounds change their answer only at the versions
/// that they name, so it is enough to try those, what comes right after each, and both ends.
fn versions_meet<'a>(bounds: impl Iterator<Item = &'a Bound> + Clone) -> bool {
    let named = bounds.clone().flat_map(|bound| {
        let next: Vec<u64> = bound.version.iter().copied().chain([1]).collect();
        [bound.version.clone(), next]
    });
    let mut tried = named.chain([vec![0], vec![u64::MAX]]);
    tried.any(|version| bounds.clone().all(|bound| bound.holds_numbers(&version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let holds = |bound: &str, version: &str| Bound::parse(bound).unwrap().holds(version);
        assert!(holds("0.7", "0.7.3"));
        assert!(!holds("0.7", "0.70.3"));
        assert!(holds(">=0.7", "0.10"));
        assert!(holds("<0.10", "0.9.9+cu130"));
        assert!(!holds("<0.9", "0.9.0"));
        assert!(holds(">0.9", "0.9.1rc1"));
        assert!(holds("<=0.9", "0.9.0"));
        let bounds = |text: &str| -> Vec<Bound> {
            text.split(',').map(|one| Bound::parse(one).unwrap()).collect()
        };
        let meet = |text: &str| versions_meet(bounds(text).iter());
        assert!(
            meet(">=0.7,<0.9") && meet(">0.7,<0.8") && meet("0.7,>0.7.5") && meet("<=0.7,>=0.7")
        );
        assert!(
            !meet(">=0.9,<0.9") && !meet("0.7,0.8") && !meet("0.7,>=0.8") && !meet("<0.7,>0.8")
        );
        assert_eq!(Bound::parse("new"), None);
        assert_eq!(Bound::parse(""), None);
    }
}
