//! The rows of sign-in: passwords and second factors, sessions, the steps between, single-use links, and the counts of
//! failures. No secret stands here in clear: passwords as argon2id, codes and tokens as hashes, the rest sealed.

pub mod account_link;
pub mod ceremony;
pub mod credential;
pub mod passkey;
pub mod session;
pub mod throttle;
