//! Tests over whole tables.

mod candle;
mod faults;
mod generation;
mod hostile;
mod names;
mod over;
mod rules;
