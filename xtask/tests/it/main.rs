//! What holds for the whole workspace and no crate could check by itself.

mod arrows;
mod dependencies;
mod deploy;
mod guarantees;
mod manifests;
mod workspace;
