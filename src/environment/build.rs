//! What this library was built from.

use std::collections::BTreeMap;

/// Crates that come with a feature, and whether this build has them: the lock file has those of all.
const OPTIONAL: [(&str, bool); 6] = [
    ("candle-core", cfg!(feature = "candle")),
    ("candle-nn", cfg!(feature = "candle")),
    ("cudarc", cfg!(feature = "cuda")),
    ("pyo3", cfg!(feature = "python")),
    ("tch", cfg!(feature = "torch")),
    ("torch-sys", cfg!(feature = "torch")),
];

/// The cargo features that this library was built with.
pub(super) fn features() -> Vec<String> {
    let all = [
        ("candle", cfg!(feature = "candle")),
        ("cuda", cfg!(feature = "cuda")),
        ("python", cfg!(feature = "python")),
        ("torch", cfg!(feature = "torch")),
    ];
    all.iter().filter(|(_, on)| *on).map(|(name, _)| (*name).to_owned()).collect()
}

/// The versions of the crates that compute or measure, of those that this build has; empty where it
/// was built without a lock file beside it.
pub(super) fn crates() -> BTreeMap<String, String> {
    // `name=version` with blanks between them; see build.rs.
    let locked = option_env!("WATTEST_CRATES").unwrap_or_default();
    let pairs = locked.split_whitespace().filter_map(|one| one.split_once('='));
    let here = pairs.filter(|(name, _)| !OPTIONAL.contains(&(name, false)));
    here.map(|(name, version)| (name.to_owned(), version.to_owned())).collect()
}

/// The version of the libtorch that was linked, as it names itself; none without the feature.
pub(super) fn libtorch() -> Option<String> {
    option_env!("WATTEST_LIBTORCH")
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_those_of_the_lock_file() {
        let crates = crates();
        let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"));
        let lock = lock.unwrap();
        assert!(crates.contains_key("tokenizers"), "{crates:?}");
        for (name, version) in &crates {
            let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
            assert!(lock.contains(&entry), "{entry}");
        }
        assert_eq!(crates.contains_key("tch"), cfg!(feature = "torch"));
        assert_eq!(crates.contains_key("candle-core"), cfg!(feature = "candle"));
    }
}
