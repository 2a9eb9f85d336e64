//! PyTorch in this process: the models on libtorch, without Python.
//!
//! The way of a request is that of the other backends on tensors: [`settings`] checks what was
//! asked, [`loader`] makes tensors of a model directory, in fewer bits where [`quantization`] is to
//! have them, [`llama`] and [`gpt2`] are the networks, [`context`] runs them over a [`cache`], and
//! [`engine`] joins all that with the generation loop.
//! Only the fallible operations of tch are used: the others panic where libtorch throws.

mod attention;
mod backend;
mod cache;
mod company;
mod context;
mod cuda;
mod engine;
mod fault;
mod gpt2;
mod in_force;
mod input;
mod linear;
mod llama;
mod loader;
mod mask;
mod native;
mod network;
mod placement;
mod quantization;
mod settings;
mod shortage;
mod switches;
#[cfg(test)]
mod tests;
mod threads;

pub(super) use backend::PyTorch;
