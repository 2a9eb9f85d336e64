//! The folder of a run: where it is, and what an earlier run left there.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use wattest::report::RunInfo;
use wattest::run::Journal;

use crate::options::Options;

/// What a run was asked for, beside the records.
const INVOCATION: &str = "invocation.json";

/// What a run writes: this, and nothing else, is cleared away before a new run in the same folder.
const FOLDERS: [&str; 3] = ["records", "logs", "references"];
const FILES: [&str; 5] = [INVOCATION, "run.json", "junit.xml", "report.json", "report.md"];

/// The folder of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    /// Where it is.
    pub path: PathBuf,
    /// The name of the run.
    pub id: String,
    /// Whether the records of an interrupted run are kept and gone on with.
    pub resumes: bool,
    /// Whether several processes fill it, one case each, as under nextest.
    pub shared: bool,
}

/// Where runs lie: `target/wattest`, or under `CARGO_TARGET_DIR`.
pub fn root() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    target.map_or_else(|| PathBuf::from("target"), PathBuf::from).join("wattest")
}

impl RunFolder {
    /// The folder that `options` ask for; `nextest` is the run as nextest names it, if it does.
    /// Nothing is written yet.
    ///
    /// # Errors
    /// A run to be resumed that is not there.
    pub fn choose(options: &Options, nextest: Option<&str>) -> Result<Self, String> {
        let root = root();
        if let Some(run) = &options.resume {
            let path = match &options.out {
                Some(out) if run == "latest" => out.clone(),
                _ => find(run)?,
            };
            if !path.join("records").is_dir() {
                return Err(format!(
                    "{}: is not the folder of a run, so it cannot be resumed",
                    path.display()
                ));
            }
            let id = name_of(&path);
            return Ok(Self { path, id, resumes: true, shared: false });
        }
        let id = match nextest {
            Some(run) => run.to_owned(),
            None => {
                format!("{}-{}", Timestamp::now().strftime("%Y%m%dT%H%M%SZ"), std::process::id())
            }
        };
        let path = options.out.clone().unwrap_or_else(|| root.join(&id));
        Ok(Self { path, id, resumes: false, shared: nextest.is_some() })
    }

    /// Makes the folder, clears what an earlier run left in it, and lets `latest` point at it.
    ///
    /// # Errors
    /// Where the folder cannot be made or written.
    pub fn prepare(&self) -> io::Result<()> {
        fs::create_dir_all(&self.path)?;
        if !self.resumes && self.earlier().is_none() {
            self.clear()?;
        }
        // A convenience: a target folder that cannot be written is no reason not to run.
        let _ = self.link_latest();
        Ok(())
    }

    /// What this very run was asked for before, by the part that is resumed or by another process
    /// that fills the folder.
    pub fn earlier(&self) -> Option<RunInfo> {
        let info = read_info(&self.path).ok()?;
        (self.resumes || (self.shared && info.id == self.id)).then_some(info)
    }

    fn clear(&self) -> io::Result<()> {
        // Only what is known to be a run's: --out may name a folder with other things in it.
        if !self.path.join(INVOCATION).exists() && !self.path.join("run.json").exists() {
            return Ok(());
        }
        let gone = |result: io::Result<()>| match result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        for folder in FOLDERS {
            gone(fs::remove_dir_all(self.path.join(folder)))?;
        }
        for file in FILES {
            gone(fs::remove_file(self.path.join(file)))?;
        }
        Ok(())
    }

    fn link_latest(&self) -> io::Result<()> {
        let root = root();
        fs::create_dir_all(&root)?;
        let path = fs::canonicalize(&self.path)?;
        let target = match path.strip_prefix(fs::canonicalize(&root)?) {
            Ok(inside) => inside.to_owned(),
            Err(_) => path,
        };
        // By rename, so that there is a `latest` at every moment.
        let part = root.join(format!(".latest-{}", std::process::id()));
        let _ = fs::remove_file(&part);
        std::os::unix::fs::symlink(target, &part)?;
        fs::rename(&part, root.join("latest"))
    }
}

/// Keeps other processes out of `folder`, which is made where there is none yet, until the result
/// is dropped.
///
/// # Errors
/// Where the folder cannot be made or written.
pub fn lock(folder: &Path) -> io::Result<fs::File> {
    fs::create_dir_all(folder)?;
    let file = fs::File::create(folder.join(".lock"))?;
    file.lock()?;
    Ok(file)
}

/// The folder of the run `run`: a name under the root, `latest`, or a folder.
///
/// # Errors
/// Where there is none.
pub fn find(run: &str) -> Result<PathBuf, String> {
    let named = root().join(run);
    let found = [named, PathBuf::from(run)].into_iter().find(|path| path.is_dir());
    found.ok_or_else(|| {
        format!(
            "there is no run `{run}`: neither {} nor a folder of that name",
            root().join(run).display()
        )
    })
}

fn name_of(path: &Path) -> String {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    path.file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Writes what the run in `folder` was asked for.
///
/// # Errors
/// Where it cannot be written.
pub fn write_info(folder: &Path, info: &RunInfo) -> io::Result<()> {
    wattest::report::save(&folder.join(INVOCATION), &serde_json::to_vec_pretty(info)?)
}

/// What the run in `folder` was asked for.
///
/// # Errors
/// Where it is not the folder of a run, or of a version that this one does not know.
pub fn read_info(folder: &Path) -> Result<RunInfo, String> {
    let file = folder.join(INVOCATION);
    let text = fs::read(&file).map_err(|error| {
        format!("{}: cannot be read: {error}; is this the folder of a run?", file.display())
    })?;
    let info: RunInfo = serde_json::from_slice(&text)
        .map_err(|error| format!("{}: is not what a run is asked for: {error}", file.display()))?;
    if info.schema_version != wattest::report::SCHEMA_VERSION {
        return Err(format!(
            "{}: has version {}, and this wattest reads {}",
            file.display(),
            info.schema_version,
            wattest::report::SCHEMA_VERSION
        ));
    }
    Ok(info)
}

/// The cases that did not pass in the latest run.
///
/// # Errors
/// Where there is no latest run, or its journal cannot be read.
pub fn failed_in_latest() -> Result<BTreeSet<String>, String> {
    let folder = find("latest")?;
    let journal = Journal::open(&folder).map_err(|error| error.to_string())?;
    let records = journal.records().map_err(|error| error.to_string())?;
    let views = wattest::report::attempts(records, |_| wattest::report::Evidence::default());
    let failed = views.into_iter().filter(|view| view.record.verdict.status.is_bad());
    Ok(failed.map(|view| view.record.case.name).collect())
}
