//! The types that a parameter may have.

use serde::{Deserialize, Serialize};

use crate::schema::Reference;
use crate::settings::Value;

/// One type of a parameter; a union is a list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A whole number, written without a point.
    Int,
    /// A number written with a point or an exponent. An integer is not one: engines that check
    /// types (HF's `temperature`) refuse it.
    Float,
    /// Any text.
    String,
    /// One of the declared choices.
    Enum,
    /// A list.
    List,
    /// A mapping.
    Map,
}

impl Type {
    /// Whether `value` is of this type, its bounds and choices aside. `@token.N` counts as an
    /// integer, as it stands for a token id; `@text.N` is a string as it is.
    pub fn fits(self, value: &Value) -> bool {
        match self {
            Self::Bool => value.is_boolean(),
            Self::Int => {
                value.is_i64()
                    || value.is_u64()
                    || matches!(Reference::parse(value), Some(Reference::Token(_)))
            }
            Self::Float => value.is_f64(),
            Self::String | Self::Enum => value.is_string(),
            Self::List => value.is_array(),
            Self::Map => value.is_object(),
        }
    }

    /// Whether bounds mean anything for it.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Float)
    }

    /// The word used in files and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::String => "string",
            Self::Enum => "enum",
            Self::List => "list",
            Self::Map => "map",
        }
    }
}

/// Whether two values are the same setting: numbers are compared as numbers, so that `1` and
/// `1.0` are one.
pub fn same_value(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => one == other,
    }
}
