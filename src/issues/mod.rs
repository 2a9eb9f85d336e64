//! issues.yaml: load, lint, match, lifecycle states. Pure but for loading.

mod book;
mod entry;
mod lint;
mod load;
mod patterns;
mod read;
mod rivals;
mod scope;
mod standing;
mod witness;

#[cfg(test)]
mod tests;

pub use book::{Book, Known};
pub use entry::{Entry, Shape, Status, Strict};
pub use lint::Lint;
pub use scope::{Bound, Place, Scope};
pub use standing::{Standing, State};
