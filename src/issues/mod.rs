//! issues.yaml: load, lint, match, lifecycle states. Pure but for loading.

mod book;

pub use book::{Book, Known, Place, Standing, State};
