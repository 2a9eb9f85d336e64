//! The ledger of a backend over a surface.

use jiff::civil::Date;
use serde::Serialize;

use crate::coverage::row::Ran;
use crate::coverage::{Evidence, Row, Standing, Tally, Totals};
use crate::schema::{Case, Excluded, Kind, RefusedName, Requirement, Selection, Surface, Table};

/// The parameters of a backend held against a surface.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ledger {
    /// The backend.
    pub backend: String,
    /// Whose surface it is.
    pub engine: String,
    /// Of which version.
    pub version: String,
    /// How it was taken.
    pub method: String,
    /// What that cannot see.
    pub limitations: Vec<String>,
    /// The sums.
    pub totals: Totals,
    /// The names, in the order of the surface.
    pub rows: Vec<Row>,
}

impl Ledger {
    /// Holds `table` against `surface`; with the `evidence` of a run, by what that run bears out.
    /// `today` decides which exclusions hold.
    pub fn new(table: &Table, surface: &Surface, evidence: Option<&Evidence>, today: Date) -> Self {
        let book = Book { table, cases: table.cases(Selection::All), evidence, today };
        let rows: Vec<Row> = surface.params.iter().map(|param| book.row(&param.path)).collect();
        Self {
            backend: table.backend.clone(),
            engine: surface.engine.clone(),
            version: surface.version.clone(),
            method: surface.method.clone(),
            limitations: surface.limitations.clone(),
            totals: Totals::new(&rows, evidence.is_some()),
            rows,
        }
    }

    /// Whether at least `percent` of the names are accounted for.
    pub fn reaches(&self, percent: f64) -> bool {
        is_part(self.totals.accounted, self.totals.names, percent)
    }

    /// Whether at least `percent` of what may be set has values to try.
    pub fn declares(&self, percent: f64) -> bool {
        is_part(self.totals.settable.declared, self.totals.settable.of, percent)
    }

    /// Whether at least `percent` of what this machine can do was tried; not without a run.
    pub fn exercises(&self, percent: f64) -> bool {
        let tried = self.totals.here.and_then(|here| Some((here.exercised?, here.of)));
        tried.is_some_and(|(exercised, of)| is_part(exercised, of, percent))
    }

    /// The names that are not accounted for.
    pub fn open(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.standing.is_accounted())
    }

    /// What may be set and has no values to try.
    pub fn undeclared(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.is_settable() && row.values.declared == 0)
    }

    /// What this machine can do and the run did not try.
    pub fn unexercised(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.is_of_here() && !row.values.exercised())
    }
}

/// Whether `part` is at least `percent` of `all`.
#[expect(clippy::cast_precision_loss, reason = "a surface has some hundred names")]
fn is_part(part: usize, all: usize, percent: f64) -> bool {
    part as f64 * 100.0 >= all as f64 * percent
}

/// What a row is made from.
struct Book<'a> {
    table: &'a Table,
    cases: Vec<Case>,
    evidence: Option<&'a Evidence>,
    today: Date,
}

impl Book<'_> {
    fn row(&self, path: &str) -> Row {
        if let Some(param) = self.table.param(path) {
            return self.parameter(path, &param.path, None);
        }
        if let Some(param) = self.table.aliased(path) {
            return self.parameter(path, &param.path, Some(path));
        }
        if let Some(refused) = self.table.refusing(path) {
            return self.refused(refused);
        }
        match self.table.excluded.iter().find(|one| one.name == path) {
            Some(excluded) => self.excluded(excluded),
            None => {
                bare(path, Standing::Missing, "the parameter file says nothing of it".to_owned())
            }
        }
    }

    /// The parameter `path`, under its own name or by `alias`.
    fn parameter(&self, name: &str, path: &str, alias: Option<&str>) -> Row {
        let own = |case: &&Case| {
            case.parameter.as_deref() == Some(path) && case.alias.as_deref() == alias
        };
        let of = |kind: Kind| self.cases.iter().filter(own).filter(move |case| case.kind == kind);
        let values = Tally::count(of(Kind::Valid), self.evidence);
        let refusals = match alias {
            None => Tally::count(of(Kind::Negative), self.evidence),
            Some(_) => Tally::count(std::iter::empty(), self.evidence),
        };
        let plain = if alias.is_some() { Standing::Alias } else { Standing::Tested };
        let (standing, reason) = judged(&values, &refusals, plain);
        let devices = |case: &Case| {
            let several = |one: &Requirement| matches!(one, Requirement::Devices(n) if *n > 1);
            case.requirements.iter().any(several)
        };
        Row {
            path: name.to_owned(),
            standing,
            parameter: Some(path.to_owned()),
            needs_devices: values.declared > 0 && of(Kind::Valid).all(devices),
            values,
            refusals,
            reason,
        }
    }

    fn refused(&self, refused: &RefusedName) -> Row {
        let own = |case: &&Case| case.parameter.as_deref() == Some(refused.name.as_str());
        let refusals = Tally::count(self.cases.iter().filter(own), self.evidence);
        let (standing, reason) = match judged(&refusals, &Tally::default(), Standing::Refused) {
            (Standing::Refused, _) => {
                let instead = refused.instead.iter();
                let parts: Vec<&str> =
                    std::iter::once(&refused.because).chain(instead).map(String::as_str).collect();
                (Standing::Refused, parts.join("; "))
            }
            other => other,
        };
        Row { refusals, ..bare(&refused.name, standing, reason) }
    }

    fn excluded(&self, excluded: &Excluded) -> Row {
        let Excluded { name, because, expires } = excluded;
        if *expires < self.today {
            let reason = format!("was left out until {expires}: {because}");
            return bare(name, Standing::Missing, reason);
        }
        bare(name, Standing::Excluded, format!("until {expires}: {because}"))
    }
}

/// How a name stands whose cases are counted in `main` and, beside these, in `further`: as
/// `plain`, unless the run says otherwise.
fn judged(main: &Tally, further: &Tally, plain: Standing) -> (Standing, String) {
    let Some(ran) = &main.seen else {
        let standing = if main.declared == 0 { Standing::NegativeOnly } else { plain };
        return (standing, String::new());
    };
    let beside = further.seen.as_ref();
    let failed: Vec<&str> = ran
        .failed
        .iter()
        .chain(beside.into_iter().flat_map(|ran| &ran.failed))
        .map(String::as_str)
        .collect();
    if !failed.is_empty() {
        (Standing::Failed, failed.join(", "))
    } else if ran.has_held() {
        (plain, String::new())
    } else if ran.skipped > 0 {
        let found: Vec<&str> = ran.found.iter().map(String::as_str).collect();
        (Standing::Skipped, found.join("; "))
    } else if beside.is_some_and(Ran::has_held) {
        (Standing::NegativeOnly, String::new())
    } else {
        (Standing::NotRun, String::new())
    }
}

fn bare(path: &str, standing: Standing, reason: String) -> Row {
    Row {
        path: path.to_owned(),
        standing,
        parameter: None,
        values: Tally::default(),
        refusals: Tally::default(),
        needs_devices: false,
        reason,
    }
}
