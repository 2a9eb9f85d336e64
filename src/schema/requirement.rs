//! Requirements in words.

use serde_json::json;

use crate::schema::Requirement;
use crate::settings::Value;

impl Requirement {
    /// It as its file has it, for people: `devices 1`, `architecture llama or gpt2`.
    pub fn in_words(&self) -> String {
        let Value::Object(map) = json!(self) else { return json!(self).to_string() };
        let parts = map.iter().map(|(key, said)| {
            let said = match said {
                Value::Array(list) => {
                    let words: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
                    words.join(" or ")
                }
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            format!("{} {said}", key.replace('_', " "))
        });
        parts.collect::<Vec<_>>().join(", ")
    }
}
