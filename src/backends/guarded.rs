//! Calls into a backend: a panic of it is its failure, not that of the caller.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::backends::BackendError;

/// Calls into a backend.
///
/// # Errors
/// That of the call; [`BackendError::Failed`] for a panic.
pub(crate) fn guarded<T>(
    call: impl FnOnce() -> Result<T, BackendError>,
) -> Result<T, BackendError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result,
        Err(panic) => {
            let text = panic_text(&*panic);
            Err(BackendError::Failed(format!("panicked: {text}; its stderr says where").into()))
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}
