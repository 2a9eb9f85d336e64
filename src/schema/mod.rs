//! From `params/<backend>.yaml` to parameters to cases.

mod case;

pub use case::{Case, Kind, Relation, Requirement, Section};
