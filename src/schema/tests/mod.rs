//! Tests over whole tables.

mod candle;
mod faults;
mod generation;
mod hostile;
mod known;
mod names;
mod over;
mod rules;
