//! issues.yaml: load, lint, match, lifecycle states. Pure but for loading.

mod book;
mod entry;
mod load;
mod scope;
mod standing;

#[cfg(test)]
mod tests;

pub use book::{Book, Known};
pub use entry::{Entry, Shape, Status, Strict};
pub use scope::{Bound, Place, Scope};
pub use standing::{Standing, State};
