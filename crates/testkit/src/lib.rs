//! The whole app on either engine, for tests.
