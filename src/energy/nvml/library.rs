//! The library itself: loaded once, and kept.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;

use crate::energy::{Presence, ReadError};

/// What the loader is asked for, as NVIDIA's tools do.
const NAME: &str = "libnvidia-ml.so.1";

/// Libraries that were loaded, by the name they were asked for by.
static LOADED: Mutex<BTreeMap<OsString, &'static Nvml>> = Mutex::new(BTreeMap::new());

/// Loads NVML and starts it, once per process and file.
///
/// It stays to the end of the process: where no other process holds the driver and persistence mode
/// is off, giving it up would unload the driver, and set the counters of energy back to 0.
///
/// # Errors
/// Why there is no NVML: as a source tells it.
pub(crate) fn load(path: Option<&Path>) -> Result<&'static Nvml, Presence> {
    let name = path.map_or_else(|| NAME.into(), |path| path.as_os_str().to_owned());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(nvml) = loaded.get(&name) {
        return Ok(nvml);
    }
    let nvml = Nvml::builder()
        .lib_path(&name)
        .init()
        .map_err(|error| absence(&name.to_string_lossy(), &error))?;
    if nvml.lib().nvmlShutdown.is_err() {
        // Dropping it would panic, for want of this very function.
        std::mem::forget(nvml);
        let reason = format!("{} has no nvmlShutdown: it is not NVML", name.to_string_lossy());
        return Err(Presence::Unsupported { reason });
    }
    let nvml = &*Box::leak(Box::new(nvml));
    loaded.insert(name, nvml);
    Ok(nvml)
}

/// What a library that does not load or start says about the source.
fn absence(name: &str, error: &NvmlError) -> Presence {
    let reason = format!("{name}: {}", text(error));
    match error {
        NvmlError::NoPermission | NvmlError::OperatingSystem => Presence::Denied {
            reason,
            remedy: "give this user read and write access to /dev/nvidiactl and /dev/nvidia*"
                .to_owned(),
        },
        NvmlError::LibRmVersionMismatch => Presence::Denied {
            reason,
            remedy: "restart the machine, or load the kernel module of the same driver version"
                .to_owned(),
        },
        NvmlError::LibloadingError(_) | NvmlError::DriverNotLoaded | NvmlError::LibraryNotFound => {
            Presence::Absent { reason }
        }
        _ => Presence::Unsupported { reason },
    }
}

/// What NVML or the loader said, in one line.
pub(crate) fn text(error: &NvmlError) -> String {
    let text = match error {
        // The first line is the cause; the wrapper says only that there is one.
        NvmlError::LibloadingError(cause) => {
            std::error::Error::source(cause).map_or_else(|| cause.to_string(), ToString::to_string)
        }
        NvmlError::FailedToLoadSymbol(_) | NvmlError::FunctionNotFound => {
            "this driver has no such function".to_owned()
        }
        NvmlError::UnexpectedVariant(code) => format!("NVML answered with {code}, which is new"),
        other => other.to_string(),
    };
    text.lines().next().unwrap_or_default().to_owned()
}

/// Whether a later call may go well.
pub(crate) fn read_error(error: &NvmlError) -> ReadError {
    let text = text(error);
    match error {
        NvmlError::GpuLost
        | NvmlError::ResetRequired
        | NvmlError::Uninitialized
        | NvmlError::DriverNotLoaded
        | NvmlError::FailedToLoadSymbol(_)
        | NvmlError::FunctionNotFound
        | NvmlError::LibRmVersionMismatch
        | NvmlError::NoPermission
        | NvmlError::InvalidArg => ReadError::Lasting(text),
        _ => ReadError::Passing(text),
    }
}
