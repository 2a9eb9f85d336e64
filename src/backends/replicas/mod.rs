//! Data-parallel replicas: `num_processes` copies of a model, each in a process of its own.
//!
//! Every backend has them, as they stand around it: [`backend`] takes `num_processes` out of the
//! settings and starts as many processes ([`process`], [`crew`]), each of which loads the model
//! with the others ([`serve`]). [`engine`] deals the prompts of a request out to them
//! ([`shares`]), and puts their rows together. The two sides talk as [`protocol`] says.
//!
//! A replica is this executable, started again, with the channel in place of standard input; its
//! output goes where that of its parent goes. It ends with its parent, however that ends.

mod backend;
mod crew;
mod engine;
mod process;
mod protocol;
mod serve;
pub(super) mod settings;
mod shares;
mod single;

pub(super) use backend::Replicated;
pub(crate) use serve::{number, serve};
