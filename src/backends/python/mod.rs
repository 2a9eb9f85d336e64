//! Engines in Python, in this process: transformers, vLLM and TensorRT-LLM.
//!
//! One interpreter is started in a process, by [`host`], and only when a case of such a backend
//! really runs: whether one could is asked of the [`interpreter`] of the environment in a short
//! process of its own. What an engine is called with is the business of its [`adapter`], a module
//! in Python; [`backend`] and [`engine`] bring it under the traits of all backends, in JSON both
//! ways, and [`error`] tells what its exceptions are.

mod adapter;
mod backend;
mod engine;
mod error;
mod host;
mod interpreter;
mod libtorch;
mod message;
#[cfg(test)]
mod tests;

pub(super) use adapter::Adapter;
pub(super) use backend::PythonBackend;
pub(super) use interpreter::chosen;
