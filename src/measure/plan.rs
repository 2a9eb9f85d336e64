//! What a measured run measures.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Methodology, Prompts, WarmUp};
use crate::backends::Prompt;
use crate::schema::Names;
use crate::settings::{Settings, short_hash};

/// What is measured: everything that is decided before the engine is loaded.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The model directory.
    pub model: PathBuf,
    /// The settings, by the names that the backend knows.
    pub settings: Settings,
    /// What is known of the names of the parameters: which of them an engine is loaded with.
    pub names: Names,
    /// What is asked.
    pub prompts: Prompts,
    /// How many prompts are asked; fewer than there are, or the first ones again. None for each once.
    pub count: Option<usize>,
    /// How many of them make a request; at least 1.
    pub per_request: usize,
    /// How long is warmed up.
    pub warm_up: WarmUp,
    /// How often everything is asked, at least.
    pub repeat: usize,
    /// Everything is asked again until this long has passed.
    pub min_window: Option<Duration>,
}

impl Plan {
    /// The requests of one round: the prompts of each.
    pub fn requests(&self) -> Vec<Vec<Prompt>> {
        let prompts = self.prompts.taken(self.count);
        prompts.chunks(self.per_request.max(1)).map(<[Prompt]>::to_vec).collect()
    }

    /// What the figures are those of.
    pub fn methodology(&self) -> Methodology {
        match (self.min_window, self.warm_up.most) {
            (Some(_), _) => Methodology::Windowed,
            (None, 0) => Methodology::Total,
            (None, _) => Methodology::SteadyState,
        }
    }

    /// Identity of what is measured, 16 hex digits: equal for runs of `backend` over the same model,
    /// settings, prompts and way of measuring, on whichever machine and wherever the files lie. A
    /// setting that is not set is not the same as one that is set to its default.
    pub fn hash(&self, backend: &str) -> String {
        let Self { settings, per_request, warm_up, repeat, min_window, .. } = self;
        let what = json!({
            "backend": backend,
            "model": fingerprint(&self.model),
            "settings": settings,
            "prompts": self.prompts.taken(self.count),
            "per_request": per_request,
            "warm_up": warm_up,
            "repeat": repeat,
            "min_window_s": min_window.map(|window| window.as_secs_f64()),
        });
        short_hash(&canonical(what).to_string(), 16)
    }
}

/// Identity of the model in `dir`, 16 hex digits: its `config.json`, and the names and sizes of its
/// weight files. Their contents are not read: two trainings of one architecture have the same, and do
/// the same work. None where there is no `config.json`.
pub fn fingerprint(dir: &Path) -> Option<String> {
    // No directory is not the current one.
    let config = (!dir.as_os_str().is_empty()).then(|| dir.join("config.json"))?;
    let config = std::fs::read_to_string(config).ok()?;
    let entries = std::fs::read_dir(dir).ok()?.filter_map(Result::ok);
    let mut weights: Vec<String> = entries
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            // A link to the file of a cache counts as that file.
            let bytes = std::fs::metadata(entry.path()).ok()?.len();
            name.ends_with(".safetensors").then(|| format!("{name} {bytes}"))
        })
        .collect();
    weights.sort();
    Some(short_hash(&format!("{config}\n{}", weights.join("\n")), 16))
}

/// `value` with the keys of all its mappings in order.
fn canonical(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<(String, Value)> =
                map.into_iter().map(|(key, value)| (key, canonical(value))).collect();
            pairs.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(pairs.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(canonical).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Architecture, tiny};

    fn plan(model: &Path) -> Plan {
        Plan {
            model: model.to_owned(),
            settings: [("top_k", 5)].into_iter().collect(),
            names: Names::default(),
            prompts: Prompts::built_in(),
            count: None,
            per_request: 1,
            warm_up: WarmUp::default(),
            repeat: 1,
            min_window: None,
        }
    }

    #[test]
    fn the_hash_follows_what_is_measured_and_not_where_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, seed| {
            let dir = folder.path().join(name);
            tiny::write(Architecture::Llama, seed, &dir).unwrap();
            dir
        };
        let (one, moved) = (make("one", 1), make("moved", 1));
        let hash = plan(&one).hash("candle");
        assert_eq!((hash.len(), &hash), (16, &plan(&moved).hash("candle")));
        let mut others = vec![plan(&one).hash("pytorch")];
        let mut change = |change: &dyn Fn(&mut Plan)| {
            let mut plan = plan(&one);
            change(&mut plan);
            others.push(plan.hash("candle"));
        };
        change(&|plan| plan.settings.set("top_k", 5.0));
        change(&|plan| plan.count = Some(3));
        change(&|plan| plan.per_request = 2);
        change(&|plan| plan.warm_up.most = 0);
        change(&|plan| plan.repeat = 2);
        change(&|plan| plan.min_window = Some(Duration::from_secs(1)));
        change(&|plan| plan.model = folder.path().to_owned());
        others.push(hash);
        let count = others.len();
        others.sort();
        others.dedup();
        assert_eq!(others.len(), count, "each of them is another measurement");
    }

    #[test]
    fn prompts_are_shared_out_in_their_order() {
        let plan = Plan { count: Some(5), per_request: 2, ..plan(Path::new(".")) };
        let sizes: Vec<usize> = plan.requests().iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 2, 1]);
        assert_eq!(plan.requests().concat(), plan.prompts.taken(Some(5)));
    }

    proptest! {
        /// The order of keys has no say, at any depth.
        #[test]
        fn canonical_text_does_not_follow_the_order(keys in prop::collection::hash_set("[a-z]{1,4}", 1..8)) {
            let map = |keys: &mut dyn Iterator<Item = &String>| -> Value {
                let inner: Map<String, Value> = keys.map(|key| (key.clone(), json!(1))).collect();
                json!({ "nested": [inner] })
            };
            let keys: Vec<String> = keys.into_iter().collect();
            let (one, other) = (map(&mut keys.iter()), map(&mut keys.iter().rev()));
            prop_assert_eq!(canonical(one).to_string(), canonical(other).to_string());
        }
    }
}
