//! A zone of the powercap tree.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What the folders of zones begin with. That of the second way, `intel-rapl-mmio:`, does not.
const PREFIX: &str = "intel-rapl:";

/// A zone: a folder with a name, a counter and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Zone {
    /// The name of its folder: `intel-rapl:0`, or `intel-rapl:0:2` for a part of that.
    id: String,
    folder: PathBuf,
    /// What the kernel calls it: `package-0`, `dram`; the empty text where that cannot be read.
    pub(super) name: String,
}

impl Zone {
    /// All zones below `root`, in the order of their folders' names. In `/sys/class/powercap` they
    /// stand side by side, in `/sys/devices/virtual/powercap/intel-rapl` parts are in their whole.
    ///
    /// # Errors
    /// Where `root` cannot be listed.
    pub(super) fn all(root: &Path) -> io::Result<Vec<Self>> {
        let mut found = BTreeMap::new();
        for (id, folder) in folders(root, PREFIX)? {
            let parts = folders(&folder, &format!("{id}:")).unwrap_or_default();
            found.entry(id).or_insert(folder);
            for (id, folder) in parts {
                found.entry(id).or_insert(folder);
            }
        }
        let zone = |(id, folder): (String, PathBuf)| {
            let name = fs::read_to_string(folder.join("name")).unwrap_or_default();
            Self { id, folder, name: name.trim().to_owned() }
        };
        Ok(found.into_iter().map(zone).collect())
    }

    /// Whether its energy is to be added up: that of a package, and that of the memory beside one.
    /// A zone whose name cannot be read is taken for a package, so that what hides it shows.
    pub(super) fn counts(&self, all: &[Self]) -> bool {
        match self.whole() {
            None => self.name.is_empty() || self.name.starts_with("package-"),
            Some(whole) => {
                self.is_memory()
                    && all.iter().any(|zone| zone.id == whole && zone.name.starts_with("package-"))
            }
        }
    }

    /// Whether it is memory.
    pub(super) fn is_memory(&self) -> bool {
        self.name == "dram"
    }

    /// The file of its counter.
    pub(super) fn counter(&self) -> PathBuf {
        self.folder.join("energy_uj")
    }

    /// The value after which the counter begins at 0 again; none where the kernel does not say.
    pub(super) fn wraps_at_uj(&self) -> Option<u64> {
        self.number("max_energy_range_uj").filter(|range| *range > 0)
    }

    /// The highest of its power limits in watts; none where it has none.
    pub(super) fn limit_w(&self) -> Option<f64> {
        // Long term, short term and peak: there are no more.
        let limits = (0..3).filter_map(|n| self.number(&format!("constraint_{n}_power_limit_uw")));
        limits.max().filter(|limit| *limit > 0).map(|limit| limit as f64 / 1e6)
    }

    /// The name of the whole that it is a part of, by the names of the folders.
    fn whole(&self) -> Option<&str> {
        let number = self.id.rfind(':').filter(|at| *at >= PREFIX.len())?;
        Some(&self.id[..number])
    }

    /// What readings call it: the name, and for memory that of its package before it.
    pub(super) fn scope(&self, all: &[Self]) -> String {
        match self.whole().and_then(|whole| all.iter().find(|zone| zone.id == whole)) {
            Some(whole) => format!("{}/{}", whole.name, self.name),
            None => self.name.clone(),
        }
    }

    fn number(&self, file: &str) -> Option<u64> {
        fs::read_to_string(self.folder.join(file)).ok()?.trim().parse().ok()
    }
}

/// The folders in `folder` whose names begin with `prefix`, links to folders included.
fn folders(folder: &Path, prefix: &str) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix(prefix);
        if number.is_some_and(|number| number.starts_with(|one: char| one.is_ascii_digit())) {
            found.push((name, entry.path()));
        }
    }
    Ok(found)
}
