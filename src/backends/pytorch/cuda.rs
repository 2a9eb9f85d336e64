//! The half of libtorch for GPUs. The program is linked with the other one alone, so that one
//! binary serves both kinds of machines: this one is loaded when a GPU is asked for.

use tch::{Cuda, Device};

use super::native;
use crate::backends::BackendError;
use crate::backends::load::Place;

/// GPU `number`, ready for work.
///
/// # Errors
/// [`BackendError::Unavailable`] with what the loader or CUDA says.
pub(super) fn device(number: usize) -> Result<Device, BackendError> {
    // Before libtorch is asked for GPUs the first time: it remembers the answer.
    native::load(c"libtorch_cuda.so").map_err(|why| no_library(&why))?;
    if !Cuda::is_available() {
        return Err(unavailable(
            "libtorch sees no CUDA device".to_owned(),
            "see that `nvidia-smi` lists one, or use device cpu",
        ));
    }
    match usize::try_from(Cuda::device_count()) {
        Ok(count) if number >= count => Err(unavailable(
            format!("there is no GPU {number}, libtorch sees {count}"),
            "take a lower number, or use device cpu",
        )),
        _ => Ok(Device::Cuda(number)),
    }
}

/// Every GPU there is with the bytes that are free on it; none where libtorch has no half for them.
pub(super) fn free() -> Vec<(Place, u64)> {
    let count = match native::load(c"libtorch_cuda.so") {
        Ok(()) if Cuda::is_available() => usize::try_from(Cuda::device_count()).unwrap_or(0),
        _ => 0,
    };
    let free = |number| Some((Place::Cuda(number), native::free_memory(number).ok()?));
    (0..count).filter_map(free).collect()
}

/// That GPU `number` has at least the compute capability `least` (major, minor), for `what`.
///
/// # Errors
/// [`BackendError::Unavailable`] with the one it has.
pub(super) fn check_capability(
    number: usize,
    least: (i64, i64),
    what: &str,
) -> Result<(), BackendError> {
    let needed = format!("{what} needs compute capability {}.{}", least.0, least.1);
    match native::capability(number) {
        Ok(has) if has >= least => Ok(()),
        Ok((major, minor)) => Err(unavailable(
            format!("{needed}, GPU {number} has {major}.{minor}"),
            "take a newer GPU or another value",
        )),
        Err(why) => Err(unavailable(
            format!("{needed}, that of GPU {number} is unknown: {why}"),
            "take another value",
        )),
    }
}

fn no_library(why: &str) -> BackendError {
    unavailable(
        format!("libtorch for GPUs cannot be loaded: {why}"),
        "link a PyTorch with CUDA (`LIBTORCH_USE_PYTORCH=1 scripts/libtorch`), or use device cpu",
    )
}

fn unavailable(reason: String, remedy: &str) -> BackendError {
    BackendError::Unavailable { reason, remedy: remedy.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_not_there_is_named_with_the_way_to_have_it() {
        let why = native::load(c"libtorch_nonesuch.so").unwrap_err();
        let folder = why.split("libtorch_nonesuch").next().unwrap();
        insta::assert_snapshot!(no_library(&why.replace(folder, "")), @"libtorch for GPUs cannot be loaded: libtorch_nonesuch.so: cannot open shared object file: No such file or directory; link a PyTorch with CUDA (`LIBTORCH_USE_PYTORCH=1 scripts/libtorch`), or use device cpu");
    }

    #[test]
    fn a_gpu_is_there_or_the_reason_is() {
        match device(200) {
            Err(BackendError::Unavailable { reason, .. }) => {
                let known = ["cannot be loaded: /", "sees no CUDA device", "no GPU 200"];
                assert!(known.iter().any(|words| reason.contains(words)), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}
