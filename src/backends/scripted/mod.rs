//! A backend that does what a script says: crashes, floods, warnings and all. With it the whole
//! harness can be tried without a model.

mod backend;
mod deeds;
mod script;

pub use backend::Scripted;
pub use script::{Act, Print, Script, Step};
