//! Which container, if any, this process is in.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::environment::machine::Machine;

/// What runs containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// Docker.
    Docker,
    /// containerd without Docker above it.
    Containerd,
    /// Podman.
    Podman,
    /// Kubernetes, whatever runs the container below it.
    Kubernetes,
    /// Another one.
    Other,
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::Podman => "podman",
            Self::Kubernetes => "kubernetes",
            Self::Other => "other",
        })
    }
}

/// A container, and by what it was recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// What runs it.
    pub runtime: Runtime,
    /// The file, variable or path that told.
    pub evidence: String,
}

/// What paths of control groups and mounts of a root file system have in them, by runtime. Pods
/// first, as the container of a pod is one of containerd or another as well.
const MARKS: [(&str, Runtime); 10] = [
    ("kubepods", Runtime::Kubernetes),
    ("libpod", Runtime::Podman),
    ("/containers/storage/overlay", Runtime::Podman),
    ("/docker/", Runtime::Docker),
    ("docker-", Runtime::Docker),
    ("cri-containerd-", Runtime::Containerd),
    ("nerdctl-", Runtime::Containerd),
    ("/containerd/", Runtime::Containerd),
    ("/lxc/", Runtime::Other),
    ("crio-", Runtime::Other),
];

/// The container that this process is in; none where nothing shows one.
pub(super) fn container(machine: &Machine) -> Option<Container> {
    let told = |runtime, evidence: &str| Some(Container { runtime, evidence: evidence.to_owned() });
    if machine.variable("KUBERNETES_SERVICE_HOST").is_some() {
        return told(Runtime::Kubernetes, "KUBERNETES_SERVICE_HOST");
    }
    let secrets = "/var/run/secrets/kubernetes.io";
    if machine.has(secrets) {
        return told(Runtime::Kubernetes, secrets);
    }
    // Other tools make that file as well, and say so in it.
    let mark = "/run/.containerenv";
    if machine.has(mark) {
        let text = machine.text(mark).unwrap_or_default();
        let foreign = text.contains("engine=") && !text.contains("podman");
        return told(if foreign { Runtime::Other } else { Runtime::Podman }, mark);
    }
    if machine.has("/.dockerenv") {
        return told(Runtime::Docker, "/.dockerenv");
    }
    for file in ["/proc/self/cgroup", "/proc/1/cgroup"] {
        let text = machine.text(file).unwrap_or_default();
        if let Some(runtime) = marked(&text) {
            return told(runtime, file);
        }
    }
    // With version 2 of the control groups the path is `/`; then the file system of the root tells.
    let mounts = machine.text("/proc/self/mountinfo").unwrap_or_default();
    let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/"));
    if let Some(runtime) = root.and_then(marked) {
        return told(runtime, "/proc/self/mountinfo");
    }
    // As systemd-nspawn, LXC and others tell the first process.
    let first = machine.text("/proc/1/environ").unwrap_or_default();
    let name = first.split('\0').find_map(|one| one.strip_prefix("container="))?;
    let runtime = match name {
        "podman" => Runtime::Podman,
        "docker" => Runtime::Docker,
        _ => Runtime::Other,
    };
    told(runtime, &format!("container={name}"))
}

fn marked(text: &str) -> Option<Runtime> {
    MARKS.iter().find(|(mark, _)| text.contains(mark)).map(|(_, runtime)| *runtime)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::machine::made_up::machine;

    #[test]
    fn each_runtime_is_known_by_its_marks() {
        use Runtime::{Containerd, Docker, Kubernetes, Other, Podman};
        const CGROUP: &str = "/proc/self/cgroup";
        const MOUNTS: &str = "/proc/self/mountinfo";
        let overlay = |of: &str| {
            format!(
                "22 1 0:20 / /proc rw - proc proc rw\n613 530 0:56 / / rw,relatime - overlay overlay rw,lowerdir={of}\n"
            )
        };
        let rows: Vec<(&str, String, Option<Runtime>)> = vec![
            ("/.dockerenv", String::new(), Some(Docker)),
            ("/run/.containerenv", "engine=\"podman-5.2.1\"\n".to_owned(), Some(Podman)),
            // Podman without privileges leaves it empty.
            ("/run/.containerenv", String::new(), Some(Podman)),
            ("/run/.containerenv", "engine=\"buildah-1.3\"\n".to_owned(), Some(Other)),
            (CGROUP, "0::/system.slice/docker-4f2a.scope\n".to_owned(), Some(Docker)),
            (CGROUP, "4:memory:/docker/4f2a\n".to_owned(), Some(Docker)),
            (CGROUP, "0::/kubepods.slice/cri-containerd-4f2a.scope\n".to_owned(), Some(Kubernetes)),
            (CGROUP, "0::/user.slice/libpod-4f2a.scope\n".to_owned(), Some(Podman)),
            (CGROUP, "0::/system.slice/nerdctl-4f2a.scope\n".to_owned(), Some(Containerd)),
            // What runs containers is in none itself.
            (CGROUP, "0::/system.slice/containerd.service\n".to_owned(), None),
            (CGROUP, "0::/system.slice/docker.service\n".to_owned(), None),
            (CGROUP, "4:memory:/lxc/one\n".to_owned(), Some(Other)),
            (CGROUP, "0::/\n".to_owned(), None),
            (CGROUP, "0::/user.slice/user-1000.slice/session-2.scope\n".to_owned(), None),
            (MOUNTS, overlay("/var/lib/docker/overlay2/l/A"), Some(Docker)),
            (MOUNTS, overlay("/var/lib/containerd/io.containerd/1/fs"), Some(Containerd)),
            (MOUNTS, overlay("/home/u/.local/share/containers/storage/overlay/l/A"), Some(Podman)),
            (MOUNTS, overlay("/run/live/rootfs"), None),
            // A container's layer that is mounted elsewhere is no container of this process.
            (
                MOUNTS,
                "613 530 0:56 / /mnt rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2\n"
                    .to_owned(),
                None,
            ),
            ("/proc/1/environ", "A=1\0container=systemd-nspawn\0".to_owned(), Some(Other)),
            ("/proc/1/environ", "A=1\0".to_owned(), None),
        ];
        for (path, text, expected) in rows {
            let (_root, machine) = machine(&[(path, &text)], &[]);
            assert_eq!(container(&machine).map(|one| one.runtime), expected, "{path}: {text}");
        }
    }

    #[test]
    fn a_pod_is_one_whatever_runs_it() {
        let files = [("/.dockerenv", "")];
        let (_root, machine) = machine(&files, &[("KUBERNETES_SERVICE_HOST", "10.0.0.1")]);
        let found = container(&machine).unwrap();
        assert_eq!(found.runtime, Runtime::Kubernetes);
        assert_eq!(found.evidence, "KUBERNETES_SERVICE_HOST");
    }
}
