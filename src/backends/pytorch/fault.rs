//! Failures of libtorch in the words of the generation loop.

use tch::TchError;

use crate::backends::BackendError;
use crate::generate::ModelFault;

/// The failure `error`: its first line, as what follows are frames of C++.
pub(super) fn fault(error: &TchError) -> ModelFault {
    let text = first_line(error);
    if is_out_of_memory(&text) { ModelFault::OutOfMemory(text) } else { ModelFault::Compute(text) }
}

/// The failure `error` while `what` was loaded.
pub(super) fn load_error(what: &str, error: &TchError) -> BackendError {
    let text = first_line(error);
    let told = format!("loading `{what}`: {text}");
    if is_out_of_memory(&text) {
        BackendError::OutOfMemory(told)
    } else {
        BackendError::Failed(told)
    }
}

fn first_line(error: &TchError) -> String {
    let text = match error {
        TchError::Torch(text) => text.clone(),
        other => other.to_string(),
    };
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or("libtorch failed without a message").to_owned()
}

/// As the allocators of libtorch say it: that of CUDA, and that of main memory in both its ways.
fn is_out_of_memory(text: &str) -> bool {
    ["out of memory", "can't allocate memory", "not enough memory"]
        .iter()
        .any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;

    #[test]
    fn a_failure_is_one_line() {
        let zeros = |size: [i64; 2]| Tensor::f_zeros(size, (Kind::Float, Device::Cpu)).unwrap();
        let error = zeros([2, 3]).f_matmul(&zeros([2, 3])).unwrap_err();
        insta::assert_snapshot!(fault(&error), @"mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)");
    }

    #[test]
    fn memory_that_is_not_there_is_told_apart() {
        let error = Tensor::f_zeros([1 << 45], (Kind::Float, Device::Cpu)).unwrap_err();
        assert!(matches!(fault(&error), ModelFault::OutOfMemory(_)), "{error}");
        assert!(matches!(load_error("x", &error), BackendError::OutOfMemory(_)), "{error}");
    }
}
