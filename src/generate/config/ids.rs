//! Parameters made of token ids.

use std::ops::Deref;

use serde_json::Map;

use super::setting::{Limits, Rule, Setting};
use crate::settings::Value;

impl Setting for u32 {
    fn check(value: &Value, _rule: &Rule, limits: &Limits) -> Result<Self, String> {
        let id = value.as_u64().and_then(|id| Self::try_from(id).ok());
        match (id, limits.vocab_size) {
            (Some(id), None) => Ok(id),
            (Some(id), Some(size)) if (id as usize) < size => Ok(id),
            (_, None) => Err("a token id must be an integer of at least 0".to_owned()),
            (_, Some(size)) => Err(format!(
                "a token id must be an integer from 0 to {}, as the vocabulary has {size} entries",
                size.saturating_sub(1)
            )),
        }
    }

    fn show(&self) -> Value {
        (*self).into()
    }
}

/// A list of ids.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tokens(Vec<u32>);

impl Deref for Tokens {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.0
    }
}

impl Setting for Tokens {
    fn check(value: &Value, rule: &Rule, limits: &Limits) -> Result<Self, String> {
        let items = value.as_array().ok_or("must be a list of token ids")?;
        let ids: Result<_, _> = items.iter().map(|item| u32::check(item, rule, limits)).collect();
        Ok(Self(ids?))
    }

    fn show(&self) -> Value {
        self.0.clone().into()
    }
}

/// One id or a list of at least one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TokenSet {
    ids: Vec<u32>,
    /// Whether it was given as a single id.
    bare: bool,
}

impl TokenSet {
    pub(crate) fn as_slice(&self) -> &[u32] {
        &self.ids
    }
}

impl Setting for TokenSet {
    fn check(value: &Value, rule: &Rule, limits: &Limits) -> Result<Self, String> {
        if value.is_number() {
            return Ok(Self { ids: vec![u32::check(value, rule, limits)?], bare: true });
        }
        let items = value.as_array().ok_or("must be a token id or a list of them")?;
        let mut ids = Vec::new();
        for item in items {
            let id = u32::check(item, rule, limits)?;
            match ids.contains(&id) {
                false => ids.push(id),
                true if limits.lenient => {}
                true => return Err(format!("{id} stands in it twice")),
            }
        }
        if ids.is_empty() {
            return Err("must have at least one token id; leave it out for none".to_owned());
        }
        Ok(Self { ids, bare: false })
    }

    fn show(&self) -> Value {
        match self.ids.as_slice() {
            [id] if self.bare => (*id).into(),
            ids => ids.to_vec().into(),
        }
    }
}

/// Sequences of at least one id each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sequences(Vec<Vec<u32>>);

impl Deref for Sequences {
    type Target = [Vec<u32>];

    fn deref(&self) -> &[Vec<u32>] {
        &self.0
    }
}

impl Setting for Sequences {
    fn check(value: &Value, rule: &Rule, limits: &Limits) -> Result<Self, String> {
        const SHAPE: &str = "must be a list of lists of token ids, none of them empty";
        let items = value.as_array().filter(|items| !items.is_empty()).ok_or(SHAPE)?;
        let mut sequences = Vec::new();
        for item in items {
            let ids = Tokens::check(item, rule, limits)
                .map_err(|rule| if item.is_array() { rule } else { SHAPE.to_owned() })?;
            if ids.is_empty() {
                return Err(SHAPE.to_owned());
            }
            sequences.push(ids.0);
        }
        Ok(Self(sequences))
    }

    fn show(&self) -> Value {
        self.0.clone().into()
    }
}

/// Sequences of ids with a bias each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Biases(Vec<(Vec<u32>, f64)>);

impl Deref for Biases {
    type Target = [(Vec<u32>, f64)];

    fn deref(&self) -> &[(Vec<u32>, f64)] {
        &self.0
    }
}

impl Biases {
    const SHAPE: &str =
        "must be a list of pairs [[ids], bias] or a map from \"id,id,...\" to bias, not empty";

    /// `[[[1, 2], -3.0], ...]`
    fn pairs(items: &[Value]) -> Result<Vec<(Value, &Value)>, String> {
        let pair = |item: &'_ Value| match item.as_array().map(Vec::as_slice) {
            Some([ids, _]) if ids.is_array() => Ok(ids.clone()),
            _ => Err(Self::SHAPE.to_owned()),
        };
        items.iter().map(|item| Ok((pair(item)?, &item[1]))).collect()
    }

    /// `{"1,2": -3.0, ...}`; brackets around the ids are taken too, as printed tuples have them.
    fn entries(map: &Map<String, Value>) -> Result<Vec<(Value, &Value)>, String> {
        let ids = |key: &str| -> Result<Value, String> {
            let bare = key.trim().trim_matches(['(', ')', '[', ']']).trim_end_matches(',');
            let id = |part: &str| part.trim().parse::<u32>().map(Value::from);
            let ids: Result<Vec<Value>, _> = bare.split(',').map(id).collect();
            ids.map(Value::from).map_err(|_| format!("`{key}` is no list of ids: {}", Self::SHAPE))
        };
        map.iter().map(|(key, bias)| Ok((ids(key)?, bias))).collect()
    }
}

impl Setting for Biases {
    fn check(value: &Value, rule: &Rule, limits: &Limits) -> Result<Self, String> {
        let given = match value {
            Value::Array(items) => Self::pairs(items)?,
            Value::Object(map) => Self::entries(map)?,
            _ => Vec::new(),
        };
        if given.is_empty() {
            return Err(Self::SHAPE.to_owned());
        }
        let mut biases: Vec<(Vec<u32>, f64)> = Vec::new();
        for (ids, bias) in given {
            let ids = Tokens::check(&ids, rule, limits)?.0;
            let bias = f64::check(bias, &Rule::above(f64::NEG_INFINITY).strictly_float(), limits)
                .map_err(|_| "a bias must be a float".to_owned())?;
            if ids.is_empty() {
                return Err(Self::SHAPE.to_owned());
            }
            if biases.iter().any(|(known, _)| *known == ids) {
                return Err(format!("{ids:?} stands in it twice"));
            }
            biases.push((ids, bias));
        }
        Ok(Self(biases))
    }

    fn show(&self) -> Value {
        let pair = |(ids, bias): &(Vec<u32>, f64)| {
            Value::from(vec![Value::from(ids.clone()), Value::from(*bias)])
        };
        self.0.iter().map(pair).collect()
    }
}
