//! One measured experiment: a model, settings and prompts, and what they cost.
//!
//! The way of the data: a [`Plan`] says what is measured; [`measure`] loads the engine, warms it up
//! and has it answer the prompts; an [`ExperimentResult`] says what came of it, which is `result.json`.
//! What is not known there is null, and `unknown` has the reason.

mod assignment;
mod energy;
mod flops;
mod memory;
mod percentiles;
mod plan;
mod prompts;
mod result;
mod summary;
mod unknown;
mod warm_up;
mod work;

pub use assignment::Assignment;
pub use energy::Watched;
pub use percentiles::Percentiles;
pub use plan::{Plan, fingerprint};
pub use prompts::{COLUMN, PromptSource, Prompts, PromptsError};
pub use result::{
    Asked, ExperimentResult, Machine, Methodology, ModelIdentity, SCHEMA_VERSION, schema,
};
pub use warm_up::{Criterion, WarmUp, WarmedUp};
pub use work::{During, MeasureError, Measurement, Progress, Served, measure};
