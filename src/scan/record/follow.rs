//! Lines that belong to what stands above them, by their shape.

use crate::scan::text::is_number;

/// What a shell says when a process is gone, with nothing around it.
pub(super) fn is_end(body: &str) -> bool {
    ["Aborted", "Segmentation fault", "Bus error", "Illegal instruction"].contains(&body)
}

/// `1       0x7f9d2f0a1e8c f(char const*) + 82`.
pub(super) fn is_native_frame(body: &str) -> bool {
    let body = body.trim_start();
    (body.starts_with(|first: char| first.is_ascii_digit()) && body.contains(" 0x"))
        || (body.contains(")[0x") && body.ends_with(']'))
        || body == "----- Native stack trace -----"
}

/// What asyncio's handler of exceptions adds: `future: <Task ...>`, one line for each thing.
pub(super) fn is_context(body: &str) -> bool {
    let key = body.split(": ").next().unwrap_or("");
    ["future", "task", "handle", "protocol", "transport", "asyncgen", "socket"].contains(&key)
}

/// What CUDA, c10, Python and transformers append to a message, mostly how to find out more.
pub(super) fn is_appended(body: &str) -> bool {
    let body = body.trim_start();
    [
        "CUDA kernel errors might be",
        "For debugging consider passing",
        "Compile with `TORCH_USE_CUDA_DSA`",
        "Device-side assertion tracking",
        "Device-side assertions were",
        "Search for `cudaError",
        "Exception raised from ",
        "frame #",
        "note: run with `RUST_BACKTRACE",
        "C++ CapturedTraceback:",
        "You should probably TRAIN this model",
        "- This IS ",
        "To disable this warning",
        "To silence this warning",
        "To avoid this warning",
        "Memory on the node (IP",
        "Check the documentation of torch.load",
        "(Use `node --trace-",
        "For more information, try '--help'",
        "The tokenizer class you load from this checkpoint is '",
        "The class this function is called from is ",
    ]
    .iter()
    .any(|start| body.starts_with(start))
        || is_help(body)
}

/// Where a command that was called wrong says how to find out: `Try 'x --help' for more
/// information.`, `curl: try 'curl --help'`.
fn is_help(body: &str) -> bool {
    let said = body.split_once(": ").map_or(body, |(_, said)| said);
    ["Try ", "try "].iter().any(|start| said.starts_with(start)) && said.contains(" --help")
}

/// An item of a list: `2. no compiler`, `- no compiler`.
pub(super) fn is_item(body: &str) -> bool {
    let body = body.trim_start();
    let number = body.split_once(". ").is_some_and(|(number, _)| is_number(number));
    number || body.starts_with("- ") || body.starts_with("* ")
}

/// What a compiler adds to a diagnostic: `a.cpp:1:38: note: declared here`.
pub(super) fn is_note(body: &str) -> bool {
    let Some((place, _)) = body.split_once(": note: ") else { return false };
    !place.contains(' ') && place.rsplit(':').next().is_some_and(is_number)
}

/// Whether `message` is a compiler's: a place in source, then how bad it is.
pub(super) fn is_diagnostic(message: &str) -> bool {
    let place = [": warning: ", ": error: ", ": fatal error: "]
        .iter()
        .find_map(|kind| message.split_once(kind))
        .map_or("", |(place, _)| place);
    !place.contains(' ') && place.rsplit(':').next().is_some_and(is_number)
}

/// Source code as compilers draw it.
pub(super) fn is_drawing(body: &str) -> bool {
    let trimmed = body.trim_start();
    let digits = trimmed.trim_start_matches(|first: char| first.is_ascii_digit());
    (trimmed.len() < body.len()
        && ["-->", "|", "= ", "::: "].iter().any(|start| trimmed.starts_with(start)))
        || (digits.len() < trimmed.len() && digits.starts_with(" |"))
}
