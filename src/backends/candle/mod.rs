//! The embedded backend: models in pure Rust over candle.
//!
//! A clean clone runs it with nothing but a Rust toolchain. The way of a request: [`settings`]
//! checks what was asked, [`loader`] makes tensors of a model directory, [`llama`] and [`gpt2`]
//! are the networks, [`context`] runs them over a [`cache`], and [`engine`] joins all that with
//! the generation loop. [`cpu`] holds the operations that candle does not do well there.

use crate::backends::Backend;

#[cfg(feature = "candle")]
mod backend;
#[cfg(feature = "candle")]
mod cache;
#[cfg(feature = "candle")]
mod context;
#[cfg(feature = "candle")]
mod cpu;
#[cfg(not(feature = "candle"))]
mod disabled;
#[cfg(feature = "candle")]
mod engine;
#[cfg(feature = "candle")]
mod gpt2;
#[cfg(feature = "candle")]
mod linear;
#[cfg(feature = "candle")]
mod llama;
#[cfg(feature = "candle")]
mod loader;
#[cfg(feature = "candle")]
mod network;
#[cfg(feature = "candle")]
mod operations;
#[cfg(feature = "candle")]
mod quantization;
#[cfg(feature = "candle")]
mod settings;
#[cfg(all(test, feature = "candle"))]
mod tests;

/// The backend, or what answers for it in a build without the feature `candle`.
pub(super) fn backend() -> Box<dyn Backend> {
    #[cfg(feature = "candle")]
    {
        Box::new(backend::Candle)
    }
    #[cfg(not(feature = "candle"))]
    {
        Box::new(disabled::Candle)
    }
}
