//! From `params/<backend>.yaml` to parameters to cases.
//!
//! [`Table::load`] reads what a file says and checks what it means; [`Table::cases`] makes a
//! [`Case`] of every value that [`values`] and [`negatives`] give for a [`Param`].

mod bounds;
mod case;
mod cases;
mod declared;
mod fault;
mod fields;
mod known;
mod lint;
pub mod name;
mod names;
mod negatives;
mod over;
mod param;
mod read;
mod reference;
mod requirement;
mod rule;
mod surface;
mod surface_diff;
mod surface_text;
mod table;
mod types;
mod values;

#[cfg(test)]
mod tests;

pub use bounds::{Bounds, End};
pub use case::{Case, Kind, ModelTrait, Relation, Requirement, Section};
pub use cases::Selection;
pub use declared::{Excluded, RefusedName};
pub use fault::SchemaFault;
pub use known::{Answer, Known, KnownAnswer};
pub use names::{Named, Names};
pub use negatives::negatives;
pub use over::Origin;
pub use param::{Generate, Param, PerValue, Refused};
pub use reference::Reference;
pub use rule::{Condition, Rule};
pub use surface::{Surface, SurfaceParam};
pub use surface_diff::{Change, ChangeKind, changes};
pub use table::{Table, load_all};
pub use types::{Type, same_value};
pub use values::values;
