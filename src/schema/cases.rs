//! From parameters to cases: what is set, what it is compared with, and under which name.

use crate::schema::negatives::misspelling;
use crate::schema::{
    Case, Kind, Param, Reference, Refused, RefusedName, Relation, Rule, Section, Table, name,
    negatives, values,
};
use crate::settings::{Settings, Value};

/// Which cases of a table are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All of them, negative ones included.
    All,
    /// The baseline, and of each parameter the one most telling value.
    Quick,
}

impl Table {
    /// The cases: the baseline first, then parameter by parameter in the order of the file, the
    /// valid values before the negative ones; the two of each rule; names that are refused as
    /// declared, and misspelt ones, last.
    pub fn cases(&self, selection: Selection) -> Vec<Case> {
        let mut cases = vec![self.baseline_case()];
        for param in &self.params {
            match selection {
                Selection::All => cases.extend(self.cases_of(param)),
                Selection::Quick => {
                    cases.extend(telling(param).map(|value| self.valid(param, value)));
                }
            }
        }
        if selection == Selection::All {
            cases.extend(self.rules.iter().flat_map(|rule| self.ruled(rule)));
            cases.extend(self.refused.iter().map(|refused| self.refused_name(refused)));
            cases.extend(self.misspelt());
        }
        cases
    }

    /// The case of that name. Only the cases of its parameter are made to find it.
    pub fn case(&self, name: &str) -> Option<Case> {
        let rest = name.strip_prefix(&self.backend)?.strip_prefix("::")?;
        if rest == "@baseline" {
            return Some(self.baseline_case());
        }
        let (path, _) = rest.split_once('=')?;
        let path = path.strip_prefix('!').unwrap_or(path);
        if let Some(id) = path.strip_prefix("rule:") {
            let rule = self.rules.iter().find(|rule| rule.id == id)?;
            return self.ruled(rule).into_iter().find(|case| case.name == name);
        }
        let cases = match self.named(path) {
            Some(param) => self.cases_of(param),
            None => match self.refusing(path) {
                Some(refused) => vec![self.refused_name(refused)],
                None => self.misspelt(),
            },
        };
        cases.into_iter().find(|case| case.name == name)
    }

    /// The cases of one parameter of this table, the misspelling of its name aside.
    pub fn cases_of(&self, param: &Param) -> Vec<Case> {
        let mut cases: Vec<Case> =
            values(param).into_iter().map(|value| self.valid(param, value)).collect();
        cases.extend(param.aliases.iter().filter_map(|alias| self.by_alias(param, alias)));
        cases.extend(negatives(param).into_iter().map(|value| self.negative(param, value)));
        cases.extend(param.refused.iter().map(|refused| self.refused(param, refused)));
        cases
    }

    /// What the valid case `name` sets: all of it, for the case that is compared with it.
    pub(crate) fn settings_of(&self, name: &str) -> Option<Settings> {
        let rest = name.strip_prefix(&self.backend)?.strip_prefix("::")?;
        if rest == "@baseline" {
            return Some(self.baseline.clone());
        }
        let param = self.param(rest.split_once('=')?.0)?;
        let value = values(param)
            .into_iter()
            .find(|value| name::valid(&self.backend, &param.path, value) == name)?;
        let mut settings = self.company(param, &param.companions_of(&value));
        settings = settings.merged(&param.brought_by(&value));
        settings.set(&param.path, value);
        Some(settings)
    }

    /// The baseline with `companions`, and without what `param` may not be set beside.
    fn company(&self, param: &Param, companions: &Settings) -> Settings {
        let fits = |path: &str| !param.conflicts.iter().any(|conflict| conflict == path);
        self.baseline.only(fits).merged(companions)
    }

    /// As [`Table::company`], without references: what must be refused is refused before there is
    /// any output to refer to.
    fn fixed_company(&self, param: &Param, companions: &Settings) -> Settings {
        let company = self.company(param, companions);
        company.only(|path| !company.get(path).is_some_and(Reference::within))
    }

    fn baseline_case(&self) -> Case {
        Case {
            name: name::baseline(&self.backend),
            backend: self.backend.clone(),
            kind: Kind::Baseline,
            parameter: None,
            value: None,
            load_paths: self.load_paths(&self.baseline),
            settings: self.baseline.clone(),
            reference: self.baseline.clone(),
            relation: Relation::None,
            requirements: self.requires.clone(),
            alias: None,
            known: None,
        }
    }

    fn valid(&self, param: &Param, value: Value) -> Case {
        let company = self.company(param, &param.companions_of(&value));
        let relation = param.relation_of(&value).clone();
        let reference = match &relation {
            Relation::Equals(case) => self.settings_of(case),
            _ => None,
        };
        let requirements = [&self.requires[..], &param.required_by(&value)].concat();
        let mut settings = company.merged(&param.brought_by(&value));
        settings.set(&param.path, value.clone());
        let known = param.known_of(Kind::Valid, &value);
        let reference = reference.unwrap_or(company);
        Case {
            name: name::valid(&self.backend, &param.path, &value),
            backend: self.backend.clone(),
            kind: Kind::Valid,
            parameter: Some(param.path.clone()),
            value: Some(value),
            load_paths: self.load_paths(&settings.merged(&reference)),
            settings,
            reference,
            relation,
            requirements,
            alias: None,
            known,
        }
    }

    /// The case that gives the most telling value of `param` by its other name `alias`: the same
    /// must come out.
    fn by_alias(&self, param: &Param, alias: &str) -> Option<Case> {
        let own = self.valid(param, telling(param)?);
        let name = name::valid(&self.backend, alias, own.value.as_ref()?);
        let alias = Some(alias.to_owned());
        // What is taken from the output of a reference would be taken from another one, and what
        // the engine gets wrong it would get wrong there too: such a case is compared as that of
        // the parameter is.
        let refers = own.settings.iter().any(|(_, value)| Reference::within(value));
        if refers || own.known.is_some() {
            return Some(Case { name, alias, ..own });
        }
        let relation = Relation::Equals(own.name.clone());
        Some(Case { name, alias, relation, reference: own.settings.clone(), ..own })
    }

    fn negative(&self, param: &Param, value: Value) -> Case {
        let name = name::negative(&self.backend, &param.path, &value);
        let company = self.fixed_company(param, &param.companions.merged(&param.brings));
        let known = param.known_of(Kind::Negative, &value);
        // What a parameter needs it also needs to be refused, where another's code does that.
        let own = if param.origin.is_file() { &[][..] } else { &param.requires[..] };
        let requirements = [&self.requires[..], own].concat();
        Case { known, requirements, ..self.to_refuse(name, param, &param.path, value, company) }
    }

    fn refused(&self, param: &Param, refused: &Refused) -> Case {
        let name = name::negative(&self.backend, &param.path, &refused.value);
        let company = self.baseline.merged(&refused.companions);
        let case = self.to_refuse(name, param, &param.path, refused.value.clone(), company);
        let known = param.known_of(Kind::Negative, &refused.value);
        // The engine may put it down to the company as well: that is under test too.
        Case { reference: self.baseline.clone(), known, ..case }
    }

    /// The case of a name that is refused as declared. It needs no engine, so it shares that of the
    /// baseline.
    fn refused_name(&self, refused: &RefusedName) -> Case {
        let fixed = |path: &str| !self.baseline.get(path).is_some_and(Reference::within);
        let reference = self.baseline.only(fixed);
        let mut settings = reference.clone();
        settings.set(refused.name.clone(), refused.value.clone());
        Case {
            name: name::negative(&self.backend, &refused.name, &refused.value),
            backend: self.backend.clone(),
            kind: Kind::Negative,
            parameter: Some(refused.name.clone()),
            value: Some(refused.value.clone()),
            load_paths: self.load_paths(&settings),
            settings,
            reference,
            relation: Relation::None,
            requirements: self.requires.clone(),
            alias: None,
            known: None,
        }
    }

    /// What `rule` forbids, which must be refused, and what it allows next to that.
    fn ruled(&self, rule: &Rule) -> [Case; 2] {
        let case = |name: String, kind: Kind, settings: Settings, reference: Settings| Case {
            name,
            kind,
            load_paths: self.load_paths(&settings.merged(&reference)),
            settings,
            reference,
            ..self.baseline_case()
        };
        let refused = self.baseline.merged(&rule.example);
        let accepted = self.baseline.merged(&rule.near);
        // Nothing is claimed of its output, so no other engine is loaded for a reference to it.
        let is_load = |path: &str| self.param(path).is_some_and(|one| one.section.is_load());
        let reference = self.baseline.merged(&accepted.only(is_load));
        let name = name::forbidden(&self.backend, &rule.id);
        let near = name::allowed(&self.backend, &rule.id);
        [
            case(name, Kind::Negative, refused, self.baseline.clone()),
            Case {
                requirements: [&self.requires[..], &rule.requires].concat(),
                ..case(near, Kind::Valid, accepted, reference)
            },
        ]
    }

    /// A case with a misspelt name for each section: of its first parameter that can be misspelt.
    fn misspelt(&self) -> Vec<Case> {
        let aliases = self.params.iter().flat_map(|param| &param.aliases);
        let names = self.params.iter().map(|param| &param.path).chain(aliases);
        let names = names.chain(self.refused.iter().map(|refused| &refused.name));
        let known: Vec<&str> = names.map(String::as_str).collect();
        let of_section = |section| {
            let mut params = self.params.iter().filter(move |param| param.section == section);
            params.find_map(|param| {
                let misspelt = misspelling(&param.path, &known)?;
                let value = telling(param).filter(|value| !Reference::within(value))?;
                let name = name::negative(&self.backend, &misspelt, &value);
                let company = self.fixed_company(param, &param.companions_of(&value));
                Some(self.to_refuse(name, param, &misspelt, value, company))
            })
        };
        Section::ALL.into_iter().filter_map(of_section).collect()
    }

    /// A negative case. No machine is needed to refuse, so it has no requirements but those of the
    /// whole file.
    fn to_refuse(
        &self,
        name: String,
        param: &Param,
        path: &str,
        value: Value,
        company: Settings,
    ) -> Case {
        let mut settings = company.clone();
        settings.set(path, value.clone());
        let mut load_paths = self.load_paths(&settings);
        // A misspelt load parameter is given to the loading, where the right one would be.
        if param.section.is_load() && path != param.path {
            load_paths.push(path.to_owned());
        }
        Case {
            name,
            backend: self.backend.clone(),
            kind: Kind::Negative,
            parameter: Some(param.path.clone()),
            value: Some(value),
            settings,
            reference: company,
            load_paths,
            relation: Relation::None,
            requirements: self.requires.clone(),
            alias: None,
            known: None,
        }
    }

    fn load_paths(&self, settings: &Settings) -> Vec<String> {
        let is_load = |path: &String| self.param(path).is_some_and(|one| one.section.is_load());
        settings.iter().map(|(path, _)| path).filter(|path| is_load(path)).cloned().collect()
    }
}

/// The one value that says most about a parameter: the one that the file names, or else one that
/// the engine treats as it should, with the strongest claim on any machine, samples (chosen by a
/// person) before generated values.
pub(crate) fn telling(param: &Param) -> Option<Value> {
    if param.quick.is_some() {
        return param.quick.clone();
    }
    let strength = |value: &Value| {
        let claim = match param.relation_of(value) {
            Relation::Changes | Relation::Limits => 3,
            Relation::Equals(_) => 2,
            Relation::SameTokens => 1,
            Relation::None => 0,
        };
        let anywhere = param.particular(value).is_none_or(|one| one.requires.is_empty());
        let is_sound = param.known_of(Kind::Valid, value).is_none();
        (is_sound, anywhere, claim, param.samples.contains(value))
    };
    // `max_by_key` gives the last of equals; the first is wanted.
    values(param).into_iter().rev().max_by_key(strength)
}
