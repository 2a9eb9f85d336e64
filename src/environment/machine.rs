//! A machine as its files and variables tell it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// A machine: files below a root, where `/proc`, `/sys` and the like are, and the variables of a
/// process on it.
#[derive(Debug, Clone)]
pub struct Machine {
    root: PathBuf,
    variables: BTreeMap<String, String>,
}

impl Machine {
    /// This machine, and the variables of this process. Of those that are not UTF-8 what is not is
    /// replaced.
    pub fn here() -> Self {
        let text = |word: std::ffi::OsString| word.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        Self { root: PathBuf::from("/"), variables: variables.collect() }
    }

    /// One whose files lie below `root`, with these variables.
    pub fn at(root: impl Into<PathBuf>, variables: BTreeMap<String, String>) -> Self {
        Self { root: root.into(), variables }
    }

    /// Where the file of the absolute path `path` lies; a relative one is its own.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        match path.strip_prefix("/") {
            Ok(below) => self.root.join(below),
            Err(_) => path.to_owned(),
        }
    }

    /// The variable `name`, where it is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The variable `name`, also where it is set to nothing.
    pub fn variable_as_set(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The text of a small file.
    pub fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let bytes = fs::read(self.path(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The first line of a file.
    pub fn line(&self, path: impl AsRef<Path>) -> Option<String> {
        self.text(path)?.lines().next().map(|line| line.trim().to_owned())
    }

    /// The first line of a file as a number.
    pub fn number(&self, path: impl AsRef<Path>) -> Option<i64> {
        self.line(path)?.parse().ok()
    }

    /// The first `bytes` of a file: the kernel makes no more of a long one than is read, and
    /// `/proc/cpuinfo` of a large machine takes it many milliseconds.
    pub fn head(&self, path: impl AsRef<Path>, bytes: usize) -> Option<String> {
        let mut text = vec![0; bytes];
        let read = File::open(self.path(path)).ok()?.read(&mut text).ok()?;
        Some(String::from_utf8_lossy(&text[..read]).into_owned())
    }

    /// The names in a folder, sorted; none where it cannot be read.
    pub fn names(&self, folder: impl AsRef<Path>) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .collect();
        names.sort();
        names
    }

    /// Whether there is a file or folder at `path`.
    pub fn has(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).exists()
    }

    /// The program `name` in the folders of `PATH`.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let folders = std::env::split_paths(self.variable("PATH")?).collect::<Vec<_>>();
        folders.into_iter().map(|folder| folder.join(name)).find(|file| self.path(file).is_file())
    }
}

/// The value of the first `key : value` line of `text`.
pub(crate) fn value_of(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    })
}

/// The bytes of the first `key: 16384 kB` line of `text`, as the kernel writes amounts of memory.
pub(crate) fn bytes_of(text: &str, key: &str) -> Option<u64> {
    value_of(text, key)?.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
pub(crate) mod made_up {
    use super::*;

    /// A machine made of `files` (absolute path, text) and `variables`, for as long as the folder
    /// is kept.
    pub(crate) fn machine(
        files: &[(&str, &str)],
        variables: &[(&str, &str)],
    ) -> (tempfile::TempDir, Machine) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let file = root.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let machine = Machine::at(root.path(), variables.collect());
        (root, machine)
    }
}

#[cfg(test)]
mod tests {
    use super::made_up::machine;
    use super::*;

    #[test]
    fn files_are_those_below_the_root() {
        let files =
            [("/proc/a", " one \ntwo\n"), ("/n", "17\n"), ("/opt/bin/nvcc", ""), ("/d/b", "")];
        let (root, here) = machine(&files, &[("PATH", "/none:/opt/bin"), ("EMPTY", "")]);
        assert_eq!(here.line("/proc/a").as_deref(), Some("one"));
        assert_eq!(here.head("/proc/a", 4).as_deref(), Some(" one"));
        assert_eq!(here.number("/n"), Some(17));
        assert_eq!(here.number("/proc/a"), None);
        assert_eq!(here.names("/d"), ["b"]);
        assert!(here.names("/nowhere").is_empty());
        assert_eq!(here.program("nvcc").as_deref(), Some(Path::new("/opt/bin/nvcc")));
        assert_eq!(here.program("ls"), None);
        assert_eq!(here.variable("EMPTY"), None);
        assert_eq!(here.variable_as_set("EMPTY"), Some(""));
        assert_eq!(here.path("/proc/a"), root.path().join("proc/a"));
    }

    #[test]
    fn keys_are_whole() {
        assert_eq!(value_of("model name\t: A\nmodel\t: B\n", "model").as_deref(), Some("B"));
        assert_eq!(value_of("a b\n", "a b"), None);
    }
}
