//! Energy of NVIDIA GPUs over a fake NVML: the rows of the list of what goes wrong elsewhere that
//! need no GPU. Each test has a library of its own, so all run at once.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, which the lint cannot know")]

mod absence;
mod choice;
mod counter;
mod cuda;
mod edges;
mod facts;
mod machine;
mod slow;
mod support;
