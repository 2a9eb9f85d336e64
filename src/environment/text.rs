//! A snapshot for people.

use std::fmt;

use crate::environment::Environment;

/// Packages are many: these are the ones that people ask for.
const TELLING: [&str; 6] =
    ["accelerate", "tensorrt-llm", "tokenizers", "torch", "transformers", "vllm"];

impl fmt::Display for Environment {
    /// A line each, `key: value`; what is unknown with its reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = |key: &str| {
            self.unknown.get(key).map_or("none".to_owned(), |why| format!("unknown: {why}"))
        };
        let text = |value: &Option<String>, key: &str| value.clone().unwrap_or_else(|| why(key));
        let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
        let mut row = |key: &str, value: String| writeln!(f, "{:<12} {value}", format!("{key}:"));
        row("hash", self.hash())?;
        row("wattest", format!("{} ({}, {})", self.wattest, self.profile, self.target))?;
        row("features", list(&self.features))?;
        row("crates", pairs(self.crates.iter()))?;
        if let Some(libtorch) = &self.libtorch {
            row("libtorch", libtorch.clone())?;
        }
        row("kernel", text(&self.kernel, "kernel"))?;
        row("processor", text(&self.processor, "processor"))?;
        row("processors", self.processors.map_or_else(|| why("processors"), |n| n.to_string()))?;
        row("governor", text(&self.governor, "governor"))?;
        let memory = self.memory_bytes.map_or_else(|| why("memory_bytes"), mebibytes);
        let limit = self.memory_limit_bytes.map(mebibytes);
        row("memory", memory + &limit.map_or(String::new(), |limit| format!(", limit {limit}")))?;
        row(
            "container",
            self.container
                .as_ref()
                .map_or("none".to_owned(), |one| format!("{}, by {}", one.runtime, one.evidence)),
        )?;
        row("driver", text(&self.driver, "driver"))?;
        row("gpus", list(&self.gpus))?;
        for (place, gpu) in self.gpu_details.iter().enumerate() {
            row(&format!("gpu {place}"), gpu.to_string())?;
        }
        row(
            "cuda",
            self.cuda.as_ref().map_or_else(
                || why("cuda"),
                |cuda| format!("{}, by {}", cuda.version, cuda.evidence),
            ),
        )?;
        match &self.python {
            None => row("python", why("python"))?,
            Some(python) => {
                let version = python.version.as_deref().unwrap_or("of unknown version");
                row("python", format!("{version}, {}", python.executable))?;
                let telling = python.packages.iter();
                let telling = telling.filter(|(name, _)| TELLING.contains(&name.as_str()));
                row("packages", format!("{}: {}", python.packages.len(), pairs(telling)))?;
            }
        }
        row("variables", pairs(self.variables.iter()))?;
        let degrees = |(name, mc): (&String, &i64)| format!("{name} {} C", mc / 1000);
        let warm: Vec<String> = self.moving.temperatures_mc.iter().map(degrees).collect();
        row("temperature", list(&warm))
    }
}

fn list(parts: &[String]) -> String {
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

fn pairs<'a>(of: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    list(&of.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_is_unknown_has_its_reason() {
        let environment = Environment {
            wattest: "0.1.0".to_owned(),
            profile: "debug".to_owned(),
            target: "x86_64-linux".to_owned(),
            memory_bytes: Some(16 << 30),
            memory_limit_bytes: Some(8 << 30),
            unknown: BTreeMap::from([("cuda".to_owned(), "no nvcc in PATH".to_owned())]),
            ..Environment::default()
        };
        let text = environment.to_string();
        let (hash, rest) = text.split_once('\n').unwrap();
        assert_eq!(hash, format!("hash:        {}", environment.hash()));
        insta::assert_snapshot!(rest, @r"
        wattest:     0.1.0 (debug, x86_64-linux)
        features:    none
        crates:      none
        kernel:      none
        processor:   none
        processors:  none
        governor:    none
        memory:      16384 MiB, limit 8192 MiB
        container:   none
        driver:      none
        gpus:        none
        cuda:        unknown: no nvcc in PATH
        python:      none
        variables:   none
        temperature: none
        ");
    }
}
