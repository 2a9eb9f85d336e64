//! The embedded backend: models in pure Rust over candle.
//!
//! A clean clone runs it with nothing but a Rust toolchain. The way of a request: [`settings`]
//! checks what was asked, [`loader`] makes tensors of a model directory, [`llama`] and [`gpt2`]
//! are the networks, [`context`] runs them over a [`cache`], and [`engine`] joins all that with
//! the generation loop. [`cpu`] holds the operations that candle does not do well there.

mod backend;
mod cache;
mod context;
mod cpu;
mod engine;
mod gpt2;
mod input;
mod linear;
mod llama;
mod loader;
mod network;
mod operations;
mod quantization;
mod settings;
#[cfg(test)]
mod tests;

pub(super) use backend::Candle;
