//! What is installed beside an interpreter, read off the names of folders: no interpreter is
//! started, and hundreds of packages take a millisecond.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::environment::machine::Machine;

/// Packages with their versions.
pub(super) type Packages = BTreeMap<String, String>;

/// What was not taken from an index: the file beside a package (PEP 610).
#[derive(Deserialize)]
struct DirectUrl {
    url: String,
    #[serde(default)]
    dir_info: Option<DirInfo>,
    #[serde(default)]
    vcs_info: Option<VcsInfo>,
}

#[derive(Deserialize)]
struct DirInfo {
    #[serde(default)]
    editable: bool,
}

#[derive(Deserialize)]
struct VcsInfo {
    vcs: String,
    commit_id: String,
}

/// Adds the packages in the folder `site_packages` to those `found` in folders before it, which
/// go first.
pub(super) fn add_installed(machine: &Machine, site_packages: &Path, found: &mut Packages) {
    for entry in machine.names(site_packages) {
        let Some((name, mut version)) = of_entry(&entry) else { continue };
        let direct = machine.text(site_packages.join(&entry).join("direct_url.json"));
        if let Some(from) = direct.as_deref().and_then(of_direct_url) {
            version = format!("{version} @ {from}");
        }
        found.entry(name).or_insert(version);
    }
}

/// The packages of conda in the environment `prefix`; none where it is none of conda's.
pub(super) fn of_conda(machine: &Machine, prefix: &Path) -> Option<Packages> {
    let folder = prefix.join("conda-meta");
    if !machine.has(folder.join("history")) && machine.names(&folder).is_empty() {
        return None;
    }
    let of_name = |file: &String| {
        let mut parts = file.strip_suffix(".json")?.rsplitn(3, '-');
        let (build, version, name) = (parts.next()?, parts.next()?, parts.next()?);
        Some((name.to_owned(), format!("{version} {build}")))
    };
    Some(machine.names(&folder).iter().filter_map(of_name).collect())
}

/// Name and version in `some_package-1.2+cpu.dist-info` or `package-1.2-py3.11.egg-info`, the name
/// as an index has it.
fn of_entry(entry: &str) -> Option<(String, String)> {
    let (name, version) = if let Some(stem) = entry.strip_suffix(".dist-info") {
        stem.rsplit_once('-')?
    } else {
        let (name, rest) = entry.strip_suffix(".egg-info")?.split_once('-')?;
        (name, rest.split_once("-py").map_or(rest, |(version, _)| version))
    };
    // `~ame` is what pip leaves behind of a removal that failed.
    let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    (is_name && !version.is_empty()).then(|| (normal(name), version.to_owned()))
}

/// A name as an index has it (PEP 503): lower case, and one `-` for each run of `-`, `_` and `.`.
fn normal(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            _ => normal.push(c.to_ascii_lowercase()),
        }
    }
    normal
}

/// Where a package came from, in a word; no name or password of an account is in it.
fn of_direct_url(text: &str) -> Option<String> {
    let direct: DirectUrl = serde_json::from_str(text).ok()?;
    let url = without_account(&direct.url);
    Some(match (direct.vcs_info, direct.dir_info) {
        (Some(vcs), _) => format!("{}+{url}@{}", vcs.vcs, vcs.commit_id),
        (None, Some(DirInfo { editable: true })) => format!("{url} (editable)"),
        _ => url,
    })
}

fn without_account(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // What follows a `?` may be a token as well.
    let path = path.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::machine::made_up::machine;
    use proptest::prelude::*;

    #[test]
    fn folders_tell_packages() {
        let rows = [
            ("torch-2.10.0+cpu.dist-info", Some(("torch", "2.10.0+cpu"))),
            ("antlr4_python3_runtime-4.13.2.dist-info", Some(("antlr4-python3-runtime", "4.13.2"))),
            ("Jinja2-3.1.6.dist-info", Some(("jinja2", "3.1.6"))),
            ("zope.interface-8.0.dist-info", Some(("zope-interface", "8.0"))),
            ("distro_info-1.5-py3.11.egg-info", Some(("distro-info", "1.5"))),
            ("six-1.16.egg-info", Some(("six", "1.16"))),
            ("~orch-2.9.0.dist-info", None),
            ("torch", None),
            ("torch.dist-info", None),
            ("-.dist-info", None),
            ("x-.dist-info", None),
        ];
        for (entry, expected) in rows {
            let found = of_entry(entry);
            let found = found.as_ref().map(|(name, version)| (name.as_str(), version.as_str()));
            assert_eq!(found, expected, "{entry}");
        }
    }

    #[test]
    fn what_is_no_release_says_where_it_came_from() {
        let rows = [
            (
                r#"{"url": "https://u:secret@git.example/a.git", "vcs_info": {"vcs": "git", "commit_id": "ab12"}}"#,
                "git+https://git.example/a.git@ab12",
            ),
            (
                r#"{"url": "file:///src/a", "dir_info": {"editable": true}}"#,
                "file:///src/a (editable)",
            ),
            (r#"{"url": "file:///src/a", "dir_info": {}}"#, "file:///src/a"),
            (
                r#"{"url": "https://x.example/a.whl?token=secret", "archive_info": {}}"#,
                "https://x.example/a.whl",
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(of_direct_url(text).as_deref(), Some(expected));
        }
        assert_eq!(of_direct_url("{"), None);
    }

    #[test]
    fn the_first_folder_goes_and_conda_is_apart() {
        let files = [
            ("/a/torch-2.10.0.dist-info/METADATA", ""),
            ("/b/torch-2.9.0.dist-info/METADATA", ""),
            ("/b/vllm-0.24.0.dist-info/direct_url.json", r#"{"url": "file:///v"}"#),
            ("/env/conda-meta/history", ""),
            ("/env/conda-meta/python-3.11.7-h955ad1f_0.json", "{}"),
            ("/env/conda-meta/ld_impl_linux-64-2.38-h1.json", "{}"),
        ];
        let (_root, machine) = machine(&files, &[]);
        let mut found = Packages::new();
        for folder in ["/a", "/b", "/nowhere"] {
            add_installed(&machine, Path::new(folder), &mut found);
        }
        let pairs = |rows: &[(&str, &str)]| -> Packages {
            rows.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        assert_eq!(found, pairs(&[("torch", "2.10.0"), ("vllm", "0.24.0 @ file:///v")]));
        assert_eq!(
            of_conda(&machine, Path::new("/env")).unwrap(),
            pairs(&[("ld_impl_linux-64", "2.38 h1"), ("python", "3.11.7 h955ad1f_0")])
        );
        assert_eq!(of_conda(&machine, Path::new("/a")), None);
    }

    proptest! {
        #[test]
        fn no_name_and_no_url_is_a_panic(text in "\\PC*", url in "[a-z:/@?#.]{0,30}") {
            let _ = of_entry(&text);
            let _ = of_entry(&format!("{text}.egg-info"));
            prop_assert_eq!(normal(&normal(&text)), normal(&text));
            let shown = without_account(&format!("https://name:word@{url}"));
            prop_assert!(!shown.contains("name:word@"), "{}", shown);
        }
    }
}
