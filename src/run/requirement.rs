//! Whether this machine, this build and this model have what a case needs. Checked where the case
//! runs, so that a skip says what was found.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::model::ModelConfig;
use crate::run::package::Packages;
use crate::schema::{ModelTrait, Requirement};

/// Where Linux lists the features of the processors.
const CPUINFO: &str = "/proc/cpuinfo";

/// Accelerators that this process may use, by compute capability; or why that is not known.
type Accelerators = Result<Vec<String>, String>;

/// What was found out about the machine and the model: asked once per worker, when needed.
#[derive(Debug, Default)]
pub(super) struct Found {
    accelerators: Option<Accelerators>,
    packages: Packages,
}

impl Found {
    /// With the `interpreter` of the engines in Python, where one is chosen.
    pub(super) fn new(interpreter: Option<PathBuf>) -> Self {
        Self { accelerators: None, packages: Packages::new(interpreter) }
    }

    /// Why a case with these `requirements` cannot run; none where it can, as far as is known
    /// without loading. `architecture` is that of the model in directory `model`, where it is
    /// known.
    pub(super) fn missing(
        &mut self,
        requirements: &[Requirement],
        architecture: Option<&str>,
        model: &Path,
    ) -> Option<String> {
        requirements.iter().find_map(|requirement| match requirement {
            Requirement::Devices(needed) => self.devices(*needed),
            Requirement::ComputeCapability(needed) => self.compute_capability(needed),
            Requirement::Feature(feature) => missing_feature(feature),
            Requirement::Architecture(wanted) => missing_architecture(wanted, architecture?),
            Requirement::Model(wanted) => missing_trait(*wanted, model),
            Requirement::Processors(needed) => missing_processors(*needed),
            Requirement::Package(name) => self.packages.missing(name),
            Requirement::Cpu(flag) => missing_flag(flag, Path::new(CPUINFO)),
            Requirement::System(needed) => missing_system(needed),
        })
    }

    fn devices(&mut self, needed: u32) -> Option<String> {
        match self.accelerators() {
            Ok(found) if found.len() >= needed as usize => None,
            Ok(found) => Some(format!("needs {needed} accelerators, found {}", found.len())),
            Err(why) => Some(format!("needs {needed} accelerators, found none: {why}")),
        }
    }

    fn compute_capability(&mut self, needed: &str) -> Option<String> {
        let Some(least) = capability(needed) else {
            return Some(format!(
                "needs compute capability `{needed}`, which is not of the form `major.minor`"
            ));
        };
        match self.accelerators() {
            Ok(found) if found.is_empty() => {
                Some(format!("needs compute capability {needed}, found no accelerator"))
            }
            // A case may be placed on any of them, so all must do.
            Ok(found) => {
                let weak =
                    found.iter().find(|one| capability(one).is_none_or(|has| has < least))?;
                Some(format!("needs compute capability {needed}, found {weak}"))
            }
            Err(why) => Some(format!("needs compute capability {needed}, found none: {why}")),
        }
    }

    fn accelerators(&mut self) -> &Accelerators {
        self.accelerators.get_or_insert_with(ask_for_accelerators)
    }
}

/// `model_type` of `<model>/config.json`, where it can be read.
pub(super) fn model_type(model: &Path) -> Option<String> {
    let text = std::fs::read(model.join("config.json")).ok()?;
    let config: serde_json::Value = serde_json::from_slice(&text).ok()?;
    Some(config.get("model_type")?.as_str()?.to_owned())
}

/// The driver's own tool is asked: it needs no library at build time, and answers without
/// touching the device's memory.
fn ask_for_accelerators() -> Accelerators {
    let output = Command::new("nvidia-smi")
        .args(["--query-gpu=compute_cap", "--format=csv,noheader"])
        .output()
        .map_err(|error| format!("nvidia-smi cannot be started ({error})"))?;
    if !output.status.success() {
        return Err(format!("nvidia-smi failed ({})", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let all: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    Ok(visible(all, std::env::var("CUDA_VISIBLE_DEVICES").ok().as_deref()))
}

/// The devices that `CUDA_VISIBLE_DEVICES` leaves: indices up to the first invalid one, as CUDA
/// reads it; of devices named by UUID only the number is known here.
fn visible(all: Vec<String>, variable: Option<&str>) -> Vec<String> {
    let Some(variable) = variable else { return all };
    let names = variable.split(',').map(str::trim).take_while(|name| !name.is_empty());
    let named = names.enumerate().map_while(|(position, name)| match name.parse::<usize>() {
        Ok(index) => all.get(index).cloned(),
        Err(_) if name.starts_with("GPU-") || name.starts_with("MIG-") => {
            all.get(position).cloned()
        }
        Err(_) => None,
    });
    named.collect()
}

fn capability(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn missing_feature(feature: &str) -> Option<String> {
    let on = match feature {
        "candle" => cfg!(feature = "candle"),
        "cuda" => cfg!(feature = "cuda"),
        "python" => cfg!(feature = "python"),
        "torch" => cfg!(feature = "torch"),
        _ => return Some(format!("needs the cargo feature `{feature}`, which this version lacks")),
    };
    (!on).then(|| {
        format!("needs the cargo feature `{feature}`, which is off: add `--features {feature}`")
    })
}

fn missing_architecture(wanted: &[String], found: &str) -> Option<String> {
    (!wanted.iter().any(|one| one == found))
        .then(|| format!("needs a model of type {}, found {found}", wanted.join(" or ")))
}

/// None where the model cannot be read: loading it says what is wrong with it.
fn missing_trait(wanted: ModelTrait, model: &Path) -> Option<String> {
    let file = model.join("config.json");
    let text = std::fs::read_to_string(&file).ok()?;
    let config = ModelConfig::parse(&file, &text).ok()?;
    match (wanted, config.sliding()) {
        (ModelTrait::SlidingWindow, None) => Some(
            "needs a model with a sliding window shorter than its rows, found none in config.json"
                .to_owned(),
        ),
        (ModelTrait::FullAttention, Some(sliding)) => Some(format!(
            "needs a model whose layers all attend to everything, found windows of {} positions \
             in config.json",
            sliding.window
        )),
        _ => None,
    }
}

fn missing_processors(needed: u32) -> Option<String> {
    let found = std::thread::available_parallelism().map_or(1, usize::from);
    (found < needed as usize).then(|| format!("needs {needed} processors, found {found}"))
}

fn missing_system(needed: &str) -> Option<String> {
    let found = std::env::consts::OS;
    (found != needed).then(|| format!("needs {needed}, found {found}"))
}

/// The first processor speaks for all.
fn missing_flag(flag: &str, cpuinfo: &Path) -> Option<String> {
    let needs = format!("needs the processor feature `{flag}`");
    let text = match std::fs::read_to_string(cpuinfo) {
        Ok(text) => text,
        Err(error) => {
            let file = cpuinfo.display();
            return Some(format!("{needs}, unknown here: {file} cannot be read ({error})"));
        }
    };
    let flags = text.lines().find_map(|line| {
        let (key, flags) = line.split_once(':')?;
        // As x86 and ARM call them.
        ["flags", "Features"].contains(&key.trim()).then_some(flags)
    });
    match flags {
        Some(flags) if flags.split_whitespace().any(|one| one == flag) => None,
        Some(_) => Some(format!("{needs}, which {} does not list", cpuinfo.display())),
        None => Some(format!("{needs}, unknown here: {} lists none at all", cpuinfo.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Architecture, tiny};

    fn found(accelerators: Accelerators) -> Found {
        Found { accelerators: Some(accelerators), ..Found::default() }
    }

    #[test]
    fn a_skip_says_what_was_needed_and_what_was_found() {
        let hopper = || vec!["9.0".to_owned()];
        let ask = |accelerators, requirement| {
            found(accelerators)
                .missing(&[requirement], Some("gpt2"), Path::new(""))
                .unwrap_or_default()
        };
        insta::assert_snapshot!(ask(Ok(hopper()), Requirement::Devices(2)), @"needs 2 accelerators, found 1");
        insta::assert_snapshot!(ask(Ok(hopper()), Requirement::Devices(1)), @"");
        insta::assert_snapshot!(
            ask(Ok(hopper()), Requirement::ComputeCapability("10.0".to_owned())),
            @"needs compute capability 10.0, found 9.0"
        );
        insta::assert_snapshot!(ask(Ok(hopper()), Requirement::ComputeCapability("8.9".to_owned())), @"");
        insta::assert_snapshot!(
            ask(Err("no tool".to_owned()), Requirement::ComputeCapability("8.9".to_owned())),
            @"needs compute capability 8.9, found none: no tool"
        );
        insta::assert_snapshot!(
            ask(Ok(Vec::new()), Requirement::Architecture(vec!["llama".to_owned(), "qwen2".to_owned()])),
            @"needs a model of type llama or qwen2, found gpt2"
        );
        insta::assert_snapshot!(
            ask(Ok(Vec::new()), Requirement::Feature("teleport".to_owned())),
            @"needs the cargo feature `teleport`, which this version lacks"
        );
        assert_eq!(missing_system(std::env::consts::OS), None);
        assert!(
            missing_system("plan9").is_some_and(|text| text.starts_with("needs plan9, found "))
        );
        assert_eq!(missing_processors(1), None);
        assert!(missing_processors(u32::MAX).is_some());
    }

    #[test]
    fn a_sliding_window_is_read_off_the_model() {
        let dir = tempfile::tempdir().unwrap();
        let ask = |window: Option<usize>| {
            let options = tiny::Options { sliding_window: window, ..tiny::Options::default() };
            tiny::write_with(Architecture::Qwen2, options, dir.path()).unwrap();
            let wanted = [ModelTrait::SlidingWindow, ModelTrait::FullAttention];
            wanted.map(|one| missing_trait(one, dir.path()).unwrap_or_default()).join("|")
        };
        insta::assert_snapshot!(ask(None), @"needs a model with a sliding window shorter than its rows, found none in config.json|");
        insta::assert_snapshot!(ask(Some(8)), @"|needs a model whose layers all attend to everything, found windows of 8 positions in config.json");
        assert_eq!(missing_trait(ModelTrait::SlidingWindow, Path::new("/nowhere")), None);
    }

    #[test]
    fn processor_features_are_read_off_the_list() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("cpuinfo");
        let ask = |flag: &str| {
            let told = missing_flag(flag, &file).unwrap_or_default();
            told.replace(&file.display().to_string(), CPUINFO)
        };
        insta::assert_snapshot!(ask("avx2"), @"needs the processor feature `avx2`, unknown here: /proc/cpuinfo cannot be read (No such file or directory (os error 2))");
        std::fs::write(
            &file,
            "processor\t: 0\nflags\t\t: fpu avx2\n\nprocessor\t: 1\nflags\t\t: avx512f\n",
        )
        .unwrap();
        insta::assert_snapshot!(ask("avx2"), @"");
        insta::assert_snapshot!(ask("avx"), @"needs the processor feature `avx`, which /proc/cpuinfo does not list");
        insta::assert_snapshot!(ask("avx512f"), @"needs the processor feature `avx512f`, which /proc/cpuinfo does not list");
        std::fs::write(&file, "Features : asimd sve\n").unwrap();
        insta::assert_snapshot!(ask("sve"), @"");
        std::fs::write(&file, "isa : rv64\n").unwrap();
        insta::assert_snapshot!(ask("v"), @"needs the processor feature `v`, unknown here: /proc/cpuinfo lists none at all");
    }

    #[test]
    fn visible_devices_are_counted_as_cuda_does() {
        let all = || vec!["8.0".to_owned(), "9.0".to_owned()];
        assert_eq!(visible(all(), None).len(), 2);
        assert_eq!(visible(all(), Some("1")), ["9.0"]);
        assert_eq!(visible(all(), Some("1,-1,0")), ["9.0"]);
        assert_eq!(visible(all(), Some("")).len(), 0);
        assert_eq!(visible(all(), Some("GPU-abc")).len(), 1);
    }
}
