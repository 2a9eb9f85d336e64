//! From cases to records: plan, worker, supervisor, journal.

mod again;
mod files;
mod host;
mod journal;
mod manifest;
mod package;
mod placeholder;
mod plan;
mod processes;
mod prompts;
mod protocol;
mod references;
pub mod requests;
mod requirement;
mod session;
mod supervisor;
mod watch;
pub mod worker;

pub use crate::process::WorkerCommand;
pub use again::{first_baseline, with_baselines};
pub use journal::{Journal, JournalError};
pub use manifest::Manifest;
pub use plan::{order, shuffled};
pub use prompts::prompts;
pub use supervisor::{Isolate, Supervisor, SupervisorOptions};
