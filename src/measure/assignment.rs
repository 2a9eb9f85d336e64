//! `--set NAME=VALUE`: a setting as it is typed on a command line.

use serde_json::Value;

use crate::refusal::{Refusal, nearest};
use crate::schema::{Param, Reference, Table, Type};

/// A setting that was typed: a name, and a value as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The name of a parameter.
    pub name: String,
    /// What it is set to.
    pub text: String,
}

impl std::str::FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                Ok(Self { name: name.trim().to_owned(), text: value.trim().to_owned() })
            }
            _ => Err("a setting is NAME=VALUE, as in top_k=5".to_owned()),
        }
    }
}

impl Assignment {
    /// The path of the parameter of `table` that is meant, and the value, of the first of its types
    /// that the text can be read as and that has it: `temperature=1` is `1.0`. Text that could be
    /// something else is meant where it is quoted: `extra="null"`.
    ///
    /// # Errors
    /// A [`Refusal`] of a name that is none, or is refused, and of a value out of its bounds, not
    /// among the choices, or of no type of the parameter.
    pub fn read(&self, table: &Table) -> Result<(String, Value), Refusal> {
        let refusal = |rule: String| Refusal::new(self.name.clone(), self.text.clone(), rule);
        if let Some(refused) = table.refusing(&self.name) {
            return Err(refusal(refused.rule(&table.backend)));
        }
        let Some(param) = table.named(&self.name) else {
            let all = table.params.iter();
            let known = all.flat_map(|one| std::iter::once(&one.path).chain(&one.aliases));
            let known = known.map(String::as_str);
            return Err(Refusal::unknown(&self.name, self.text.clone(), known));
        };
        if Reference::within(&self.free()) {
            return Err(refusal("it means something in parameter files only; give a value".into()));
        }
        let meant = self.meanings(param);
        if let Some(value) = meant.iter().find(|value| param.refusal(value).is_none()) {
            return Ok((param.path.clone(), value.clone()));
        }
        // A value of the right type that is out of bounds says more than the text as text.
        let told = meant.into_iter().next().unwrap_or_else(|| self.free());
        let rule = param.refusal(&told).unwrap_or_default();
        Err(Refusal::new(param.path.clone(), told.clone(), hinted(rule, &told, param)))
    }

    /// What the text may mean where nothing is known of the parameters: JSON where it is that,
    /// and text otherwise.
    pub fn free(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| Value::String(self.text.clone()))
    }

    /// What the text may mean as a value of `param`, the most particular first.
    fn meanings(&self, param: &Param) -> Vec<Value> {
        let json: Option<Value> = serde_json::from_str(&self.text).ok();
        let mut meant: Vec<Value> = Vec::new();
        if matches!(json, Some(Value::Null)) && param.optional {
            meant.push(Value::Null);
        }
        // An integer before a float, so that `2` stays what it is where both are taken.
        let order =
            [Type::Bool, Type::Int, Type::Float, Type::List, Type::Map, Type::Enum, Type::String];
        for one in order.into_iter().filter(|one| param.types.contains(one)) {
            let value = match (one, &json) {
                (Type::Float, Some(Value::Number(number))) => number.as_f64().map(Value::from),
                (Type::Enum | Type::String, Some(Value::String(text))) => {
                    Some(Value::from(text.as_str()))
                }
                (Type::Enum | Type::String, _) => Some(Value::from(self.text.as_str())),
                (one, Some(value)) if one.fits(value) => Some(value.clone()),
                _ => None,
            };
            meant.extend(value);
        }
        // The choices of an enum need not be text.
        meant.extend(json.filter(|value| param.choices.contains(value)));
        meant
    }
}

fn hinted(rule: String, value: &Value, param: &Param) -> String {
    let choices = param.choices.iter().filter_map(Value::as_str);
    let near = value.as_str().filter(|_| param.types.contains(&Type::Enum));
    match near.and_then(|text| nearest(text, choices)) {
        Some(near) => format!("{rule}; did you mean `{near}`?"),
        None => rule,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn table() -> Table {
        Table::load(Path::new("params/candle.yaml")).unwrap()
    }

    fn read(text: &str) -> String {
        match text.parse::<Assignment>() {
            Err(error) => error,
            Ok(one) => match one.read(&table()) {
                Ok((path, value)) => format!("{path} = {value}"),
                Err(refusal) => refusal.to_string(),
            },
        }
    }

    #[test]
    fn text_is_typed_by_the_parameter() {
        let words = [
            "temperature=1",
            "top_k=5",
            "do_sample=true",
            "quantization=null",
            "quantization=q8_0",
            "torch_dtype=float16",
            "stop_strings=[\"a\", \"b\"]",
            " device = cpu",
            "early_stopping=never",
            "early_stopping=true",
        ];
        insta::assert_snapshot!(words.map(read).join("\n"), @r#"
        temperature = 1.0
        top_k = 5
        do_sample = true
        quantization = null
        quantization = "q8_0"
        dtype = "float16"
        stop_strings = ["a","b"]
        device = "cpu"
        early_stopping = "never"
        early_stopping = true
        "#);
    }

    #[test]
    fn what_is_no_value_is_refused_with_the_reason() {
        let words = [
            "top_k",
            "=5",
            "topk=5",
            "top_k=-1",
            "top_k=five",
            "top_k=2.5",
            "temperature=warm",
            "do_sample=1",
            "quantization=q8",
            "dtype=null",
            "eos_token_id=@token.1",
            "prompts=x",
        ];
        insta::assert_snapshot!(words.map(read).join("\n"), @r#"
        a setting is NAME=VALUE, as in top_k=5
        a setting is NAME=VALUE, as in top_k=5
        topk = "5" is refused: no such parameter; did you mean `top_k`?
        top_k = -1 is refused: -1 is out of bounds (>= 0)
        top_k = "five" is refused: "five" is not of type int
        top_k = 2.5 is refused: 2.5 is not of type int
        temperature = "warm" is refused: "warm" is not of type float
        do_sample = 1 is refused: 1 is not of type bool
        quantization = "q8" is refused: "q8" is not one of the choices ["q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2k", "q3k", "q4k", "q5k", "q6k"]
        dtype = "null" is refused: "null" is not one of the choices ["auto", "float32", "float16", "bfloat16"]
        eos_token_id = "@token.1" is refused: it means something in parameter files only; give a value
        prompts = "x" is refused: not a parameter of candle: prompts are not settings; each is a line of `wattest run --requests FILE`
        "#);
    }

    #[test]
    fn without_parameters_it_is_json_or_text() {
        let free = |text: &str| text.parse::<Assignment>().unwrap().free();
        assert_eq!(free("a=5"), json!(5));
        assert_eq!(free("a=five"), json!("five"));
        assert_eq!(free("a=\"5\""), json!("5"));
        assert_eq!(free("a=b=c"), json!("b=c"));
    }

    proptest! {
        /// A value that is read is one that the parameter takes; and every number that it takes can
        /// be typed.
        #[test]
        fn what_is_read_is_a_value(number in -10_i64..300, name in prop::sample::select(vec![
            "top_k", "temperature", "num_beams", "max_new_tokens", "do_sample", "stop_strings",
        ])) {
            let table = table();
            let param = table.param(name).unwrap();
            let typed = Assignment { name: name.to_owned(), text: number.to_string() };
            match typed.read(&table) {
                Ok((_, value)) => prop_assert_eq!(param.refusal(&value), None),
                Err(_) => {
                    let whole = param.refusal(&json!(number)).is_none();
                    let float = param.refusal(&json!(number as f64)).is_none();
                    prop_assert!(!whole && !float);
                }
            }
        }
    }
}
