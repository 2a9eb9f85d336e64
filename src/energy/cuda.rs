//! The driver interface of CUDA: which devices it has, and that they are done.
//!
//! The library is loaded where it is there, and nothing is asked of it before: cudarc panics for a
//! library, or a function, that is missing.

#![expect(
    unsafe_code,
    reason = "whether libcuda is there, and whether a context is, cudarc tells by unsafe functions \
              alone: each is called in one function here, and that is safe"
)]

use std::ffi::c_char;
use std::sync::OnceLock;

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{self, CUdevice};
use cudarc::driver::{CudaContext, sys::CUdevice_attribute as Attribute};
use thiserror::Error;

/// The functions that are called here, by cudarc as well.
#[cfg(not(feature = "cuda"))]
const FUNCTIONS: [&str; 14] = [
    "cuInit",
    "cuCtxGetCurrent",
    "cuCtxSetCurrent",
    "cuCtxSynchronize",
    "cuDeviceGet",
    "cuDeviceGetAttribute",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDeviceGetUuid",
    "cuDeviceGetUuid_v2",
    "cuDevicePrimaryCtxGetState",
    "cuDevicePrimaryCtxRelease_v2",
    "cuDevicePrimaryCtxRetain",
    "cuGetErrorString",
];

/// Why CUDA does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CudaError {
    /// There is no driver interface on this machine.
    #[error("libcuda.so is not on this machine; it comes with the NVIDIA driver")]
    Absent,
    /// There is one without a function that is needed: a stub, or a very old one.
    #[error("libcuda.so has no `{0}`: it is a stub, or of a driver too old")]
    Incomplete(&'static str),
    /// It said no.
    #[error("CUDA: {0}")]
    Refused(String),
}

/// A device as CUDA knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CudaDevice {
    /// That of NVML, without the `GPU-` before it; of an instance (MIG) its own, without the `MIG-`.
    pub uuid: String,
    /// Its product name.
    pub name: String,
    /// Compute capability.
    pub capability: (i32, i32),
}

impl From<DriverError> for CudaError {
    fn from(error: DriverError) -> Self {
        let text = error.error_string().ok().map(|text| text.to_string_lossy().into_owned());
        Self::Refused(text.unwrap_or_else(|| format!("error {}", error.0 as u32)))
    }
}

/// Whether CUDA can be asked anything. The answer stays the same for a process.
///
/// # Errors
/// No library, or one that lacks a function.
pub fn present() -> Result<(), CudaError> {
    static PRESENT: OnceLock<Result<(), CudaError>> = OnceLock::new();
    PRESENT.get_or_init(look).clone()
}

#[cfg(not(feature = "cuda"))]
fn look() -> Result<(), CudaError> {
    // SAFETY: loading the library runs its initializers, which is what loading CUDA is; it is the
    // one that every program of CUDA loads by this name.
    if !unsafe { sys::is_culib_present() } {
        return Err(CudaError::Absent);
    }
    // SAFETY: the library is there, as was seen above; the symbols are looked up, not called.
    let missing = unsafe {
        let library = sys::culib();
        FUNCTIONS.into_iter().find(|name| library.get::<*const ()>(name.as_bytes()).is_err())
    };
    missing.map_or(Ok(()), |name| Err(CudaError::Incomplete(name)))
}

/// With the feature `cuda` the library is linked: the program would not have started without.
#[cfg(feature = "cuda")]
fn look() -> Result<(), CudaError> {
    Ok(())
}

/// The devices, in the order of CUDA.
///
/// It starts CUDA in this process, which from then on does not see CUDA_VISIBLE_DEVICES change, and
/// whose forks cannot use CUDA: it is for a process that does nothing else on a GPU.
///
/// # Errors
/// CUDA is not there, or refuses.
pub fn devices() -> Result<Vec<CudaDevice>, CudaError> {
    present()?;
    result::init()?;
    listed()?.into_iter().map(CudaDevice::of).collect()
}

/// The UUIDs of the devices in the order of CUDA, where this process has started it already. They
/// are without the `GPU-` or `MIG-` of NVML: CUDA does not tell which it is.
pub fn started() -> Option<Vec<String>> {
    present().ok()?;
    let devices = listed().ok()?;
    devices.into_iter().map(|device| result::device::get_uuid(device).ok().map(uuid)).collect()
}

/// Waits until the devices have done all that this process gave them, and says how many there are
/// on which it computes. Where there is no CUDA, or it is not started, there is nothing to wait for.
///
/// It waits for the primary contexts, which are those of every engine that uses the CUDA runtime,
/// and makes none: that alone would draw 26 to 66 W (arXiv 2605.23918).
///
/// # Errors
/// What the device said: work that failed shows here.
pub fn synchronize() -> Result<usize, CudaError> {
    if present().is_err() {
        return Ok(0);
    }
    let Ok(devices) = listed() else { return Ok(0) };
    let mut active = Vec::new();
    for (ordinal, device) in devices.into_iter().enumerate() {
        if is_active(device)? {
            active.push(ordinal);
        }
    }
    if active.is_empty() {
        return Ok(0);
    }
    // On a thread of its own, since a context is made the current one of the thread that waits.
    let wait = || -> Result<(), DriverError> {
        active.iter().try_for_each(|&ordinal| CudaContext::new(ordinal)?.synchronize())
    };
    let waited = std::thread::scope(|scope| scope.spawn(wait).join());
    match waited {
        Ok(waited) => waited.map(|()| active.len()).map_err(CudaError::from),
        Err(_) => Err(CudaError::Refused("waiting for the devices panicked".to_owned())),
    }
}

/// The devices, where CUDA is started; an error where it is not.
fn listed() -> Result<Vec<CUdevice>, DriverError> {
    (0..result::device::get_count()?).map(result::device::get).collect()
}

/// Whether something in this process computes on a device.
fn is_active(device: CUdevice) -> Result<bool, DriverError> {
    let (mut flags, mut active) = (0, 0);
    // SAFETY: the device is one that CUDA listed, and both places live through the call.
    unsafe { sys::cuDevicePrimaryCtxGetState(device, &raw mut flags, &raw mut active) }.result()?;
    Ok(active != 0)
}

impl CudaDevice {
    fn of(device: CUdevice) -> Result<Self, CudaError> {
        // SAFETY: the device is one that CUDA listed.
        let attribute = |which| unsafe { result::device::get_attribute(device, which) };
        Ok(Self {
            uuid: uuid(result::device::get_uuid(device)?),
            name: result::device::get_name(device)?,
            capability: (
                attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
                attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
            ),
        })
    }
}

/// As NVML writes it, but for the prefix.
fn uuid(raw: sys::CUuuid) -> String {
    text(raw.bytes)
}

fn text(bytes: [c_char; 16]) -> String {
    let hex = bytes.map(|byte| format!("{:02x}", byte as u8)).concat();
    let part = |range| hex.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_reads_as_nvml_writes_it() {
        let bytes = std::array::from_fn(|k| (k * 17) as u8 as c_char);
        insta::assert_snapshot!(text(bytes), @"00112233-4455-6677-8899-aabbccddeeff");
    }

    /// Row 23 of the list: without libcuda there is a typed absence, and with it an answer; in
    /// neither is there a panic.
    #[test]
    fn no_libcuda_is_an_absence_and_no_panic() {
        match present() {
            Err(CudaError::Absent) => {
                assert_eq!(devices(), Err(CudaError::Absent));
                assert_eq!((started(), synchronize()), (None, Ok(0)));
            }
            Err(CudaError::Incomplete(name)) => {
                assert_eq!(devices(), Err(CudaError::Incomplete(name)));
                assert_eq!((started(), synchronize()), (None, Ok(0)));
            }
            // Not started by this test, so there is nothing to wait for.
            Ok(()) => assert_eq!((started(), synchronize()), (None, Ok(0))),
            Err(refused) => panic!("{refused}: whether it is there does not depend on its answers"),
        }
    }
}
