//! Bytes to records to findings. Pure.

mod advice;
mod carrier;
mod classify;
mod finding;
mod head;
mod kind;
mod level;
mod line;
mod mark;
mod prefix;
mod record;
mod rules;
mod scanner;
mod source;
mod structured;
mod template;
mod text;
mod time;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod variety;

pub use finding::{Finding, Phase, Severity, Stream};
pub use scanner::{Scanned, Scanner};
pub use template::mask;
