//! An interpreter and what is installed beside it, without starting it: by the layout that venv,
//! conda and installations of Python have.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::environment::machine::Machine;
use crate::environment::packages::{Packages, add_installed, of_conda};

/// The interpreter of the engines in Python.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Python {
    /// The interpreter.
    pub executable: String,
    /// Its version; of an installation that tells no more, `3.11`.
    pub version: Option<String>,
    /// What pip would list, by the names that an index has. Of what was not taken from an index the
    /// version says where it came from.
    pub packages: BTreeMap<String, String>,
    /// What conda would list, version and build; null where it is no environment of conda.
    pub conda: Option<BTreeMap<String, String>>,
}

/// An interpreter, and where its packages lie.
pub(super) struct Found {
    /// The interpreter.
    pub(super) python: Python,
    /// The folders, in the order in which Python looks through them.
    pub(super) site_packages: Vec<PathBuf>,
}

/// What `executable` is: a file, or a name that is looked for in `PATH`.
///
/// # Errors
/// Where it is not there, or no standard library is beside it.
pub(super) fn python(machine: &Machine, executable: &Path) -> Result<Found, String> {
    let shown = executable.display();
    let file = if executable.components().count() > 1 {
        executable.to_owned()
    } else {
        let name = executable.to_string_lossy();
        machine.program(&name).ok_or_else(|| format!("{shown} is not in PATH"))?
    };
    if !machine.path(&file).is_file() {
        return Err(format!("{} is not there", file.display()));
    }
    let prefix = above(&file).ok_or_else(|| format!("{shown} lies in no folder"))?;
    let config = machine.text(prefix.join("pyvenv.cfg"));
    let (site_packages, version, prefix) = match &config {
        Some(config) => of_venv(machine, &prefix, config),
        None => of_installation(machine, &file, &prefix),
    };
    if site_packages.is_empty() {
        return Err(format!(
            "no lib/python3.* is beside {}; name the interpreter itself, not a script that starts it",
            file.display()
        ));
    }
    let mut packages = Packages::new();
    for folder in &site_packages {
        add_installed(machine, folder, &mut packages);
    }
    let conda = of_conda(machine, &prefix);
    // It tells all parts of the version, where the name of a folder tells two.
    let of_conda = conda.as_ref().and_then(|conda| conda.get("python"));
    let of_conda = of_conda.and_then(|told| told.split(' ').next()).map(str::to_owned);
    let version = of_conda.or(version);
    let executable = file.display().to_string();
    Ok(Found { python: Python { executable, version, packages, conda }, site_packages })
}

/// The prefix of a file in its `bin`.
fn above(file: &Path) -> Option<PathBuf> {
    Some(file.parent()?.parent()?.to_owned())
}

/// Folders, version and prefix of an environment that venv, virtualenv or uv made.
fn of_venv(
    machine: &Machine,
    prefix: &Path,
    config: &str,
) -> (Vec<PathBuf>, Option<String>, PathBuf) {
    let value = |key: &str| {
        config.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            (name.trim() == key).then(|| value.trim().to_owned())
        })
    };
    let mut folders = Vec::new();
    for version in versions(machine, prefix) {
        push(machine, &mut folders, prefix.join(format!("lib/{version}/site-packages")));
        push(machine, &mut folders, prefix.join(format!("lib64/{version}/site-packages")));
    }
    // Then those of what it was made of are seen as well.
    let sees_base = value("include-system-site-packages").is_some_and(|value| value == "true");
    if let Some(home) = value("home").filter(|_| sees_base) {
        let base = Path::new(&home).join("python3");
        if let Some(prefix) = above(&base) {
            let (more, ..) = of_installation(machine, &base, &prefix);
            more.into_iter().for_each(|folder| push(machine, &mut folders, folder));
        }
    }
    // venv writes the one, virtualenv and uv the other.
    let version = value("version_info").or_else(|| value("version"));
    // `3.11.7.final.0`
    let version = version.map(|text| text.split(".final").next().unwrap_or_default().to_owned());
    (folders, version, prefix.to_owned())
}

/// Folders, version and prefix of an installation: the link of an interpreter leads to it.
fn of_installation(
    machine: &Machine,
    file: &Path,
    prefix: &Path,
) -> (Vec<PathBuf>, Option<String>, PathBuf) {
    let linked = link(machine, file).and_then(|target| {
        let prefix = above(&target)?;
        (!versions(machine, &prefix).is_empty()).then_some((target, prefix))
    });
    let (file, prefix) = linked.unwrap_or_else(|| (file.to_owned(), prefix.to_owned()));
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let all = versions(machine, &prefix);
    // `python3.11` names its own among several.
    let own = all.iter().find(|one| Some(*one) == name.as_ref()).or_else(|| all.last());
    let Some(own) = own else { return (Vec::new(), None, prefix) };
    let mut folders = Vec::new();
    // Debian has packages of its own beside those of pip.
    for folder in [
        prefix.join(format!("local/lib/{own}/dist-packages")),
        prefix.join(format!("lib/{own}/site-packages")),
        prefix.join("lib/python3/dist-packages"),
    ] {
        push(machine, &mut folders, folder);
    }
    if folders.is_empty() {
        folders.push(prefix.join(format!("lib/{own}/site-packages")));
    }
    let version = own.strip_prefix("python").map(str::to_owned);
    (folders, version, prefix)
}

/// `python3.11` and the like in the `lib` of `prefix`, by version.
fn versions(machine: &Machine, prefix: &Path) -> Vec<String> {
    let minor = |name: &String| name.strip_prefix("python3.")?.parse::<u32>().ok();
    let mut names = machine.names(prefix.join("lib"));
    names.retain(|name| minor(name).is_some());
    names.sort_by_key(minor);
    names
}

/// Where the link `file` leads to; none where it is no link, or leads out of the machine.
fn link(machine: &Machine, file: &Path) -> Option<PathBuf> {
    let target = fs::canonicalize(machine.path(file)).ok()?;
    let root = fs::canonicalize(machine.path("/")).ok()?;
    Some(Path::new("/").join(target.strip_prefix(root).ok()?))
}

/// Adds `folder` where it is there and not another name of one that is in already.
fn push(machine: &Machine, folders: &mut Vec<PathBuf>, folder: PathBuf) {
    let real = |folder: &Path| fs::canonicalize(machine.path(folder)).ok();
    let Some(own) = real(&folder) else { return };
    if !folders.iter().any(|one| real(one).as_ref() == Some(&own)) {
        folders.push(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::machine::made_up::machine;

    fn told(files: &[(&str, &str)], links: &[(&str, &str)], executable: &str) -> String {
        let (_root, machine) = machine(files, &[("PATH", "/usr/bin")]);
        for (link, target) in links {
            std::os::unix::fs::symlink(target, machine.path(link)).unwrap();
        }
        match python(&machine, Path::new(executable)) {
            Ok(found) => format!("{:?} {:?}", found.python, found.site_packages),
            Err(error) => error,
        }
    }

    #[test]
    fn an_environment_tells_its_version_and_packages() {
        let venv = [
            ("/env/bin/python", ""),
            (
                "/env/pyvenv.cfg",
                "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.7\n",
            ),
            ("/env/lib/python3.11/site-packages/torch-2.10.0.dist-info/METADATA", ""),
            ("/usr/lib/python3.11/site-packages/six-1.0.dist-info/METADATA", ""),
        ];
        insta::assert_snapshot!(
            told(&venv, &[("/env/lib64", "lib")], "/env/bin/python"),
            @r#"Python { executable: "/env/bin/python", version: Some("3.11.7"), packages: {"torch": "2.10.0"}, conda: None } ["/env/lib/python3.11/site-packages"]"#
        );
        let open = [
            venv[0],
            (
                "/env/pyvenv.cfg",
                "home = /usr/bin\ninclude-system-site-packages = true\nversion_info = 3.12.1.final.0\n",
            ),
            venv[2],
            venv[3],
        ];
        insta::assert_snapshot!(
            told(&open, &[], "/env/bin/python"),
            @r#"Python { executable: "/env/bin/python", version: Some("3.12.1"), packages: {"six": "1.0", "torch": "2.10.0"}, conda: None } ["/env/lib/python3.11/site-packages", "/usr/lib/python3.11/site-packages"]"#
        );
    }

    #[test]
    fn an_installation_is_the_one_that_the_link_leads_to() {
        let files = [
            ("/usr/bin/python3.9", ""),
            ("/usr/lib/python3.9/os.py", ""),
            ("/usr/lib/python3.11/os.py", ""),
            ("/usr/lib/python3/dist-packages/apt-2.6.egg-info", ""),
            ("/usr/local/lib/python3.9/dist-packages/six-1.1.dist-info/METADATA", ""),
        ];
        insta::assert_snapshot!(
            told(&files, &[("/usr/bin/python3", "python3.9")], "python3"),
            @r#"Python { executable: "/usr/bin/python3", version: Some("3.9"), packages: {"apt": "2.6", "six": "1.1"}, conda: None } ["/usr/local/lib/python3.9/dist-packages", "/usr/lib/python3/dist-packages"]"#
        );
    }

    #[test]
    fn conda_tells_the_whole_version() {
        let files = [
            ("/conda/bin/python", ""),
            ("/conda/lib/python3.11/site-packages/torch-2.10.0.dist-info/METADATA", ""),
            ("/conda/conda-meta/python-3.11.9-h1_0.json", "{}"),
        ];
        insta::assert_snapshot!(
            told(&files, &[], "/conda/bin/python"),
            @r#"Python { executable: "/conda/bin/python", version: Some("3.11.9"), packages: {"torch": "2.10.0"}, conda: Some({"python": "3.11.9 h1_0"}) } ["/conda/lib/python3.11/site-packages"]"#
        );
    }

    #[test]
    fn what_is_no_interpreter_is_told() {
        let shim = [("/shims/bin/python", "#!/bin/sh\n")];
        insta::assert_snapshot!(told(&shim, &[], "/shims/bin/python"), @"no lib/python3.* is beside /shims/bin/python; name the interpreter itself, not a script that starts it");
        insta::assert_snapshot!(told(&shim, &[], "/nowhere/python"), @"/nowhere/python is not there");
        insta::assert_snapshot!(told(&shim, &[], "python3"), @"python3 is not in PATH");
    }
}
