//! Main memory: what a key-value cache may take of it.

use crate::environment::bytes_of;
use crate::failure::OutOfMemory;
use crate::generate::ModelFault;

/// Smaller caches are made without looking at what memory is free.
const WORTH_ASKING: u128 = 256 << 20;

/// Refuses `what`, a key-value cache of `bytes`, that main memory has no room for: asking for it would end
/// the process, as the kernel hands out memory that it does not have.
///
/// # Errors
/// [`ModelFault::OutOfMemory`].
pub(super) fn check_cache(
    what: &str,
    bytes: u128,
    rows: usize,
    positions: usize,
) -> Result<(), ModelFault> {
    if bytes < WORTH_ASKING {
        return Ok(());
    }
    match available() {
        Some(available) if bytes > u128::from(available) => {
            Err(ModelFault::OutOfMemory(OutOfMemory {
                message: format!(
                    "{what} of {rows} rows and {positions} positions takes {} MiB, {} MiB are \
                     free; lower max_model_len or the number of rows",
                    bytes >> 20,
                    available >> 20
                ),
                device: Some("cpu".into()),
                asked_bytes: u64::try_from(bytes).ok(),
                free_bytes: Some(available),
                ..OutOfMemory::default()
            }))
        }
        _ => Ok(()),
    }
}

/// Bytes of main memory that can be had without swapping; none where the system does not say.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    bytes_of(&text, "MemAvailable")
}
