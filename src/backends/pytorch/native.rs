//! What tch does not bind, through native.cpp: the process-wide switches of libtorch, the number
//! of threads among operations, and its half for GPUs.

#![expect(unsafe_code, reason = "C++ is called: each call is one function here, and it is safe")]

use std::ffi::{CStr, c_char, c_int};

/// Bytes for a message of libtorch: a longer one is cut.
const ROOM: usize = 4096;

/// A process-wide switch of libtorch (at::Context).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub(super) enum Switch {
    /// 0 highest, 1 high, 2 medium. In front of [`Self::AllowTf32`], which is a part of it.
    Float32MatmulPrecision,
    /// Whether cuBLAS takes TensorFloat-32 for products of float32.
    AllowTf32,
    /// Whether cuDNN does.
    CudnnAllowTf32,
    /// Whether an operation whose result depends on the order of threads is left for another.
    DeterministicAlgorithms,
    /// Whether one without another only warns.
    DeterministicWarnOnly,
    /// Whether memory is filled before it is first written, where algorithms are deterministic.
    FillUninitializedMemory,
    /// Whether oneDNN is used.
    Mkldnn,
    /// Whether oneDNN is to give the same bits every time.
    MkldnnDeterministic,
    /// Whether cuDNN tries its convolutions to find the fastest.
    CudnnBenchmark,
    /// Kernels of `scaled_dot_product_attention` that may be taken: bits 1 math, 2 flash,
    /// 4 memory-efficient, 8 cuDNN.
    SdpaKernels,
    /// Whether its math kernel may add up in float16 or bfloat16.
    MathSdpReduction,
    /// Whether cuBLAS may add up products of float16 in float16.
    Fp16Reduction,
    /// Whether it may do so in bfloat16.
    Bf16Reduction,
    /// Whether it may keep the running sum in float16.
    Fp16Accumulation,
    /// Whether results too small for a normal number become zero, in the thread that asks and
    /// those that its operations are split among.
    FlushDenormal,
}

unsafe extern "C" {
    fn wattest_torch_get(which: i32, value: *mut i64, said: *mut c_char, room: usize) -> c_int;
    fn wattest_torch_set(which: i32, value: i64, said: *mut c_char, room: usize) -> c_int;
    fn wattest_torch_interop_threads(count: *mut i64, said: *mut c_char, room: usize) -> c_int;
    fn wattest_torch_set_interop_threads(count: i32, said: *mut c_char, room: usize) -> c_int;
    fn wattest_torch_load(name: *const c_char, said: *mut c_char, room: usize) -> c_int;
    fn wattest_torch_capability(
        device: i32,
        value: *mut i64,
        said: *mut c_char,
        room: usize,
    ) -> c_int;
    fn wattest_torch_free_memory(
        device: i32,
        free: *mut i64,
        said: *mut c_char,
        room: usize,
    ) -> c_int;
}

/// What libtorch has `switch` at.
///
/// # Errors
/// The message of libtorch.
pub(super) fn get(switch: Switch) -> Result<i64, String> {
    let mut value = 0;
    // SAFETY: the pointers are to a local number and to the room of `call`.
    call(|said, room| unsafe { wattest_torch_get(switch as i32, &raw mut value, said, room) })?;
    Ok(value)
}

/// Sets `switch` for the whole process.
///
/// # Errors
/// The message of libtorch.
pub(super) fn set(switch: Switch, value: i64) -> Result<(), String> {
    // SAFETY: the pointer is to the room of `call`.
    call(|said, room| unsafe { wattest_torch_set(switch as i32, value, said, room) })
}

/// How many threads work on operations side by side.
///
/// # Errors
/// The message of libtorch.
pub(super) fn interop_threads() -> Result<i64, String> {
    let mut count = 0;
    // SAFETY: the pointers are to a local number and to the room of `call`.
    call(|said, room| unsafe { wattest_torch_interop_threads(&raw mut count, said, room) })?;
    Ok(count)
}

/// Sets it; libtorch takes it once per process.
///
/// # Errors
/// The message of libtorch.
pub(super) fn set_interop_threads(count: i32) -> Result<(), String> {
    // SAFETY: the pointer is to the room of `call`.
    call(|said, room| unsafe { wattest_torch_set_interop_threads(count, said, room) })
}

/// Loads the library `name` from the directory of libtorch, for the rest of the process. Doing so
/// again costs nothing.
///
/// # Errors
/// The message of the loader.
pub(super) fn load(name: &CStr) -> Result<(), String> {
    // SAFETY: the pointers are to a string that ends with zero and to the room of `call`.
    call(|said, room| unsafe { wattest_torch_load(name.as_ptr(), said, room) })
}

/// The compute capability of GPU `device`: major, minor.
///
/// # Errors
/// The message of libtorch or of CUDA.
pub(super) fn capability(device: usize) -> Result<(i64, i64), String> {
    let device = i32::try_from(device).map_err(|_| format!("there is no GPU {device}"))?;
    let mut value = 0;
    // SAFETY: the pointers are to a local number and to the room of `call`.
    call(|said, room| unsafe { wattest_torch_capability(device, &raw mut value, said, room) })?;
    Ok((value / 10, value % 10))
}

/// The bytes that are free on GPU `device`.
///
/// # Errors
/// The message of libtorch or of CUDA.
pub(super) fn free_memory(device: usize) -> Result<u64, String> {
    let device = i32::try_from(device).map_err(|_| format!("there is no GPU {device}"))?;
    let mut free = 0;
    // SAFETY: the pointers are to a local number and to the room of `call`.
    call(|said, room| unsafe { wattest_torch_free_memory(device, &raw mut free, said, room) })?;
    u64::try_from(free).map_err(|_| format!("{free} bytes"))
}

/// Calls a function of native.cpp with room for what it says when it fails.
fn call(function: impl FnOnce(*mut c_char, usize) -> c_int) -> Result<(), String> {
    let mut said = [0_u8; ROOM];
    if function(said.as_mut_ptr().cast(), said.len()) == 0 {
        return Ok(());
    }
    let text = CStr::from_bytes_until_nul(&said).map(CStr::to_string_lossy).unwrap_or_default();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    Err(line.unwrap_or("libtorch failed without a message").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWITCHES: [Switch; 15] = [
        Switch::Float32MatmulPrecision,
        Switch::AllowTf32,
        Switch::CudnnAllowTf32,
        Switch::DeterministicAlgorithms,
        Switch::DeterministicWarnOnly,
        Switch::FillUninitializedMemory,
        Switch::Mkldnn,
        Switch::MkldnnDeterministic,
        Switch::CudnnBenchmark,
        Switch::SdpaKernels,
        Switch::MathSdpReduction,
        Switch::Fp16Reduction,
        Switch::Bf16Reduction,
        Switch::Fp16Accumulation,
        Switch::FlushDenormal,
    ];

    #[test]
    fn every_switch_has_a_value() {
        for switch in SWITCHES {
            assert!(get(switch).is_ok(), "{switch:?}");
        }
        assert_eq!(SWITCHES.map(|one| one as i32), std::array::from_fn(|at| at as i32));
    }

    #[test]
    fn a_message_comes_over_the_border_in_one_line() {
        let error = set(Switch::Float32MatmulPrecision, 9).unwrap_err();
        insta::assert_snapshot!(error, @"there is no precision 9");
        let error = load(c"libtorch_nonesuch.so").unwrap_err();
        assert!(
            error.ends_with(
                "libtorch_nonesuch.so: cannot open shared object file: No such file or directory"
            ),
            "{error}"
        );
    }
}
