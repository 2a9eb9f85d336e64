//! The test harness: options, trials, console, exit codes.
