//! A parameter: what may be set, what to try, and what must then hold.

use std::mem::discriminant;

use serde::{Deserialize, Serialize};

use crate::schema::{
    Bounds, Known, Origin, Reference, Relation, Requirement, Section, Type, same_value,
};
use crate::settings::{Settings, Value};

/// One parameter of a backend, as its entry in `params/<backend>.yaml` means it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Param {
    /// Dotted path.
    pub path: String,
    /// When it acts.
    pub section: Section,
    /// Its type; several for a union.
    #[serde(rename = "type")]
    pub types: Vec<Type>,
    /// Whether null is a value of it.
    pub optional: bool,
    /// What the engine has when it is not set.
    pub default: Value,
    /// What the baseline of the file sets it to.
    pub baseline: Option<Value>,
    /// The range of its numbers.
    pub bounds: Bounds,
    /// The values that an enum may have; for other types, the only values there are.
    pub choices: Vec<Value>,
    /// Values to try beside the generated ones.
    pub samples: Vec<Value>,
    /// Values to be refused beside the generated ones.
    pub negatives: Vec<Value>,
    /// Values to be refused only in company.
    pub refused: Vec<Refused>,
    /// What the engine is known to do with values that it does not treat as it should.
    pub known: Vec<Known>,
    /// Which values are tried.
    pub generate: Generate,
    /// The value that `--quick` tries, where the file names one.
    pub quick: Option<Value>,
    /// What is set along with it, in the case and in its reference.
    #[serde(rename = "with")]
    pub companions: Settings,
    /// What is set along with it in the case alone, as the engine would refuse it without it.
    pub brings: Settings,
    /// Conditions checked when a case runs.
    pub requires: Vec<Requirement>,
    /// Parameters that may not be set together with it: they are taken out of its baseline.
    pub conflicts: Vec<String>,
    /// What must hold between the output of a case and that of its reference.
    pub relation: Relation,
    /// What differs for single values.
    pub per_value: Vec<PerValue>,
    /// Other names that the engine takes for it.
    pub aliases: Vec<String>,
    /// The engine version that has it first, where that is known.
    pub since: Option<String>,
    /// The engine version that deprecates it.
    pub deprecated: Option<String>,
    /// The last engine version that has it.
    pub until: Option<String>,
    /// One line for people.
    pub description: String,
    /// Where its type, bounds and choices are from.
    #[serde(skip_serializing_if = "Origin::is_file")]
    pub origin: Origin,
    /// Line of its entry in the file, from 1.
    pub line: usize,
}

/// Which values of a parameter are tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Generate {
    /// Those that follow from type, bounds and choices, then the samples.
    #[default]
    All,
    /// The samples alone, for a parameter whose ends make no sense with a model of unknown size.
    Samples,
}

/// What differs for some values of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PerValue {
    /// The values.
    pub values: Vec<Value>,
    /// Their relation, in place of that of the parameter.
    pub relation: Option<Relation>,
    /// Companions laid over those of the parameter.
    #[serde(rename = "with")]
    pub companions: Settings,
    /// What the case alone sets beside them, laid over that of the parameter.
    pub brings: Settings,
    /// Conditions beside those of the parameter.
    pub requires: Vec<Requirement>,
}

/// A value that is fine by itself and must be refused beside certain others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refused {
    /// The value.
    pub value: Value,
    /// What is set along with it, in place of the companions of the parameter.
    #[serde(rename = "with")]
    pub companions: Settings,
    /// Why the engine refuses it, for people.
    pub because: String,
}

/// What is wrong with a value, in words.
enum Misfit {
    Null,
    Choice(String),
    Type(String),
    Bounds(String),
}

impl Param {
    /// Why `value` is not a value of this parameter, for who writes its file; none where it is one.
    pub fn rejection(&self, value: &Value) -> Option<String> {
        if let Some(text) = Reference::malformed(value) {
            return Some(format!(
                "`{text}` is no reference; write `@token.N`, `@text.N` or `@model`"
            ));
        }
        let misfit = self.misfit(value)?;
        Some(match misfit {
            Misfit::Null => "null needs `optional: true`; add it, or give a value".to_owned(),
            Misfit::Choice(what) => format!("{what}; add it there, or take one"),
            Misfit::Type(what) if value.is_number() && self.types.contains(&Type::Float) => what,
            Misfit::Type(what) => format!("{what}; correct it, or the `type`"),
            Misfit::Bounds(what) => format!("{what}; correct it, or the bounds"),
        })
    }

    /// Why `value` is not a value of this parameter, for who sets it; none where it is one.
    pub fn refusal(&self, value: &Value) -> Option<String> {
        Some(match self.misfit(value)? {
            Misfit::Null => {
                format!("null is no value of it; give one of type {}", self.types_in_words())
            }
            Misfit::Choice(what) | Misfit::Type(what) | Misfit::Bounds(what) => what,
        })
    }

    fn misfit(&self, value: &Value) -> Option<Misfit> {
        if value.is_null() {
            return (!self.optional).then_some(Misfit::Null);
        }
        let fits = self.types.iter().any(|one| self.is_of(*one, value));
        let chosen = self.choices.iter().any(|choice| same_value(choice, value));
        // In a union such as bool or enum, the choices are those of the enum alone.
        let is_enum = self.types.contains(&Type::Enum);
        let like_a_choice = |choice: &Value| discriminant(choice) == discriminant(value);
        let no_choice = match is_enum {
            true => !fits && (value.is_string() || self.choices.iter().any(like_a_choice)),
            false => fits && !self.choices.is_empty(),
        };
        if no_choice && !chosen {
            let choices = self.choices.iter().map(Value::to_string).collect::<Vec<_>>();
            let choices = choices.join(", ");
            return Some(Misfit::Choice(format!("{value} is not one of the choices [{choices}]")));
        }
        let taken = fits || (is_enum && chosen);
        if !taken {
            let hint = match value {
                Value::Number(_) if self.types.contains(&Type::Float) => {
                    "; write a float with its point"
                }
                _ => "",
            };
            let types = self.types_in_words();
            return Some(Misfit::Type(format!("{value} is not of type {types}{hint}")));
        }
        match value {
            Value::Number(number) if !self.bounds.contains(number) => Some(Misfit::Bounds(
                format!("{value} is out of bounds ({})", self.bounds.in_words()),
            )),
            _ => None,
        }
    }

    /// Whether `value` is of the type `one`, which is no enum. A surface that says float does not
    /// tell an engine that takes integers as well from one that does not.
    fn is_of(&self, one: Type, value: &Value) -> bool {
        let whole = one == Type::Float && !self.origin.is_file() && Type::Int.fits(value);
        one != Type::Enum && (one.fits(value) || whole)
    }

    /// The type as a person would say it: `int or list`.
    pub fn types_in_words(&self) -> String {
        self.types.iter().map(|one| one.word()).collect::<Vec<_>>().join(" or ")
    }

    /// What the file says about `value` in particular.
    pub fn particular(&self, value: &Value) -> Option<&PerValue> {
        self.per_value.iter().find(|one| one.values.iter().any(|other| same_value(other, value)))
    }

    /// What must hold when it is set to `value`.
    pub fn relation_of(&self, value: &Value) -> &Relation {
        let particular = self.particular(value).and_then(|one| one.relation.as_ref());
        particular.unwrap_or(&self.relation)
    }

    /// What is set along with `value`.
    pub fn companions_of(&self, value: &Value) -> Settings {
        match self.particular(value) {
            Some(one) => self.companions.merged(&one.companions),
            None => self.companions.clone(),
        }
    }

    /// What a case sets along with `value`, and its reference does not.
    pub fn brought_by(&self, value: &Value) -> Settings {
        match self.particular(value) {
            Some(one) => self.brings.merged(&one.brings),
            None => self.brings.clone(),
        }
    }

    /// What machine, model and build must have for `value`.
    pub fn required_by(&self, value: &Value) -> Vec<Requirement> {
        let particular = self.particular(value).map(|one| one.requires.as_slice());
        [&self.requires, particular.unwrap_or_default()].concat()
    }

    /// The value in force where a case does not set it: the baseline's, or else the default.
    pub fn in_force(&self) -> &Value {
        self.baseline.as_ref().unwrap_or(&self.default)
    }
}
