//! From cases to records: plan, worker, supervisor, journal.

mod journal;
mod plan;
pub mod requests;
mod supervisor;
pub mod worker;

pub use journal::{Journal, JournalError};
pub use plan::order;
pub use supervisor::{Isolate, Supervisor, SupervisorOptions, WorkerCommand};
