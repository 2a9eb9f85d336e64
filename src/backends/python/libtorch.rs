//! Which libtorch is in this process already: a second one beside it does not work.

use std::fs;
use std::path::{Path, PathBuf};

/// The part of libtorch that every program with it has.
const LIBRARY: &str = "libtorch_cpu.so";

/// The folder of the libtorch in this process, where there is one.
pub(super) fn mapped() -> Option<PathBuf> {
    folder(&fs::read_to_string("/proc/self/maps").ok()?)
}

/// The folder of libtorch by the mapped files of a process, as `/proc/<pid>/maps` has them.
fn folder(maps: &str) -> Option<PathBuf> {
    let files = maps.lines().filter_map(|line| Some(Path::new(&line[line.find('/')?..])));
    files.filter(|file| file.file_name().is_some_and(|name| name == LIBRARY)).find_map(|file| {
        let folder = file.parent()?;
        Some(folder.to_owned())
    })
}

/// Whether an environment with `site_packages` may be used beside the libtorch in `folder`: it has
/// the very same, or none.
pub(super) fn is_of(folder: &Path, site_packages: &[PathBuf]) -> bool {
    let own = site_packages.iter().map(|packages| packages.join("torch/lib"));
    let found: Vec<PathBuf> = own.filter_map(|own| own.canonicalize().ok()).collect();
    found.is_empty() || found.iter().any(|own| own == folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_among_what_is_mapped() {
        let maps = "7f0-7f1 r-xp 0001 08:01 12 /usr/lib/libc.so.6\n\
                    7f1-7f2 rw-p 0000 00:00 0 \n\
                    7f2-7f3 r-xp 0002 08:01 13 /a place/lib/libtorch_cpu.so\n";
        assert_eq!(folder(maps), Some(PathBuf::from("/a place/lib")));
        assert_eq!(folder("7f0-7f1 r-xp 0001 08:01 12 /usr/lib/libtorch_cpu.so.txt\n"), None);
    }

    #[test]
    fn the_same_or_none_may_be_used() {
        let dir = tempfile::tempdir().unwrap();
        let packages = [dir.path().canonicalize().unwrap()];
        assert!(is_of(Path::new("/elsewhere"), &packages));
        let own = packages[0].join("torch/lib");
        fs::create_dir_all(&own).unwrap();
        assert!(!is_of(Path::new("/elsewhere"), &packages));
        assert!(is_of(&own, &packages));
    }
}
