//! The core against meters whose truth is known, on a clock that only the test moves.

mod agreement;
mod elsewhere;
pub(super) mod fake;
mod faults;
mod power;
mod replay;
mod truth;
mod windows;
