//! The store on both engines.

mod basics;
