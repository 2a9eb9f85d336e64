//! Whether CUDA can be used: a driver in the kernel, device files, and the driver's library. No
//! library is loaded to find out.

use std::path::Path;

use memchr::memmem;
use rustix::fs::{Access, access};

use crate::environment::Machine;
use crate::preflight::Check;

/// The library of the driver.
const LIBRARY: &str = "libcuda.so.1";

/// Where it may lie without the loader's cache knowing of it: WSL, NixOS, and systems without a
/// cache.
const FOLDERS: [&str; 6] = [
    "/usr/lib/wsl/lib",
    "/run/opengl-driver/lib",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/local/cuda/compat",
];

/// Why CUDA cannot be used, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoCuda {
    /// Why.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl NoCuda {
    fn new(problem: impl Into<String>, remedy: &str) -> Self {
        Self { problem: problem.into(), remedy: remedy.to_owned() }
    }
}

/// What there is of CUDA.
///
/// # Errors
/// The first thing that is missing.
pub fn cuda(machine: &Machine) -> Result<String, NoCuda> {
    if let Some(value) = machine.variable_as_set("CUDA_VISIBLE_DEVICES") {
        let first = value.split(',').next().unwrap_or_default().trim();
        let is_device = first.parse::<u32>().is_ok()
            || ["GPU-", "MIG-"].iter().any(|prefix| first.starts_with(prefix));
        if !is_device {
            let problem = format!("CUDA_VISIBLE_DEVICES is `{value}`, which hides every device");
            return Err(NoCuda::new(problem, "unset it, or name a device in it"));
        }
    }
    // On WSL the driver is that of Windows.
    let wsl = machine.has("/dev/dxg");
    if !wsl {
        driver(machine)?;
        devices(machine)?;
    }
    if !has_library(machine) {
        return Err(NoCuda::new(
            format!("the library of the driver, {LIBRARY}, is not where the loader looks"),
            "install it (libcuda1, nvidia-driver-libs), or start the container with \
             NVIDIA_DRIVER_CAPABILITIES=compute,utility",
        ));
    }
    let version = machine.line("/proc/driver/nvidia/version").unwrap_or_default();
    Ok(if version.is_empty() { LIBRARY.to_owned() } else { version })
}

pub(super) fn check(user: &str, machine: &Machine) -> Check {
    match cuda(machine) {
        Ok(found) => Check::good("CUDA", found),
        Err(NoCuda { problem, remedy }) => {
            Check::failed("CUDA", format!("{user} needs it, and {problem}"), remedy)
        }
    }
}

fn driver(machine: &Machine) -> Result<(), NoCuda> {
    if machine.has("/proc/driver/nvidia/version") || machine.has("/sys/module/nvidia/version") {
        return Ok(());
    }
    let folder = "/sys/bus/pci/devices";
    let is_gpu = |name: &String| {
        let read = |file| machine.line(format!("{folder}/{name}/{file}")).unwrap_or_default();
        read("vendor") == "0x10de" && read("class").starts_with("0x03")
    };
    Err(match machine.names(folder).iter().find(|name| is_gpu(name)) {
        Some(address) => NoCuda::new(
            format!("an NVIDIA GPU is at {address}, and its driver is not loaded"),
            "load it (`modprobe nvidia`), or install it",
        ),
        None => NoCuda::new(
            "there is no NVIDIA GPU and no driver here",
            "run on a machine with one, or leave out what needs it (`device: cpu`)",
        ),
    })
}

fn devices(machine: &Machine) -> Result<(), NoCuda> {
    const REMEDY: &str =
        "run `nvidia-modprobe -u -c=0` as root; start a container with `--gpus all`";
    let number = |name: &String| name.strip_prefix("nvidia")?.parse::<u32>().ok();
    let devices: Vec<String> =
        machine.names("/dev").into_iter().filter(|name| number(name).is_some()).collect();
    if devices.is_empty() {
        let problem = "the driver is loaded, and there is no device file /dev/nvidiaN";
        return Err(NoCuda::new(problem, REMEDY));
    }
    if !machine.has("/dev/nvidiactl") {
        return Err(NoCuda::new("there is no device file /dev/nvidiactl", REMEDY));
    }
    let open = |name: &str| {
        let path = machine.path(Path::new("/dev").join(name));
        access(path, Access::READ_OK | Access::WRITE_OK).is_ok()
    };
    if !open("nvidiactl") || !devices.iter().any(|name| open(name)) {
        let problem = format!("/dev/nvidiactl and /dev/{} may not be opened", devices[0]);
        return Err(NoCuda::new(
            problem,
            "join the group that they belong to (`ls -l /dev/nvidia*`)",
        ));
    }
    Ok(())
}

/// Whether the loader would find the library: it lies in a folder that is named to it, or its
/// cache has the name.
fn has_library(machine: &Machine) -> bool {
    let named = machine.variable("LD_LIBRARY_PATH").unwrap_or_default();
    let named = named.split(':').filter(|folder| !folder.is_empty());
    if named.chain(FOLDERS).any(|folder| machine.has(Path::new(folder).join(LIBRARY))) {
        return true;
    }
    let cache = std::fs::read(machine.path("/etc/ld.so.cache")).unwrap_or_default();
    memmem::find(&cache, LIBRARY.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::machine::made_up::machine;

    const DRIVER: (&str, &str) = ("/proc/driver/nvidia/version", "NVRM version: 570.86.15\n");
    const CONTROL: (&str, &str) = ("/dev/nvidiactl", "");
    const DEVICE: (&str, &str) = ("/dev/nvidia0", "");
    const CACHE: (&str, &str) = ("/etc/ld.so.cache", "ld.so\0libc.so.6\0libcuda.so.1\0/usr/lib\0");

    fn told(files: &[(&str, &str)], variables: &[(&str, &str)]) -> String {
        let (_root, machine) = machine(files, variables);
        match cuda(&machine) {
            Ok(found) => format!("good: {found}"),
            Err(NoCuda { problem, remedy }) => format!("{problem}; {remedy}"),
        }
    }

    #[test]
    fn the_first_thing_that_is_missing_is_told() {
        let all = [DRIVER, CONTROL, DEVICE, CACHE];
        insta::assert_snapshot!(told(&all, &[]), @"good: NVRM version: 570.86.15");
        insta::assert_snapshot!(told(&[], &[]), @"there is no NVIDIA GPU and no driver here; run on a machine with one, or leave out what needs it (`device: cpu`)");
        let card = [
            ("/sys/bus/pci/devices/0000:1b:00.0/vendor", "0x10de\n"),
            ("/sys/bus/pci/devices/0000:1b:00.0/class", "0x030200\n"),
        ];
        insta::assert_snapshot!(told(&card, &[]), @"an NVIDIA GPU is at 0000:1b:00.0, and its driver is not loaded; load it (`modprobe nvidia`), or install it");
        insta::assert_snapshot!(told(&[DRIVER, CONTROL, CACHE], &[]), @"the driver is loaded, and there is no device file /dev/nvidiaN; run `nvidia-modprobe -u -c=0` as root; start a container with `--gpus all`");
        insta::assert_snapshot!(told(&[DRIVER, DEVICE, CACHE], &[]), @"there is no device file /dev/nvidiactl; run `nvidia-modprobe -u -c=0` as root; start a container with `--gpus all`");
        insta::assert_snapshot!(told(&all[..3], &[]), @"the library of the driver, libcuda.so.1, is not where the loader looks; install it (libcuda1, nvidia-driver-libs), or start the container with NVIDIA_DRIVER_CAPABILITIES=compute,utility");
    }

    #[test]
    fn hidden_devices_are_told_before_anything_else() {
        let all = [DRIVER, CONTROL, DEVICE, CACHE];
        for hidden in ["", "-1", "none", ",0"] {
            assert!(told(&all, &[("CUDA_VISIBLE_DEVICES", hidden)]).contains("hides"), "{hidden}");
        }
        for visible in ["0", "1,0", "GPU-6a1b", "MIG-6a1b", "0,-1"] {
            assert!(told(&all, &[("CUDA_VISIBLE_DEVICES", visible)]).starts_with("good"));
        }
    }

    #[test]
    fn the_library_may_lie_in_a_named_folder_or_be_that_of_wsl() {
        let named = [DRIVER, CONTROL, DEVICE, ("/opt/lib/libcuda.so.1", "")];
        assert!(told(&named, &[("LD_LIBRARY_PATH", "/nowhere::/opt/lib")]).starts_with("good"));
        assert!(told(&named, &[]).contains("libcuda.so.1, is not"));
        let wsl = [("/dev/dxg", ""), ("/usr/lib/wsl/lib/libcuda.so.1", "")];
        assert_eq!(told(&wsl, &[]), "good: libcuda.so.1");
    }
}
