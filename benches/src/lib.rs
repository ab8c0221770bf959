//! What the measurements stand on: `cargo xtask bench` (speed) and `cargo xtask chaos` (faults).
//!
//! Both run the `liaison` binary itself in processes of its own, over a world that the service prepared, with receivers
//! and clients in this process. Nothing here ships, and nothing here is a test: a failure is an error that says what
//! could not be done.

pub mod bench;
pub mod chaos;
pub mod client;
pub mod cluster;
pub mod process;
pub mod sinks;
pub mod world;

/// What `main` does first: the TLS library wants one source of its primitives for the whole process.
pub fn prepare() {
    // A second call finds it there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
