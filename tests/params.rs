//! Every parameter of every backend as a test case.

fn main() {}
