//! The version of CUDA, and where it was read: of torch, as it brings its own CUDA along, else of
//! the toolkit. Nothing is imported for it; a compiler is started where nothing else tells.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::environment::machine::Machine;

/// Where the toolkit lies where no variable says so.
const TOOLKIT: &str = "/usr/local/cuda";

/// What told a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CudaSource {
    /// torch, or the libtorch in this build: what it was built for.
    Torch,
    /// `version.json` or `version.txt` of the toolkit.
    VersionFile,
    /// The compiler of the toolkit.
    Nvcc,
}

/// A version of CUDA and where it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cuda {
    /// As `12.8`, or with more parts.
    pub version: String,
    /// What told it.
    pub source: CudaSource,
    /// The file or program.
    pub evidence: String,
}

/// The version of CUDA: of the torch in one of `site_packages`, else of the libtorch of version
/// `libtorch`, else of the toolkit.
///
/// # Errors
/// Where nothing tells: what was looked for.
pub(super) fn cuda(
    machine: &Machine,
    site_packages: &[PathBuf],
    libtorch: Option<&str>,
) -> Result<Cuda, String> {
    let told = |version, source, evidence: &Path| Cuda {
        version,
        source,
        evidence: evidence.display().to_string(),
    };
    let mut without = Vec::new();
    for folder in site_packages {
        let file = folder.join("torch/version.py");
        let Some(text) = machine.text(&file) else { continue };
        match of_torch(&text) {
            Some(version) => return Ok(told(version, CudaSource::Torch, &file)),
            None => without.push(format!("{} names none", file.display())),
        }
    }
    if let Some(libtorch) = libtorch {
        match of_libtorch(libtorch) {
            Some(version) => {
                let evidence = format!("libtorch {libtorch}");
                return Ok(told(version, CudaSource::Torch, Path::new(&evidence)));
            }
            None => without.push(format!("libtorch {libtorch} is without")),
        }
    }
    let toolkits = toolkits(machine);
    for toolkit in &toolkits {
        let file = toolkit.join("version.json");
        if let Some(version) = machine.text(&file).as_deref().and_then(of_json) {
            return Ok(told(version, CudaSource::VersionFile, &file));
        }
        let file = toolkit.join("version.txt");
        if let Some(version) = machine.line(&file).as_deref().and_then(of_text) {
            return Ok(told(version, CudaSource::VersionFile, &file));
        }
    }
    let beside = toolkits.iter().map(|toolkit| toolkit.join("bin/nvcc"));
    let nvcc = beside.filter(|file| machine.has(file)).chain(machine.program("nvcc")).next();
    match nvcc {
        Some(file) => match ask(&machine.path(&file)) {
            Ok(version) => Ok(told(version, CudaSource::Nvcc, &file)),
            Err(why) => Err(format!("{}{} {why}", sentence(&without), file.display())),
        },
        None => {
            let names: Vec<String> = toolkits.iter().map(|one| one.display().to_string()).collect();
            let folders = names.join(" or ");
            Err(format!("{}no toolkit in {folders}, no nvcc in PATH", sentence(&without)))
        }
    }
}

fn sentence(without: &[String]) -> String {
    without.iter().map(|one| format!("{one}; ")).collect()
}

/// The folders that may hold the toolkit, each once.
fn toolkits(machine: &Machine) -> Vec<PathBuf> {
    let named = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(|name| machine.variable(name));
    let mut folders: Vec<PathBuf> = named.map(PathBuf::from).collect();
    folders.push(PathBuf::from(TOOLKIT));
    folders.dedup();
    folders
}

/// `cuda: Optional[str] = '12.8'` in `torch/version.py`; None where torch is for the CPU.
fn of_torch(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| {
        let rest = line.strip_prefix("cuda")?;
        let (kind, value) = rest.split_once('=')?;
        (kind.trim().is_empty() || kind.starts_with(':')).then_some(value)
    })?;
    let version = line.trim().trim_matches(['\'', '"']);
    is_version(version).then(|| version.to_owned())
}

/// `2.11.0+cu128`: the last digit is the minor version.
fn of_libtorch(version: &str) -> Option<String> {
    let digits = version.trim().split_once("+cu")?.1;
    let (major, minor) = digits.split_at_checked(digits.len().checked_sub(1)?)?;
    let version = format!("{major}.{minor}");
    is_version(&version).then_some(version)
}

/// `{"cuda": {"version": "12.4.1"}}`.
fn of_json(text: &str) -> Option<String> {
    let parsed: serde_json::Value = serde_json::from_str(text).ok()?;
    let version = parsed.get("cuda")?.get("version")?.as_str()?;
    is_version(version).then(|| version.to_owned())
}

/// `CUDA Version 10.2.89`.
fn of_text(line: &str) -> Option<String> {
    let version = line.strip_prefix("CUDA Version ")?.trim();
    is_version(version).then(|| version.to_owned())
}

/// `Cuda compilation tools, release 12.4, V12.4.131`.
fn of_nvcc(text: &str) -> Option<String> {
    let version = text.split("release ").nth(1)?.split(',').next()?.trim();
    is_version(version).then(|| version.to_owned())
}

fn ask(nvcc: &Path) -> Result<String, String> {
    let output = Command::new(nvcc)
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|error| format!("cannot be started ({error})"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    of_nvcc(&text).ok_or_else(|| "names no release".to_owned())
}

fn is_version(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.contains('.') && text.split('.').all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::machine::made_up::machine;
    use proptest::prelude::*;

    const TORCH: (&str, &str) = (
        "/env/torch/version.py",
        "__version__ = '2.10.0+cu128'\ndebug = False\ncuda: Optional[str] = '12.8'\nhip = None\n",
    );
    const TORCH_OF_CPU: (&str, &str) =
        ("/env/torch/version.py", "cuda: Optional[str] = None\ngit_version = 'ab'\n");
    const JSON: (&str, &str) =
        ("/usr/local/cuda/version.json", r#"{"cuda": {"name": "SDK", "version": "12.4.1"}}"#);
    const TEXT: (&str, &str) = ("/usr/local/cuda/version.txt", "CUDA Version 10.2.89\n");
    const NVCC: (&str, &str) =
        ("/opt/bin/nvcc", "#!/bin/sh\necho 'Cuda compilation tools, release 11.5, V11.5.119'\n");

    /// The first source that tells goes.
    #[test]
    fn the_sources_are_asked_in_their_order() {
        use CudaSource::{Nvcc, Torch, VersionFile};
        type Row<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>, Option<(&'a str, CudaSource)>);
        let rows: [Row<'_>; 9] = [
            (&[TORCH, JSON, TEXT, NVCC], Some("2.11.0+cu130"), Some(("12.8", Torch))),
            (&[TORCH_OF_CPU, JSON], Some("2.11.0+cu130"), Some(("13.0", Torch))),
            (&[TORCH_OF_CPU, JSON, TEXT, NVCC], Some("2.11.0+cpu"), Some(("12.4.1", VersionFile))),
            (&[JSON, TEXT, NVCC], None, Some(("12.4.1", VersionFile))),
            (&[TEXT, NVCC], None, Some(("10.2.89", VersionFile))),
            (
                &[("/usr/local/cuda/version.json", "{"), TEXT, NVCC],
                None,
                Some(("10.2.89", VersionFile)),
            ),
            (&[NVCC], None, Some(("11.5", Nvcc))),
            (&[("/opt/bin/nvcc", "#!/bin/sh\necho broken\n")], None, None),
            (&[], None, None),
        ];
        for (files, libtorch, expected) in rows {
            let (_root, machine) = machine(files, &[("PATH", "/opt/bin")]);
            let nvcc = machine.path("/opt/bin/nvcc");
            if nvcc.exists() {
                make_runnable(&nvcc);
            }
            let found = cuda(&machine, &["/env".into()], libtorch).ok();
            let found = found.as_ref().map(|one| (one.version.as_str(), one.source));
            assert_eq!(found, expected, "{files:?} {libtorch:?}");
        }
    }

    /// What this process has open for writing cannot be run, also by way of another thread: so it
    /// is written by another process.
    fn make_runnable(file: &Path) {
        let copy = r#"cp "$0" "$0.new" && chmod +x "$0.new" && mv "$0.new" "$0""#;
        let status = Command::new("sh").arg("-c").arg(copy).arg(file).status().unwrap();
        assert!(status.success());
    }

    #[test]
    fn where_nothing_tells_it_is_said_what_was_looked_for() {
        let (_root, without) = machine(&[TORCH_OF_CPU], &[("CUDA_HOME", "/opt/cuda")]);
        insta::assert_snapshot!(
            cuda(&without, &["/env".into()], Some("2.11.0+cpu")).unwrap_err(),
            @"/env/torch/version.py names none; libtorch 2.11.0+cpu is without; no toolkit in /opt/cuda or /usr/local/cuda, no nvcc in PATH"
        );
    }

    #[test]
    fn versions_are_read_off_each_form() {
        assert_eq!(of_torch("cuda = '11.7'\n").as_deref(), Some("11.7"));
        assert_eq!(of_torch("cuda_home = '11.7'\n"), None);
        assert_eq!(of_libtorch("2.11.0+cu118").as_deref(), Some("11.8"));
        for other in ["2.11.0", "2.11.0+cu", "2.11.0+cu1", "2.11.0+cuda", "2.11.0+cu1\u{e9}"] {
            assert_eq!(of_libtorch(other), None, "{other}");
        }
        assert_eq!(of_text("CUDA Version ten"), None);
        assert_eq!(of_nvcc("release , V"), None);
    }

    proptest! {
        /// Whatever a file or a compiler says: a version is numbers with dots, or there is none.
        #[test]
        fn what_is_found_is_a_version(text in "\\PC{0,40}", number in "[0-9.]{0,6}") {
            let texts = [
                text.clone(),
                format!("cuda{text}= '{number}'\n"),
                format!("2.11{text}+cu{number}"),
                format!(r#"{{"cuda": {{"version": "{number}"}}}}"#),
                format!("CUDA Version {number}{text}"),
                format!("{text}release {number}, V"),
            ];
            for text in &texts {
                for found in [of_torch(text), of_libtorch(text), of_json(text), of_text(text), of_nvcc(text)] {
                    prop_assert!(found.as_deref().is_none_or(is_version), "{:?} of {:?}", found, text);
                }
            }
        }
    }
}
