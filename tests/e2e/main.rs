//! The real binary, from the command line to exit code, console and files.
//!
//! Faults are made by the scripted backend, truth by candle. A failing assertion shows the whole
//! transcript of the command: see [`support::Run`].

mod candle;
mod command;
mod faults;
mod listing;
mod nextest;
mod resume;
mod smoke;
mod support;
mod usage;
