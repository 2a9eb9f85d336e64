//! Where an entry applies.

use crate::scan::{Finding, Phase, Severity, Stream};

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
        let any = |wanted: &[String], is: Option<&str>| {
            wanted.is_empty() || is.is_some_and(|is| wanted.iter().any(|one| one == is))
        };
        let gpu = place.gpu.map(str::to_lowercase).unwrap_or_default();
        any(&self.backend, Some(place.backend))
            && self.covers_parameter(place.parameter)
            && any(&self.value, place.value)
            && self
                .engine_version
                .iter()
                .all(|bound| place.engine_version.is_some_and(|version| bound.holds(version)))
            && (self.gpu.is_empty()
                || self.gpu.iter().any(|part| gpu.contains(&part.to_lowercase())))
            && (self.stream.is_empty() || self.stream.contains(&finding.stream))
            && (self.phase.is_empty() || self.phase.contains(&finding.phase))
            && (self.severity.is_empty() || self.severity.contains(&finding.severity))
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

    fn covers_parameter(&self, parameter: Option<&str>) -> bool {
        let matches = |wanted: &String, is: &str| match wanted.strip_suffix('*') {
            Some(start) => is.starts_with(start),
            None => wanted == is,
        };
        self.param.is_empty()
            || parameter.is_some_and(|is| self.param.iter().any(|wanted| matches(wanted, is)))
    }

    /// Whether it asks for a machine or an engine that case names do not tell.
    pub fn asks_for_machine(&self) -> bool {
        !self.engine_version.is_empty() || !self.gpu.is_empty()
    }

    /// How narrow it is: the more is asked, and the fewer ways there are to fulfil it, the more.
    pub fn specificity(&self) -> u32 {
        let named = |wanted: &[String]| match wanted {
            [] => 0,
            [one] if !one.ends_with('*') => 2,
            _ => 1,
        };
        let either = |count: usize| match count {
            0 => 0,
            1 => 2,
            _ => 1,
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
        assert_eq!(Bound::parse("new"), None);
        assert_eq!(Bound::parse(""), None);
    }
}
