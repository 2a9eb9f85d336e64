//! Which names of a surface are accounted for, and how. Pure.
//!
//! A [`Ledger`] holds the parameters of a backend ([`crate::schema::Table`]) against a surface
//! ([`crate::schema::Surface`]): each name is tested, taken by another name, refused as declared,
//! left out with a reason until a day, or missing. With the records of a run it says what that run
//! bears out: a name counts there only if its cases ran.

mod evidence;
mod ledger;
mod markdown;
mod row;
#[cfg(test)]
mod tests;
mod text;
mod totals;

pub use evidence::Evidence;
pub use ledger::Ledger;
pub use markdown::markdown;
pub use row::{Row, Standing, Tally};
pub use text::text;
pub use totals::{Reach, Totals};
