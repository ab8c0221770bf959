//! Tasks for developers and CI.
fn main() {}
