//! Models by their id on the Hugging Face hub, in the cache of its tools. Nothing is fetched.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::environment::Machine;
use crate::preflight::Check;

/// The id of a model on the hub: `name` or `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubId(String);

impl HubId {
    /// `text` as an id; none where it cannot be one: what begins with `.` or `/` is a path.
    pub fn parse(text: &str) -> Option<Self> {
        let is_part = |part: &str| {
            let known = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            !part.is_empty()
                && part.len() <= 96
                && part.bytes().all(known)
                && !part.starts_with(['.', '-'])
                && !part.ends_with(['.', '-'])
                && !part.contains("--")
                && !part.contains("..")
        };
        let parts: Vec<&str> = text.split('/').collect();
        (parts.len() <= 2 && parts.iter().all(|part| is_part(part))).then(|| Self(text.to_owned()))
    }

    /// Its directory in the cache of the hub; none where the cache has no `main` of it.
    fn cached(&self, machine: &Machine) -> Option<PathBuf> {
        let model = cache(machine)?.join(format!("models--{}", self.0.replace('/', "--")));
        let commit = machine.line(model.join("refs/main"))?;
        // It becomes part of a path.
        let is_hash = !commit.is_empty() && commit.bytes().all(|b| b.is_ascii_hexdigit());
        let snapshot = model.join("snapshots").join(is_hash.then_some(commit)?);
        machine.path(&snapshot).is_dir().then_some(snapshot)
    }
}

impl fmt::Display for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The directory of the model `name`: that directory itself, or, of an id on the hub, its `main`
/// in the local cache.
///
/// # Errors
/// A failed check where there is neither.
pub fn locate(name: &Path, machine: &Machine) -> Result<PathBuf, Check> {
    let shown = name.display();
    let path = machine.path(name);
    if path.is_dir() {
        return Ok(name.to_owned());
    }
    if path.exists() {
        let remedy = "give the directory that holds config.json and the weights";
        return Err(Check::failed("model", format!("{shown} is no directory"), remedy));
    }
    let text = name.to_string_lossy();
    let Some(id) = HubId::parse(&text) else {
        let remedy =
            "give a model directory, or make a tiny one with `wattest model new --arch llama DIR`";
        return Err(Check::failed("model", format!("{shown} does not exist"), remedy));
    };
    if let Some(found) = id.cached(machine) {
        return Ok(found);
    }
    let place = match cache(machine) {
        Some(cache) => format!("in the cache of the hub, {}", cache.display()),
        None => "in a cache of the hub: neither HF_HOME nor HOME is set".to_owned(),
    };
    let token = match token(machine) {
        Some(from) => format!("where it is gated, the token in {from} must be let in by its owner"),
        None => "where it is gated, accept its terms and set HF_TOKEN first".to_owned(),
    };
    Err(Check::failed(
        "model",
        format!("{id} is neither a directory nor {place}"),
        format!("nothing is downloaded here: fetch it with `hf download {id}` ({token})"),
    ))
}

/// The folder of the cache, as the tools of the hub choose it.
fn cache(machine: &Machine) -> Option<PathBuf> {
    let named = ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"].iter();
    let named = named.filter_map(|name| machine.variable(name)).map(PathBuf::from).next();
    named.or_else(|| Some(home(machine)?.join("hub")))
}

fn home(machine: &Machine) -> Option<PathBuf> {
    if let Some(home) = machine.variable("HF_HOME") {
        return Some(PathBuf::from(home));
    }
    let cache = match machine.variable("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => Path::new(machine.variable("HOME")?).join(".cache"),
    };
    Some(cache.join("huggingface"))
}

/// Where there is a token for the hub; what it is stays unread.
fn token(machine: &Machine) -> Option<String> {
    let variables = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"];
    if let Some(name) = variables.iter().find(|name| machine.variable(name).is_some()) {
        return Some((*name).to_owned());
    }
    let file = match machine.variable("HF_TOKEN_PATH") {
        Some(file) => PathBuf::from(file),
        None => home(machine)?.join("token"),
    };
    machine.has(&file).then(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::machine::made_up::machine;

    #[test]
    fn ids_are_told_from_paths() {
        for id in ["gpt2", "meta-llama/Llama-3.1-8B", "a/b_c.d"] {
            assert!(HubId::parse(id).is_some(), "{id}");
        }
        for path in
            ["", "/gpt2", "./gpt2", "../a", "a/b/c", "a/", "a b", "a--b", "a/..", "a/b.", "-a"]
        {
            assert!(HubId::parse(path).is_none(), "{path}");
        }
    }

    #[test]
    fn the_cache_is_looked_for_where_the_tools_put_it() {
        const MAIN: &str = "models--o--m/refs/main";
        const CONFIG: &str = "models--o--m/snapshots/ab12/config.json";
        let rows: [(&[(&str, &str)], &str); 4] = [
            (&[("HF_HUB_CACHE", "/c"), ("HF_HOME", "/h")], "/c"),
            (&[("HF_HOME", "/h"), ("XDG_CACHE_HOME", "/x")], "/h/hub"),
            (&[("XDG_CACHE_HOME", "/x"), ("HOME", "/u")], "/x/huggingface/hub"),
            (&[("HOME", "/u")], "/u/.cache/huggingface/hub"),
        ];
        for (variables, folder) in rows {
            let (main, config) = (format!("{folder}/{MAIN}"), format!("{folder}/{CONFIG}"));
            let files = [(main.as_str(), "ab12\n"), (config.as_str(), "{}")];
            let (_root, machine) = machine(&files, variables);
            let found = locate(Path::new("o/m"), &machine).unwrap();
            assert_eq!(found, Path::new(folder).join("models--o--m/snapshots/ab12"));
        }
    }

    #[test]
    fn what_is_not_there_says_how_to_get_it() {
        let told = |variables: &[(&str, &str)], files: &[(&str, &str)], name: &str| {
            let (_root, machine) = machine(files, variables);
            locate(Path::new(name), &machine).unwrap_err().failure().unwrap()
        };
        let home = [("HOME", "/u")];
        insta::assert_snapshot!(told(&home, &[], "o/m"), @"model: o/m is neither a directory nor in the cache of the hub, /u/.cache/huggingface/hub; nothing is downloaded here: fetch it with `hf download o/m` (where it is gated, accept its terms and set HF_TOKEN first)");
        insta::assert_snapshot!(told(&[("HOME", "/u"), ("HF_TOKEN", "hf_secret")], &[], "o/m"), @"model: o/m is neither a directory nor in the cache of the hub, /u/.cache/huggingface/hub; nothing is downloaded here: fetch it with `hf download o/m` (where it is gated, the token in HF_TOKEN must be let in by its owner)");
        insta::assert_snapshot!(told(&[], &[], "o/m"), @"model: o/m is neither a directory nor in a cache of the hub: neither HF_HOME nor HOME is set; nothing is downloaded here: fetch it with `hf download o/m` (where it is gated, accept its terms and set HF_TOKEN first)");
        insta::assert_snapshot!(told(&home, &[], "/models/m"), @"model: /models/m does not exist; give a model directory, or make a tiny one with `wattest model new --arch llama DIR`");
        insta::assert_snapshot!(told(&home, &[("/models/m", "")], "/models/m"), @"model: /models/m is no directory; give the directory that holds config.json and the weights");
        // A reference that leads out of the cache is none.
        let out = [("/u/.cache/huggingface/hub/models--o--m/refs/main", "../../..\n")];
        assert!(told(&home, &out, "o/m").contains("is neither a directory nor in the cache"));
    }
}
