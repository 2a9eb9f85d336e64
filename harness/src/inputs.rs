//! What a run reads before it starts: parameters or script, issues file, model. All faults of all
//! of them are reported at once; what the machine lacks is for [`crate::preflight`].

use std::path::{Path, PathBuf};

use wattest::backends::{self, scripted::Script};
use wattest::issues::Book;
use wattest::model::{Architecture, tiny};
use wattest::refusal::nearest;
use wattest::schema::{Case, Names, Selection, Table};

use crate::options::Options;

/// The backend that follows a script instead of a parameter file.
const SCRIPTED: &str = "scripted";

/// Seed of the tiny model that is used where none is named.
const MODEL_SEED: u64 = 0;

/// Where the cases of one backend come from.
#[derive(Debug)]
pub enum Source {
    /// Its parameter file.
    Table(Box<Table>),
    /// The script.
    Script(Script),
}

impl Source {
    /// Its backend.
    pub fn backend(&self) -> &str {
        match self {
            Self::Table(table) => &table.backend,
            Self::Script(_) => SCRIPTED,
        }
    }

    /// Its backend, and what its parameters may be called; none where nothing says so.
    pub fn names(&self) -> Option<(String, Names)> {
        match self {
            Self::Table(table) => Some((table.backend.clone(), table.names())),
            Self::Script(_) => None,
        }
    }

    /// Its cases.
    pub fn cases(&self, selection: Selection) -> Vec<Case> {
        match self {
            Self::Table(table) => table.cases(selection),
            Self::Script(script) => script.cases(),
        }
    }

    /// The case of that name; no other is made.
    pub fn case(&self, name: &str) -> Option<Case> {
        match self {
            Self::Table(table) => table.case(name),
            Self::Script(script) => script.cases().into_iter().find(|case| case.name == name),
        }
    }
}

/// The sources of the wanted backends: those of `--backend`, or those of the exact names asked
/// for, or all that have a parameter file, and the script where one is given.
///
/// # Errors
/// All faults, one message each.
pub fn sources(options: &Options) -> Result<Vec<Source>, Vec<String>> {
    let mut faults = Vec::new();
    let mut sources = Vec::new();
    let wanted = match wanted(options) {
        Ok(wanted) => wanted,
        Err(fault) => return Err(vec![fault]),
    };
    for backend in wanted {
        if backend == SCRIPTED {
            match script(options) {
                Ok(script) => sources.push(Source::Script(script)),
                Err(fault) => faults.push(fault),
            }
            continue;
        }
        let file = options.params.join(format!("{backend}.yaml"));
        if !file.exists() {
            faults.push(unknown_backend(&backend, &file, &options.params));
            continue;
        }
        match Table::load(&file) {
            Ok(table) if table.backend == backend => sources.push(Source::Table(Box::new(table))),
            Ok(table) => faults.push(format!(
                "{}: its `backend` is `{}`; a parameter file is named after its backend",
                file.display(),
                table.backend
            )),
            Err(more) => faults.extend(more.iter().map(ToString::to_string)),
        }
    }
    if faults.is_empty() { Ok(sources) } else { Err(faults) }
}

/// The names of the wanted backends, each once.
fn wanted(options: &Options) -> Result<Vec<String>, String> {
    let mut wanted = options.backends.clone();
    if wanted.is_empty() && options.exact && !options.filters.is_empty() {
        let backends = options.filters.iter().filter_map(|name| name.split_once("::"));
        let known = |backend: &str| {
            (backend == SCRIPTED && options.script.is_some())
                || options.params.join(format!("{backend}.yaml")).exists()
        };
        let backends = backends.map(|(backend, _)| backend).filter(|backend| known(backend));
        wanted.extend(backends.map(str::to_owned));
    }
    if wanted.is_empty() {
        wanted = with_parameters(&options.params)?;
        if options.script.is_some() {
            wanted.push(SCRIPTED.to_owned());
        }
        if wanted.is_empty() {
            return Err(format!(
                "{}: holds no <backend>.yaml; name the folder with --params",
                options.params.display()
            ));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    wanted.retain(|backend| seen.insert(backend.clone()));
    Ok(wanted)
}

/// The backends that have a parameter file in `folder`, by name.
fn with_parameters(folder: &Path) -> Result<Vec<String>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        format!(
            "{}: cannot be read: {error}; name the folder of the parameter files with --params",
            folder.display()
        )
    })?;
    let mut backends: Vec<String> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let is_table = path.extension().is_some_and(|extension| extension == "yaml");
            (is_table && path.is_file()).then(|| Some(path.file_stem()?.to_str()?.to_owned()))?
        })
        .collect();
    backends.sort();
    Ok(backends)
}

fn unknown_backend(backend: &str, file: &Path, folder: &Path) -> String {
    let mut known = with_parameters(folder).unwrap_or_default();
    known.push(SCRIPTED.to_owned());
    if backends::names().contains(&backend) {
        return format!(
            "backend `{backend}` has no parameter file: {} is missing; name its folder with --params",
            file.display()
        );
    }
    match nearest(backend, known.iter().map(String::as_str)) {
        Some(near) => format!("there is no backend `{backend}`; did you mean `{near}`?"),
        None => format!("there is no backend `{backend}`; there are: {}", known.join(", ")),
    }
}

fn script(options: &Options) -> Result<Script, String> {
    let Some(file) = &options.script else {
        return Err("the scripted backend follows a script: name one with --script FILE".to_owned());
    };
    Script::load(file).map_err(|error| error.to_string())
}

/// The known issues, and the file they come from. Without `--issues` a missing `issues.yaml` means
/// that nothing is known; a named file must be there.
///
/// # Errors
/// Everything that is wrong with the file.
pub fn book(options: &Options) -> Result<(Book, Option<PathBuf>), Vec<String>> {
    let file = match &options.issues {
        Some(file) => file.clone(),
        None => PathBuf::from("issues.yaml"),
    };
    if options.issues.is_none() && !file.exists() {
        return Ok((Book::empty(), None));
    }
    Ok((Book::load(&file)?, Some(file)))
}

/// The model directory where none is named: a tiny random model under `cache`.
///
/// # Errors
/// Where it cannot be written.
pub fn tiny_model(sources: &[Source], cache: &Path) -> Result<PathBuf, String> {
    // A script reads no model, and shall not wait for one.
    if sources.iter().all(|source| source.backend() == SCRIPTED) {
        return Ok(cache.to_owned());
    }
    tiny::ensure(cache, Architecture::Llama, MODEL_SEED).map_err(|error| error.to_string())
}
