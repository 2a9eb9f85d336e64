//! Which cases run, and in which order. Pure.

use std::collections::BTreeSet;

use wattest::run::{first_baseline, order, shuffled, with_baselines};
use wattest::schema::{Case, Selection};
use wattest::settings::short_hash;

use crate::inputs::Source;
use crate::options::{Options, Partition};

/// How many near names are suggested.
const SUGGESTIONS: usize = 3;

/// The cases that were offered, split by what the user said.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    /// The chosen ones in the order of the run.
    pub chosen: Vec<Case>,
    /// The names of the others.
    pub left_out: Vec<String>,
}

/// The cases of `sources` that `options` choose; those of the baselines several times where energy
/// is measured thoroughly. Exact names are found without making the cases beside them.
pub(crate) fn offered(sources: &[Source], options: &Options) -> Vec<Case> {
    if options.exact && !options.filters.is_empty() {
        let mut seen = BTreeSet::new();
        let names = options.filters.iter().filter(|name| seen.insert(name.as_str()));
        return names
            .filter_map(|name| sources.iter().find_map(|source| exactly(source, name, options)))
            .collect();
    }
    let selection = if options.quick { Selection::Quick } else { Selection::All };
    all(sources, selection, options)
}

/// All cases of `sources`, the further baselines included.
pub(crate) fn all(sources: &[Source], selection: Selection, options: &Options) -> Vec<Case> {
    let cases = sources.iter().flat_map(|source| source.cases(selection)).collect();
    if options.measurement.is_thorough() { with_baselines(cases) } else { cases }
}

/// The case `name` of `source`, which may be a further baseline.
fn exactly(source: &Source, name: &str, options: &Options) -> Option<Case> {
    source.case(name).or_else(|| {
        let first = first_baseline(name).filter(|_| options.measurement.is_thorough())?;
        Some(Case { name: name.to_owned(), ..source.case(first)? })
    })
}

/// A seed for the order, where one is to be drawn: where energy is measured thoroughly, as a fixed
/// order gives the last case the hot machine, and where it was asked for. Under nextest, which has
/// its own order, none is.
pub(crate) fn drawn_seed(options: &Options) -> Option<u64> {
    use std::hash::{BuildHasher as _, Hasher as _};
    let wanted = options.shuffle || options.measurement.is_thorough();
    let nextest = std::env::var_os("NEXTEST_RUN_ID").is_some();
    // Keys of the standard library's hashes are random; few digits are read and typed with ease.
    let draw = || std::hash::RandomState::new().build_hasher().finish() >> 40;
    (wanted && !nextest).then(draw)
}

/// Splits `cases`; with `failed` only those whose names are in it. With a `seed` those that are
/// chosen are shuffled: which ones these are does not depend on it, so that the shards of a run
/// need not have the same.
pub(crate) fn select(
    cases: Vec<Case>,
    options: &Options,
    seed: Option<u64>,
    failed: Option<&BTreeSet<String>>,
) -> Selected {
    let mut selected = Selected::default();
    let mut place = 0;
    // Nothing is marked as ignored, and nothing is a benchmark.
    let none = options.ignored || options.bench;
    for case in order(cases) {
        let mut wanted = !none
            && matches(&case.name, options)
            && failed.is_none_or(|failed| failed.contains(&case.name));
        if wanted && let Some(partition) = options.partition {
            wanted = is_in(partition, &case.name, place);
            place += 1;
        }
        if wanted {
            selected.chosen.push(case);
        } else {
            selected.left_out.push(case.name);
        }
    }
    if let Some(seed) = seed {
        selected.chosen = shuffled(selected.chosen, seed);
    }
    selected
}

fn matches(name: &str, options: &Options) -> bool {
    let hit = |filter: &String| {
        if options.exact { name == filter } else { name.contains(filter.as_str()) }
    };
    (options.filters.is_empty() || options.filters.iter().any(hit)) && !options.skip.iter().any(hit)
}

fn is_in(partition: Partition, name: &str, place: u64) -> bool {
    match partition {
        Partition::Slice { nth, of } => place % of == nth - 1,
        Partition::Hash { nth, of } => {
            let hash = u64::from_str_radix(&short_hash(name, 15), 16).unwrap_or(0);
            hash % of == nth - 1
        }
    }
}

/// What to say where nothing was chosen out of `names`.
pub(crate) fn nothing_selected(options: &Options, names: &[String]) -> String {
    let mut text = "nothing was selected".to_owned();
    if options.ignored || options.bench {
        text.push_str(": no case is marked as ignored or is a benchmark");
    } else if options.rerun_failed {
        text.push_str(": no case of the latest run failed, or the filters leave it out");
    } else if options.filters.is_empty() {
        text.push_str(": --skip or --partition leaves out every case");
    }
    for filter in &options.filters {
        let near = near_names(filter, names);
        match near.as_slice() {
            [] => text.push_str(&format!("\n  no case matches `{filter}`; see --list")),
            near => {
                text.push_str(&format!(
                    "\n  no case matches `{filter}`; near are: {}",
                    near.join(", ")
                ));
            }
        }
    }
    text.push_str(
        "\n  (--no-tests=pass or WATTEST_NO_TESTS=pass accepts that, as for `cargo test FILTER` over all targets)",
    );
    text
}

fn near_names<'a>(filter: &str, names: &'a [String]) -> Vec<&'a str> {
    let wanted = filter.to_ascii_lowercase();
    let score = |name: &str| {
        let name = name.to_ascii_lowercase();
        // A filter is a part of a name: the parameter, its value, or both come near too.
        let rest = name.split_once("::").map_or(name.as_str(), |(_, rest)| rest);
        let (path, value) = rest.split_once('=').unwrap_or((rest, rest));
        let parts = [name.as_str(), rest, path, value].into_iter();
        parts.map(|part| strsim::jaro_winkler(&wanted, part)).fold(0.0, f64::max)
    };
    let mut scored: Vec<(f64, &str)> =
        names.iter().map(|name| (score(name), name.as_str())).collect();
    scored.retain(|(score, _)| *score > 0.8);
    scored.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
    scored.into_iter().take(SUGGESTIONS).map(|(_, name)| name).collect()
}
