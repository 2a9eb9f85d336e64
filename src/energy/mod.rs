//! Energy: what it is read off, what a window of it amounts to, and how far that can be trusted.
//!
//! The way of the data: a [`Meter`] is read again and again while a window is open; the samples say
//! between which joules the window lies, and a [`Reading`] has that with everything that speaks
//! against it ([`Doubt`]).

mod doubt;
mod meter;
mod options;
mod reading;

pub use doubt::Doubt;
pub use meter::{Clock, Meter, Presence, Probe, Quantity, ReadError, Sample, Source};
pub use options::Options;
pub use reading::Reading;
