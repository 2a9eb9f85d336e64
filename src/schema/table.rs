//! The parameters of one backend, as `params/<backend>.yaml` has them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::schema::fault::{At, Faults};
use crate::schema::lint::Places;
use crate::schema::over::Over;
use crate::schema::{
    Excluded, Names, Param, RefusedName, Requirement, Rule, SchemaFault, declared, lint, read,
};
use crate::settings::{Settings, Value};
use crate::yaml;

/// The parameters of one backend.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Table {
    /// The backend that has them.
    pub backend: String,
    /// Which engine and version they are those of, for people.
    pub engine: String,
    /// What is set in every case.
    pub baseline: Settings,
    /// Conditions of every case, also of what must be refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
    /// The parameters, in the order of the file.
    pub params: Vec<Param>,
    /// Names that are refused with a reason, the included ones first.
    pub refused: Vec<RefusedName>,
    /// Combinations that are refused, the included ones first.
    pub rules: Vec<Rule>,
    /// Names of a surface that are left out, until a day.
    pub excluded: Vec<Excluded>,
    /// The files of the surfaces that its coverage is taken over.
    pub surfaces: Vec<PathBuf>,
    /// Places in `params` by path.
    #[serde(skip)]
    by_path: HashMap<String, usize>,
}

impl Table {
    /// Reads and checks `file`, and what it includes. Nothing but these is touched.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn load(file: &Path) -> Result<Self, Vec<SchemaFault>> {
        let (document, lines) = yaml::read(file).map_err(|error| vec![error.into()])?;
        Self::check(file, document, &lines)
    }

    /// As [`Table::load`], of `text`; `file` is for messages, and its folder for what is included.
    ///
    /// # Errors
    /// As [`Table::load`].
    pub fn parse(file: &Path, text: &str) -> Result<Self, Vec<SchemaFault>> {
        let (document, lines) = yaml::parse(file, text).map_err(|error| vec![error.into()])?;
        Self::check(file, document, &lines)
    }

    fn check(file: &Path, document: Value, lines: &yaml::Lines) -> Result<Self, Vec<SchemaFault>> {
        let mut faults = Faults::new(file, lines);
        let beside = |name: &str| file.with_file_name("").join(name);
        let mut included = Vec::new();
        let mut sources = Vec::new();
        for shared in read::includes(&document).into_iter().map(beside) {
            let (document, lines) = yaml::read(&shared).map_err(|error| vec![error.into()])?;
            included.push(document);
            sources.push((shared, lines));
        }
        for (shared, lines) in &sources {
            faults.include(shared, lines);
        }
        let over = read::over(&document).map(|name| Over::load(&beside(name))).transpose()?;
        let read = read::file(document, included, over, &mut faults);
        let (places, params): (Vec<At>, Vec<Param>) = read.params.into_iter().unzip();
        let (mut others, refused): (Vec<At>, Vec<RefusedName>) = read.refused.into_iter().unzip();
        let (left_out, excluded): (Vec<At>, Vec<Excluded>) = read.excluded.into_iter().unzip();
        others.extend(left_out);
        let (ruled, rules): (Vec<At>, Vec<Rule>) = read.rules.into_iter().unzip();
        let by_path = params.iter().enumerate().map(|(at, one)| (one.path.clone(), at)).collect();
        let table = Self {
            backend: read.backend,
            engine: read.engine,
            baseline: read.baseline,
            requires: read.requires,
            params,
            refused,
            rules,
            excluded,
            surfaces: read.surfaces.iter().map(|name| beside(name)).collect(),
            by_path,
        };
        for (param, at) in table.params.iter().zip(&places) {
            let declared = read.over.as_ref().and_then(|over| over.declared(&param.path));
            lint::entry(param, declared, at, &mut faults);
        }
        declared::check(&table, &others, &mut faults);
        lint::table(&table, &Places { params: places, rules: ruled }, &read.broken, &mut faults);
        match faults.count() {
            0 => Ok(table),
            _ => Err(faults.into_sorted()),
        }
    }

    /// The names of its parameters beside their own, and those that are refused with a reason.
    pub fn names(&self) -> Names {
        Names::of(self)
    }

    /// The parameter of which `alias` is another name.
    pub fn aliased(&self, alias: &str) -> Option<&Param> {
        self.params.iter().find(|param| param.aliases.iter().any(|one| one == alias))
    }

    /// The parameter that is called `name`, by its own name or another.
    pub fn named(&self, name: &str) -> Option<&Param> {
        self.param(name).or_else(|| self.aliased(name))
    }

    /// What refuses `name` as declared.
    pub fn refusing(&self, name: &str) -> Option<&RefusedName> {
        self.refused.iter().find(|one| one.name == name)
    }

    /// The value of the parameter at `path` beside `settings`: the one set there, or else the
    /// default. None of a name that is no parameter and not set.
    pub fn in_force<'a>(&'a self, path: &str, settings: &'a Settings) -> Option<&'a Value> {
        settings.get(path).or_else(|| self.param(path).map(|param| &param.default))
    }

    /// The parameter at `path`.
    pub fn param(&self, path: &str) -> Option<&Param> {
        self.by_path.get(path).and_then(|&at| self.params.get(at))
    }
}

/// Loads every `*.yaml` of `folder` (folders inside it are not looked into), in the order of the
/// file names.
///
/// # Errors
/// The faults of all files together; a folder that cannot be read or has no such file.
pub fn load_all(folder: &Path) -> Result<Vec<Table>, Vec<SchemaFault>> {
    let mut tables = Vec::new();
    let mut faults = Vec::new();
    for file in files(folder).map_err(|fault| vec![fault])? {
        match Table::load(&file) {
            Ok(table) if file.file_stem().is_some_and(|stem| stem == table.backend.as_str()) => {
                tables.push(table);
            }
            Ok(table) => faults.push(SchemaFault {
                message: format!(
                    "is {:?}; a file of parameters is named after its backend: rename one",
                    table.backend
                ),
                file,
                line: Some(1),
                key: "backend".to_owned(),
            }),
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() { Ok(tables) } else { Err(faults) }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, SchemaFault> {
    let fault = |message: String| SchemaFault {
        file: folder.to_owned(),
        line: None,
        key: String::new(),
        message,
    };
    let unreadable =
        |error| fault(format!("cannot be read: {error}; name the folder of the parameter files"));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(fault("has no parameter file; add `<backend>.yaml`".to_owned()));
    }
    Ok(files)
}
