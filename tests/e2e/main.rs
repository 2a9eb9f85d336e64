//! The real binary, from the command line to exit code, console and files.
//!
//! Faults are made by the scripted backend, truth by candle. A failing assertion shows the whole
//! transcript of the command: see [`support::Run`].

#![expect(clippy::unwrap_used, reason = "where a helper cannot go on, its test fails there")]

mod candle;
mod command;
mod config;
mod coverage;
mod energy;
mod environment;
mod faults;
mod gate;
mod gpus;
mod introspect;
mod known;
mod life;
mod listing;
mod measured;
mod names;
mod nextest;
mod python;
mod replicas;
mod resume;
mod smoke;
mod support;
mod tensorrt;
mod terminal;
mod usage;
