//! Names and writing of the files in a run folder.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::settings::short_hash;

/// Longest name of a file before its attempt and extension, in bytes.
const LIMIT: usize = 140;

/// How the name of a file begins that is not whole yet.
const TEMPORARY: &str = ".tmp-";

/// A file name for the case `name`: equal for equal names, different for different ones, and
/// without characters that file systems or artifact stores refuse (`:` is one of them).
pub(super) fn name(case: &str, attempt: u32) -> String {
    let plain = case.replacen("::", "--", 1);
    let mut safe: String = plain.chars().map(|one| if is_safe(one) { one } else { '_' }).collect();
    // Only one way of writing a name goes without a hash: the one that can be read back.
    let readable = safe == plain && safe.matches("--").count() == 1 && case.contains("::");
    if !readable || safe.len() > LIMIT || safe.starts_with(['.', '-']) {
        safe.truncate(LIMIT);
        safe = format!("_{safe}~{}", short_hash(case, 8));
    }
    format!("{safe}@{attempt}")
}

/// The file of what the meters said of a case, in the run folder: beside its record.
pub(super) fn series(case: &str, attempt: u32) -> String {
    format!("records/{}.parquet", name(case, attempt))
}

fn is_safe(one: char) -> bool {
    one.is_ascii_alphanumeric() || "._=@!+-".contains(one)
}

/// Writes `file` so that a reader sees the old or the new contents, never a part: a process that
/// is killed leaves a temporary file behind at worst.
pub(super) fn replace(file: &Path, contents: &[u8]) -> io::Result<()> {
    // Several processes may write into one run folder, and several threads in each.
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let temporary = file.with_file_name(format!("{TEMPORARY}{}-{number}", std::process::id()));
    let written = std::fs::write(&temporary, contents);
    let renamed = written.and_then(|()| std::fs::rename(&temporary, file));
    renamed.inspect_err(|_| {
        let _ = std::fs::remove_file(&temporary);
    })
}

/// Writes `value` as JSON, as [`replace`] does.
pub(super) fn replace_json(file: &Path, value: &impl Serialize) -> io::Result<()> {
    replace(file, &serde_json::to_vec(value)?)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_stay_readable() {
        assert_eq!(name("candle::top_k=50", 1), "candle--top_k=50@1");
        assert_eq!(name("candle::@baseline", 2), "candle--@baseline@2");
        assert_eq!(name("candle::!top_k=-1", 1), "candle--!top_k=-1@1");
    }

    #[test]
    fn names_that_look_alike_stay_apart() {
        let names = ["a::b", "a--b", "a::b::c", "a::b--c", "a::b/c", "a::b_c", "..", "a", "a::"];
        let files: HashSet<String> = names.iter().map(|one| name(one, 1)).collect();
        assert_eq!(files.len(), names.len(), "{files:?}");
    }

    proptest! {
        #[test]
        fn any_name_is_one_plain_short_component(case in "\\PC{0,300}") {
            let file = name(&case, 7);
            prop_assert!(file.len() <= LIMIT + 20);
            prop_assert!(file.chars().all(|one| is_safe(one) || one == '~'), "{}", file);
            prop_assert!(!file.starts_with('.'));
        }
    }
}
