//! Energy: what it is read off, what a window of it amounts to, and how far that can be trusted.
//!
//! The way of the data: a [`Meter`] is read again and again while a window is open; the samples say
//! between which joules the window lies, and a [`Reading`] has that with everything that speaks
//! against it ([`Doubt`]).

mod baseline;
mod bracket;
mod doubt;
mod interval;
mod meter;
mod noise;
mod normal;
mod options;
mod power;
mod reading;
mod repeats;
mod soundness;
pub mod statistics;
#[cfg(test)]
mod tests;
mod tick;
mod trace;
mod warmup;
mod window;

pub use baseline::{Baseline, BaselineKind};
pub use bracket::Bracket;
pub use doubt::Doubt;
pub use interval::{Interval, Method};
pub use meter::{Clock, Meter, Presence, Probe, Quantity, ReadError, Sample, Source};
pub use noise::NoiseBand;
pub use options::Options;
pub use reading::Reading;
pub use tick::Tick;
pub use trace::{Failure, Flaw, Point, Trace};
pub use warmup::{WarmUp, Warmth};
pub use window::{RESOLVED, Span, Tokens, Window};
