//! The energy gate: what the other run says, read before anything is run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wattest::record::{Against, Record};
use wattest::report::{Evidence, RunInfo, attempts, bands};
use wattest::run::{Journal, first_baseline};
use wattest::verdict::EnergyGate;

use crate::folder::{self, RunFolder};
use crate::options::Options;

/// The run that was made last.
const LATEST: &str = "latest";

/// A gate, and the cases of the other run.
#[derive(Debug)]
pub(crate) struct Gate {
    /// What the cases are judged by.
    pub(crate) gate: EnergyGate,
    cases: BTreeMap<String, Against>,
}

/// What is wrong with the options of the gate, where one is given without the other.
pub(crate) fn fault(options: &Options) -> Option<String> {
    match (options.max_j_per_token_regress, &options.against) {
        (Some(_), None) => Some(
            "--max-j-per-token-regress needs a run to compare with: name one with --against RUN"
                .to_owned(),
        ),
        (None, Some(_)) => Some(
            "--against needs to know how much more energy is allowed: say so with \
             --max-j-per-token-regress PCT"
                .to_owned(),
        ),
        _ => None,
    }
}

impl Gate {
    /// The gate that `options` ask for, or that `earlier`, the part of the same run before, was
    /// given: what `latest` means has changed since then. None where neither has one.
    ///
    /// # Errors
    /// The other run is not there, cannot be read, has no records, or is this one.
    pub(crate) fn load(
        options: &Options,
        folder: &RunFolder,
        earlier: Option<&RunInfo>,
    ) -> Result<Option<Self>, String> {
        let earlier = earlier.and_then(|info| info.mode.energy.as_ref());
        let asked = options.max_j_per_token_regress.zip(options.against.as_deref());
        let (percent, run, path) = match (asked, earlier) {
            (Some((percent, run)), Some(earlier)) if run == earlier.run || run == LATEST => {
                (percent, earlier.run.as_str(), PathBuf::from(&earlier.folder))
            }
            (Some((percent, run)), _) => {
                (percent, run, folder::find(run).map_err(|why| format!("--against: {why}"))?)
            }
            (None, Some(earlier)) => {
                (earlier.percent, earlier.run.as_str(), PathBuf::from(&earlier.folder))
            }
            (None, None) => return Ok(None),
        };
        let path = std::fs::canonicalize(&path).unwrap_or(path);
        if std::fs::canonicalize(&folder.path).is_ok_and(|own| own == path) {
            return Err(format!(
                "--against: {run} is the folder of this run itself; name another run, or another \
                 folder with --out"
            ));
        }
        let records = records(&path).map_err(|why| format!("--against: {why}"))?;
        let gate = EnergyGate {
            percent,
            run: match path.file_name() {
                // By the name of the run: soon the latest is another.
                Some(name) if run == LATEST => name.to_string_lossy().into_owned(),
                _ => run.to_owned(),
            },
            folder: path.display().to_string(),
            bands: bands(&records),
        };
        let cases = records.iter().map(|one| (one.case.name.clone(), Against::of(one)));
        Ok(Some(Self { gate, cases: cases.collect() }))
    }

    /// Lets the words of a command line that name the latest run name this one's other run: when
    /// they are used again, the latest is another.
    pub(crate) fn pin(&self, words: &mut [String]) {
        for word in words.iter_mut().filter(|word| *word == "--against=latest") {
            *word = format!("--against={}", self.gate.folder);
        }
    }

    /// The case `name` in the other run. A further baseline that it does not have is the same as
    /// its first.
    pub(crate) fn case(&self, name: &str) -> Option<Box<Against>> {
        let first = || self.cases.get(first_baseline(name)?);
        self.cases.get(name).or_else(first).cloned().map(Box::new)
    }
}

/// The last attempt of each case of the run in `folder`.
fn records(folder: &Path) -> Result<Vec<Record>, String> {
    // A folder that is none of a run shall not be made one by opening its journal.
    folder::read_info(folder)?;
    let journal = Journal::open(folder).map_err(|error| error.to_string())?;
    let records = journal.records().map_err(|error| error.to_string())?;
    if records.is_empty() {
        return Err(format!(
            "{}: has no records; name a run that has measured something",
            folder.display()
        ));
    }
    let views = attempts(records, |_| Evidence::default());
    Ok(views.into_iter().map(|view| view.record).collect())
}
