//! A `libnvidia-ml.so.1` whose GPUs do what a JSON file says ([`script::Script`]).
//!
//! The file is the one that `WATTEST_FAKE_NVML` names, or else the one beside this library, with
//! `.json` behind its name: a copy of the library per test is a machine per test. It is read anew
//! when it changed, so that a test changes the machine between two calls.
//!
//! A symbol that a driver lacks is taken out of the copy by its name (see `tests/nvml`).

mod call;
mod device;
mod energy;
mod fields;
mod script;
mod system;
