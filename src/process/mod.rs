//! Processes that this executable starts of itself, and how the two sides talk: workers of a
//! supervisor, replicas of an engine.

mod command;
pub(crate) mod control;
mod exit;

pub use command::WorkerCommand;
pub(crate) use exit::Exit;
