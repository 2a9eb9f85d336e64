//! Every knob of an LLM inference backend as a test case: does it work, does it do anything, does
//! it warn, and what does it cost in joules?
//!
//! The way of the data: [`schema`] reads `params/<backend>.yaml` and makes cases; [`run`] orders
//! them, loads a backend of [`backends`] in a worker process and captures what it writes
//! ([`capture`]); [`scan`] turns the bytes into findings, [`issues`] matches them against
//! `issues.yaml`, [`verdict`] judges, and [`report`] shows the [`record`]s. [`coverage`] tells which names
//! of a surface all that leaves open, and [`introspect`] asks an engine for its surface. Before a run
//! [`preflight`] says what the machine lacks, and [`environment`] what it is.
//!
//! The library never prints, never exits and never reads the command line: that is the harness.

pub mod backends;
pub mod capture;
pub mod coverage;
pub mod energy;
pub mod environment;
pub mod experiment;
pub mod failure;
pub mod generate;
pub mod introspect;
pub mod issues;
pub mod manual;
pub mod measure;
pub mod model;
pub mod preflight;
mod process;
pub mod record;
pub mod refusal;
pub mod report;
pub mod run;
pub mod scan;
pub mod schema;
pub mod settings;
pub mod verdict;
pub mod yaml;
