//! issues.yaml: load, lint, match, lifecycle states. Pure but for loading.

mod book;
pub mod edit;
mod entry;
mod lint;
mod load;
mod patterns;
mod read;
mod rivals;
mod scope;
mod standing;
pub mod triage;
mod witness;

#[cfg(test)]
mod tests;

pub use book::{Book, Known};
pub use entry::{Entry, Shape, Status, Strict};
pub use lint::Lint;
pub use scope::{Bound, Place, Scope};
pub use standing::{Standing, State, prunable};
