//! What a worker writes: pipes, phases, bounded spools, and the redirection of this process's own
//! descriptors for `--isolate none`.

mod case;
mod pipe;
mod redirect;
mod spool;

pub use case::CaseCapture;
pub use pipe::{Pipe, Read};
pub use redirect::Redirect;
pub use spool::Spool;
