//! The most memory that this process has had.

use serde_json::Value;

use crate::environment::bytes_of;
use crate::settings::Settings;

/// How [`peak`] knows, as results have it.
pub(super) const METHOD: &str =
    "VmHWM of /proc/self/status: main memory of this process since it started";

/// Bytes of main memory that this process has had at most.
///
/// # Errors
/// Why they are not known, in words.
pub(super) fn peak(effective: &Settings) -> Result<u64, String> {
    if let Some(Value::Number(count)) = effective.get("num_processes")
        && count.as_u64().is_none_or(|count| count > 1)
    {
        return Err(format!("the {count} replicas are processes of their own"));
    }
    let file = "/proc/self/status";
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    bytes_of(&text, "VmHWM").ok_or_else(|| format!("{file} has no VmHWM"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_the_kernel_is_understood() {
        assert_eq!(bytes_of("VmPeak:\t 99 kB\nVmHWM:\t   12 kB\n", "VmHWM"), Some(12 << 10));
        assert_eq!(bytes_of("VmPeak:\t 99 kB\n", "VmHWM"), None);
        assert_eq!(bytes_of("VmHWM:\t 99 MB\n", "VmHWM"), None);
    }

    #[test]
    fn replicas_are_not_left_out_in_silence() {
        let settings = |count: u32| [("num_processes", count)].into_iter().collect();
        assert_eq!(peak(&settings(3)).unwrap_err(), "the 3 replicas are processes of their own");
        #[cfg(target_os = "linux")]
        assert!(peak(&settings(1)).unwrap() > 1 << 20);
    }
}
