//! Failures of libtorch in the words of the generation loop.

use tch::TchError;

use super::shortage::shortage;
use crate::backends::BackendError;
use crate::failure::Failure;
use crate::generate::ModelFault;

/// The failure `error`: its message, and apart from it the frames of C++.
pub(super) fn fault(error: &TchError) -> ModelFault {
    let failure = told(error);
    match shortage(&failure) {
        Some(shortage) => ModelFault::OutOfMemory(shortage),
        None => ModelFault::Compute(failure),
    }
}

/// The failure `error` while `what` was loaded.
pub(super) fn load_error(what: &str, error: &TchError) -> BackendError {
    let told = |message: &str| format!("loading `{what}`: {message}");
    match fault(error) {
        ModelFault::OutOfMemory(mut shortage) => {
            shortage.message = told(&shortage.message);
            BackendError::OutOfMemory(shortage)
        }
        ModelFault::Compute(mut failure) => {
            failure.message = told(&failure.message);
            BackendError::Failed(failure)
        }
    }
}

fn told(error: &TchError) -> Failure {
    match error {
        TchError::Torch(text) => split(text),
        other => other.to_string().into(),
    }
}

/// The message of libtorch is the first line of what it throws; where it says in front of it which
/// check of which file failed, that is kept with the frames.
fn split(text: &str) -> Failure {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("libtorch failed without a message");
    let mut frames: Vec<String> = lines.map(str::to_owned).collect();
    let Some((place, message)) = enforced(first) else {
        return Failure { message: first.to_owned(), frames };
    };
    frames.insert(0, place.to_owned());
    Failure { message: message.to_owned(), frames }
}

/// `[enforce fail at FILE:LINE] CONDITION. MESSAGE`, as its two halves.
fn enforced(line: &str) -> Option<(&str, &str)> {
    let condition = line.find("] ").filter(|_| line.starts_with("[enforce fail at "))? + 2;
    let end = condition + line.get(condition..)?.find(". ")? + 1;
    Some((line.get(..end)?, line.get(end..)?.trim_start())).filter(|halves| !halves.1.is_empty())
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;

    #[test]
    fn a_failure_is_one_line_and_the_frames_are_kept() {
        let zeros = |size: [i64; 2]| Tensor::f_zeros(size, (Kind::Float, Device::Cpu)).unwrap();
        let error = zeros([2, 3]).f_matmul(&zeros([2, 3])).unwrap_err();
        let ModelFault::Compute(failure) = fault(&error) else { panic!("{error}") };
        insta::assert_snapshot!(failure, @"mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)");
        assert!(failure.frames[0].starts_with("Exception raised from "), "{failure:?}");
        assert!(failure.frames[1].starts_with("frame #0: "), "{failure:?}");
        let BackendError::Failed(failure) = load_error("lm_head.weight", &error) else {
            panic!("{error}")
        };
        insta::assert_snapshot!(failure, @"loading `lm_head.weight`: mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)");
        assert!(failure.frames.len() > 2);
    }

    #[test]
    fn memory_that_is_not_there_is_told_apart_with_its_size() {
        let error = Tensor::f_zeros([1 << 45], (Kind::Float, Device::Cpu)).unwrap_err();
        let ModelFault::OutOfMemory(short) = fault(&error) else { panic!("{error}") };
        insta::assert_snapshot!(short, @"DefaultCPUAllocator: can't allocate memory: you tried to allocate 140737488355328 bytes. Error code 12 (Cannot allocate memory)");
        assert_eq!((short.asked_bytes, short.device.as_deref()), (Some(4 << 45), Some("cpu")));
        assert!(short.frames[0].starts_with("[enforce fail at alloc_cpu.cpp:"), "{short:?}");
        assert!(matches!(load_error("x", &error), BackendError::OutOfMemory(_)), "{error}");
    }

    #[test]
    fn what_says_nothing_is_still_a_message() {
        assert_eq!(split("\n \n").message, "libtorch failed without a message");
        assert_eq!(split("[enforce fail at x.cpp:1] y. ").message, "[enforce fail at x.cpp:1] y.");
    }
}
