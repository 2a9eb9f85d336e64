//! The wattest command.

fn main() {}
