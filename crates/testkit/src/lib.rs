//! The whole app on either engine for tests: a set clock, seeded ids, captured messages. A dev-dependency only.
//!
//! [`both_engines!`] writes one test for SQLite and one for PostgreSQL from the same body. PostgreSQL tests need
//! `LIAISON_TEST_POSTGRES_URL`, which `cargo xtask test` sets, and fail without it.

#![expect(clippy::expect_used, reason = "a harness stops the test when it cannot work")]

mod app;
mod database;
pub mod fixture;
mod fleet;
pub mod fuzz;
pub mod hall;
pub mod notes;
mod scene;
mod share;
mod tables;
mod work;

pub use app::{App, BASE_URL, START, signer};
pub use database::Database;
pub use fixture::Fixture;
pub use fleet::{Dies, Fleet, cut_short};
pub use hall::Hall;
/// The check of an export, which needs the public key alone.
pub use liaison_ledger::verify_export;
pub use liaison_store::Engine;
pub use notes::Signed;
pub use scene::Scene;
pub use share::{share_of, to_person, to_team};

/// Declares a test that runs on both engines: `both_engines! { async fn name(app: App) { … } }`.
#[macro_export]
macro_rules! both_engines {
    ($($(#[$meta:meta])* async fn $name:ident($app:ident: App) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, reason = "a body may need none of them")]
            use super::*;

            async fn run($app: $crate::App) $body

            #[tokio::test]
            async fn sqlite() {
                run($crate::App::start($crate::Engine::Sqlite).await).await;
            }

            #[tokio::test]
            async fn postgres() {
                run($crate::App::start($crate::Engine::Postgres).await).await;
            }
        }
    )*};
}
