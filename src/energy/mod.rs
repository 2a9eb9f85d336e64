//! Energy: what it is read off, what a window of it amounts to, and how far that can be trusted.
//!
//! The way of the data: a [`Meter`] is read again and again while a window is open; the samples say
//! between which joules the window lies, and a [`Reading`] has that with everything that speaks
//! against it ([`Doubt`]).

mod agreement;
mod baseline;
mod bracket;
mod clock;
pub mod cuda;
mod doubt;
mod idle;
mod interval;
mod measurement;
mod meter;
mod noise;
mod normal;
pub mod nvml;
mod options;
mod per_token;
mod power;
pub mod rapl;
mod reading;
mod recorder;
mod repeats;
mod rounds;
mod sampler;
mod soundness;
pub mod sources;
pub mod statistics;
#[cfg(test)]
mod tests;
mod tick;
mod trace;
mod window;
mod work;

pub use baseline::{Baseline, BaselineKind, Baselines, IdlePower};
pub use bracket::Bracket;
pub use clock::Monotonic;
pub use doubt::Doubt;
pub use interval::{Interval, Method};
pub use measurement::Measurement;
pub use meter::{Clock, Meter, Presence, Probe, Quantity, ReadError, Sample, Source};
pub use noise::{NoiseBand, Repeated};
pub use options::Options;
pub use per_token::PerToken;
pub use reading::Reading;
pub use recorder::Recorder;
pub use rounds::Rounds;
pub use sampler::{Cost, Open, Rate, Sampler};
pub use sources::Sources;
pub use tick::Tick;
pub use trace::{Failure, Flaw, Point, Trace};
pub use window::{RESOLVED, Span, Window};
pub use work::{Phases, Tokens, Work};
