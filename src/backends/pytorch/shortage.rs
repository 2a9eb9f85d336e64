//! What libtorch says when memory is out, with the sizes in it.
//!
//! The messages are those of c10/core/impl/alloc_cpu.cpp, c10/cuda/CUDACachingAllocator.cpp and
//! aten/src/ATen/cuda/Exceptions.h; tests below have them in full.

use crate::failure::{Failure, OutOfMemory};

/// Any of them is in every such message.
const WORDS: [&str; 4] =
    ["out of memory", "can't allocate memory", "not enough memory", "STATUS_ALLOC_FAILED"];

/// The shortage that `failure` tells of; none where it is of another kind.
pub(super) fn shortage(failure: &Failure) -> Option<OutOfMemory> {
    let text = failure.message.as_str();
    if !WORDS.iter().any(|words| text.contains(words)) {
        return None;
    }
    let before = |words| text.split_once(words).and_then(|(before, _)| last_size(before));
    let after = |words| text.split_once(words).and_then(|(_, after)| first_size(after));
    Some(OutOfMemory {
        message: text.to_owned(),
        device: device(text),
        asked_bytes: after("ried to allocate "),
        free_bytes: before(" is free").or_else(|| before(" free;")),
        capacity_bytes: after("a total capacity of ").or_else(|| before(" total capacity")),
        frames: failure.frames.clone(),
    })
}

fn device(text: &str) -> Option<Box<str>> {
    if text.contains("CPUAllocator") {
        return Some("cpu".into());
    }
    let number = text.split_once("GPU ")?.1;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then(|| format!("cuda:{digits}").into())
}

/// The size that `text` begins with: `2.00 GiB`, `1024 bytes`.
fn first_size(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace();
    size(words.next()?, words.next()?)
}

/// The size that `text` ends with.
fn last_size(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace().rev();
    let unit = words.next()?;
    size(words.next()?, unit)
}

/// Bytes of `number` times `unit`; rounded as they were, where the unit is larger than a byte.
fn size(number: &str, unit: &str) -> Option<u64> {
    let letters: String = unit.chars().take_while(char::is_ascii_alphabetic).collect();
    let shift = match letters.as_str() {
        "bytes" | "B" => return number.parse().ok(),
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    let bytes = (number * f64::from(1_u32 << shift)).round();
    // 2^63 and more is no size, and no float of libtorch's two digits has more than 53 bits.
    (0.0..9.2e18).contains(&bytes).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Device, asked, free, capacity.
    type Sizes = (Option<&'static str>, Option<u64>, Option<u64>, Option<u64>);

    const MIB: f64 = 1048576.0;
    const GIB: f64 = 1073741824.0;

    fn bytes(count: f64, unit: f64) -> Option<u64> {
        Some((count * unit).round() as u64)
    }

    #[test]
    fn the_sizes_are_read_out_of_real_messages() {
        let cases: [(&str, Sizes); 8] = [
            (
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate 140737488355328 bytes. Error code 12 (Cannot allocate memory)",
                (Some("cpu"), Some(140_737_488_355_328), None, None),
            ),
            (
                "DefaultCPUAllocator: not enough memory: you tried to allocate 68719476736 bytes.",
                (Some("cpu"), Some(68_719_476_736), None, None),
            ),
            (
                "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 139.81 GiB of which 1.25 GiB is free. Process 4711 has 138.55 GiB memory in use. Of the allocated memory 137.00 GiB is allocated by PyTorch, and 512.00 MiB is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try setting PYTORCH_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  See documentation for Memory Management  (https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)",
                (Some("cuda:0"), bytes(2.0, GIB), bytes(1.25, GIB), bytes(139.81, GIB)),
            ),
            (
                "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 11 has a total capacity of 23.69 GiB of which 12.69 MiB is free. Including non-PyTorch memory, this process has 23.66 GiB memory in use.",
                (Some("cuda:11"), bytes(20.0, MIB), bytes(12.69, MIB), bytes(23.69, GIB)),
            ),
            (
                "CUDA out of memory. Tried to allocate 20.00 MiB (GPU 1; 23.69 GiB total capacity; 22.00 GiB already allocated; 12.69 MiB free; 22.50 GiB reserved in total by PyTorch)",
                (Some("cuda:1"), bytes(20.0, MIB), bytes(12.69, MIB), bytes(23.69, GIB)),
            ),
            (
                "CUDA out of memory. Tried to allocate 512 bytes. GPU 0 has a total capacity of 15.89 GiB of which 0 bytes is free.",
                (Some("cuda:0"), Some(512), Some(0), bytes(15.89, GIB)),
            ),
            ("CUDA error: out of memory", (None, None, None, None)),
            (
                "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
                (None, None, None, None),
            ),
        ];
        for (message, wanted) in cases {
            let found = shortage(&message.into()).unwrap();
            assert_eq!(found.message, message);
            let sizes = (
                found.device.as_deref(),
                found.asked_bytes,
                found.free_bytes,
                found.capacity_bytes,
            );
            assert_eq!(sizes, wanted, "{message}");
        }
    }

    #[test]
    fn other_failures_are_none() {
        for message in
            ["mat1 and mat2 shapes cannot be multiplied", "", "CUDA error: invalid argument"]
        {
            assert_eq!(shortage(&message.into()), None);
        }
    }
}
